//! Measures the server against a floor: a program that only replies to joins and writes one
//! prepared frame to each subscriber.
//!
//! The two servers run as separate processes and take turns (ours, floor, ours, ...), because a
//! machine's speed drifts. The figures are the work per CPU-second of the server, and the ratio of
//! both servers' figures.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool prints its figures"
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
    /// Measures both servers, and prints a table and then one line of JSON.
    Run {
        /// Measures fewer rounds of less work: a minute instead of many.
        #[arg(long)]
        quick: bool,
        /// Measures only the scenarios whose names contain this text.
        #[arg(long)]
        only: Option<String>,
        /// The threads of our server; 0 is one per core. The floor has one thread.
        #[arg(long, default_value_t = 1)]
        workers: usize,
    },
    /// Serves our channels on a free port of 127.0.0.1, and prints the port.
    Serve {
        /// The threads; 0 is one per core.
        #[arg(long, default_value_t = 1)]
        workers: usize,
    },
    /// Serves the floor on a free port of 127.0.0.1, and prints the port.
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
