//! `cargo phx`: makes apps with Phoenix channels and presence, and generates code into axum apps.
//!
//! The exit code is 0 on success, 1 on an error, 2 if the arguments cannot be read, and
//! 130 if ctrl-c has stopped the command before it changed a file. A command
//! that leaves lines for the user to add by hand prints them and succeeds.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use crate::cli::Cli;
use crate::console::Console;
use crate::hint::Hinted;
use crate::plan::Interrupted;

mod cli;
mod commands;
mod console;
mod events;
mod format;
mod hint;
mod manifest;
mod names;
mod paths;
mod plan;
mod project;
mod render;
mod source;
mod topics;
mod wiring;

/// The word before an error, red where the output takes colours.
const ERROR: &str = "\u{1b}[1;31merror\u{1b}[0m";

fn main() -> ExitCode {
    let cli = Cli::from_arguments(std::env::args_os());
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let terminal = input.is_terminal() && output.is_terminal();
    // Heeds NO_COLOR, CLICOLOR and CLICOLOR_FORCE, as cargo does.
    let colour = anstream::AutoStream::choice(&output) != anstream::ColorChoice::Never;
    match cli.run(
        &mut Console::new(&mut input, &mut output)
            .terminal(terminal)
            .colour(colour),
    ) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has what it wants: `cargo phx new hello --dry-run | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => {
            let _ = anstream::stderr().write_all(format!("{ERROR}: {error}\n").as_bytes());
            ExitCode::from(Interrupted::EXIT_CODE)
        }
        Err(error) => {
            let mut report = format!("{ERROR}: {error:#}\n");
            if let Some(hinted) = error.downcast_ref::<Hinted>() {
                report.push_str(&format!("hint: {}\n", hinted.hint()));
            }
            // Without a standard error there is no place to report a failed write.
            let _ = anstream::stderr().write_all(report.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
