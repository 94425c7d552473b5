//! `cargo xtask soak`: thousands of joined and tracked sockets for minutes, with churn.

use anyhow::Result;

use super::bench::bench;
use crate::process;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The sockets
    #[arg(long, default_value_t = 15_000, value_name = "N")]
    sockets: u64,
    /// The minutes after all sockets have joined
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    minutes: f64,
    /// The percentage of the sockets that are closed and replaced in a second
    #[arg(long, default_value_t = 1.0, value_name = "PERCENT")]
    churn: f64,
    /// The seconds between two lines of figures
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    interval: f64,
}

/// Prints a line of JSON for each interval, and whether memory and latency stayed flat. Fails if
/// they did not.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut command = bench("soak");
    command.args(["--sockets", &args.sockets.to_string()]);
    command.args(["--minutes", &args.minutes.to_string()]);
    command.args(["--churn", &args.churn.to_string()]);
    command.args(["--interval", &args.interval.to_string()]);
    process::run(&mut command)
}
