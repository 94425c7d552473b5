//! `cargo phx`: makes apps with Phoenix channels and presence, and generates code into axum apps.
//!
//! The exit code is 0 on success, 1 on an error, and 2 if the arguments cannot be read. A command
//! that leaves lines for the user to add by hand prints them and succeeds.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::Cli;
use crate::console::Console;
use crate::hint::Hinted;

mod cli;
mod commands;
mod console;
mod format;
mod hint;
mod manifest;
mod names;
mod plan;
mod project;
mod render;
mod source;
mod wiring;

fn main() -> ExitCode {
    let cli = Cli::from_arguments(std::env::args_os());
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    match cli.run(&mut Console::new(&mut input, &mut output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut report = format!("error: {error:#}\n");
            if let Some(hinted) = error.downcast_ref::<Hinted>() {
                report.push_str(&format!("hint: {}\n", hinted.hint()));
            }
            // Without a standard error there is no place to report a failed write.
            let _ = std::io::stderr().write_all(report.as_bytes());
            ExitCode::FAILURE
        }
    }
}
