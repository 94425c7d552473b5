//! Measures the server against a floor and against other servers.
//!
//! The floor is a program that only replies to joins and writes one prepared frame to each
//! subscriber. Each server is a process of its own. The servers take turns (ours, floor, ours,
//! ...), because a machine's speed drifts. The figures are the work per CPU-second of the server,
//! and the ratio of ours to each other server in the same round.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool prints its figures"
)]

mod big_room;
mod child;
mod client;
mod cores;
mod counter;
mod floor;
mod packets;
mod plain;
mod report;
mod room;
mod scenario;
mod serve;
mod set;
mod soak;
mod wire;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures the servers, and prints tables and then one line of JSON.
    Run(report::Args),
    /// Holds thousands of sockets for minutes, and prints a line of JSON for each interval.
    Soak(soak::Args),
    /// Has newcomers join a room of 100,000, and 1,000 clients come back to it at once. Prints a
    /// line of JSON for each.
    BigRoom(big_room::Args),
    /// Prints the table of the replicated set's benchmarks, and draws their chart.
    Set(set::Args),
    /// Serves our channels on a free port of 127.0.0.1, and prints the port.
    Ours(Threads),
    /// Serves the floor on a free port of 127.0.0.1, and prints the port. It has one thread.
    Floor(Threads),
    /// Plays a room beside the clients of a scenario.
    #[command(hide = true)]
    Room(room::Args),
    /// Serves tokio-tungstenite alone on a free port of 127.0.0.1, and prints the port.
    Tungstenite(Threads),
}

#[derive(clap::Args)]
struct Threads {
    /// The threads of the server.
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run(args) => report::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::BigRoom(args) => big_room::run(&args),
        Command::Set(args) => set::run(&args),
        Command::Ours(threads) => serve::run(threads.workers),
        Command::Floor(_) => floor::run(),
        Command::Room(args) => room::run(&args),
        Command::Tungstenite(threads) => plain::run(threads.workers),
    }
}
