//! `cargo phx`: makes apps with Phoenix channels and presence, and generates code into axum apps.
//!
//! Exit codes: 0 if all is done (also when something is left for the user to add by hand, which is
//! then printed), 1 on an error, 2 if the arguments cannot be read.

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
            // If standard error is closed there is nobody to tell.
            let _ = std::io::stderr().write_all(report.as_bytes());
            ExitCode::FAILURE
        }
    }
}
