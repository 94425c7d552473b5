//! Measures the server against a floor: what a program could do at best that only answers joins and
//! writes one prepared frame to each subscriber.
//!
//! The servers run as processes of their own, in turn (ours, floor, ours, ...), because a machine's
//! speed drifts; the figures are work per CPU-second of the server, and their ratios.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it reports to a terminal"
)]

mod child;
mod client;
mod floor;
mod report;
mod scenario;
mod serve;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures, and prints a table and then one line of JSON.
    Run {
        /// A minute instead of many: fewer rounds of less work.
        #[arg(long)]
        quick: bool,
        /// Only the scenarios with this text in their names.
        #[arg(long)]
        only: Option<String>,
        /// Threads of our server. The floor has one; 0 is one a core.
        #[arg(long, default_value_t = 1)]
        workers: usize,
    },
    /// Serves our channels on a free port of 127.0.0.1, and prints it.
    Serve {
        /// Threads; 0 is one a core.
        #[arg(long, default_value_t = 1)]
        workers: usize,
    },
    /// Serves the floor on a free port of 127.0.0.1, and prints it.
    Floor,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run {
            quick,
            only,
            workers,
        } => report::run(quick, only.as_deref(), workers),
        Command::Serve { workers } => serve::run(workers),
        Command::Floor => floor::run(),
    }
}
