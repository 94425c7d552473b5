//! `cargo xtask bench`: the server against a floor, per server CPU-second.

use anyhow::Result;

use crate::{process, workspace};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Take one minute instead of many: fewer rounds with less work
    #[arg(long)]
    quick: bool,
    /// Only the scenarios with this text in their names
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// The threads of our server. The floor has one thread; 0 means one per core
    #[arg(long, default_value_t = 1, value_name = "N")]
    workers: usize,
}

/// Builds with optimisations and measures. The last line is one JSON object.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut command = workspace::cargo();
    command.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "bench",
        "--",
        "run",
    ]);
    command.args(["--workers", &args.workers.to_string()]);
    if args.quick {
        command.arg("--quick");
    }
    if let Some(only) = &args.only {
        command.args(["--only", only]);
    }
    process::run(&mut command)
}
