//! The project's own chores, run as `cargo xtask <command>`.
//!
//! Each command has a file in `commands/`. `commands/test.rs` runs the steps of `steps/`. All child
//! processes are started through `process`, which ends them on every way out.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user on the terminal"
)]

mod apps;
mod chromium;
mod commands;
mod debian;
mod fuzzer;
mod installed;
mod npm;
mod process;
mod server;
mod steps;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Scaffold a fresh app with the generator, build it and serve it
    Demo(commands::demo::Args),
    /// Check everything: format, lints, docs, tests, conformance, browsers, the README's commands
    Test(commands::test::Args),
    /// Check what has changed, quickly: format, tidiness, lints, unit tests
    Check(commands::check::Args),
    /// Play the conformance kit's scenarios against examples/conformance
    Conformance(commands::conformance::Args),
    /// Run the checkout's `cargo phx` in the current folder
    Phx(commands::phx::Args),
    /// Measure the server against a floor and other servers, per server CPU-second
    Bench(commands::bench::Args),
    /// Build the book of `docs/` into `target/book`
    Book(commands::book::Args),
    /// Generate apps of every kind; compile, lint, test and run them
    Apps,
    /// Compile the libraries with each feature alone
    Features,
    /// Feed made-up input of clients and peers to the parsers, and look for failures
    Fuzz(commands::fuzz::Args),
    /// Kill, stop, part and restart real nodes under real clients
    ClusterTest(commands::cluster_test::Args),
    /// Search the queue of outgoing frames for lost wake-ups, in many orders of events
    Model,
    /// Break each rule of the replicated set, and check that the simulation notices
    Mutants(commands::mutants::Args),
    /// Run the replicated set on a simulated network with many seeds, and check every promise
    Simulate(commands::simulate::Args),
    /// Hold thousands of sockets for minutes, and check that memory and latency stay flat
    Soak(commands::soak::Args),
    /// Check file sizes, names, paths, prose, and documents that drift from the tree
    Tidy,
}

fn main() -> ExitCode {
    let result = process::catch_signals().and_then(|()| match Cli::parse().command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Test(args) => commands::test::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::Conformance(args) => commands::conformance::run(&args),
        Command::Phx(args) => commands::phx::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Book(args) => commands::book::run(&args),
        Command::Apps => commands::apps::run(),
        Command::Features => commands::features::run(),
        Command::Fuzz(args) => commands::fuzz::run(&args),
        Command::ClusterTest(args) => commands::cluster_test::run(&args),
        Command::Model => commands::model::run(),
        Command::Mutants(args) => commands::mutants::run(&args),
        Command::Simulate(args) => commands::simulate::run(&args),
        Command::Soak(args) => commands::soak::run(&args),
        Command::Tidy => tidy::run(),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<process::Interrupted>() => ExitCode::from(130),
        Err(error) if error.is::<commands::test::StepsFailed>() => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
