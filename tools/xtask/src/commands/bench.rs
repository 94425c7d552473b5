//! `cargo xtask bench`: the server against a floor and against other servers, per server
//! CPU-second.

mod generator;

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{process, workspace};

/// The benchmark of a large room: a subcommand of `tools/bench` of its own.
const BIG_ROOM: &str = "big-room";
/// The memory of a presence: a benchmark of `tools/bench` of its own, because it counts what its
/// allocator does, which would slow the servers down.
const MEMORY: &str = "memory";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Take under two minutes instead of many: less work, one core, no peers
    #[arg(long)]
    quick: bool,
    /// Only the scenarios with this text in their names. `big-room` measures a room of 100,000 on
    /// one node and on three, and `memory` the bytes of a presence, which no other run does
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// The cores of the server. Default `both`, and `one` with --quick
    #[arg(long, value_parser = ["one", "all", "both"])]
    cores: Option<String>,
    /// The rounds of each scenario, in which the servers take turns
    #[arg(long, default_value_t = 3, value_name = "N")]
    rounds: usize,
    /// Leave socketioxide and the axum chat out, whose crate takes minutes to compile
    #[arg(long)]
    no_peers: bool,
    /// Run the Criterion benchmarks of the parts instead: encode, decode, dispatch, match, and the
    /// replicated set (`set-`)
    #[arg(long, conflicts_with_all = ["quick", "cores", "rounds", "no_peers"])]
    micro: bool,
    /// Time `cargo phx gen channel Room` in an app of 200 source files instead
    #[arg(long, conflicts_with_all = ["quick", "only", "cores", "rounds", "no_peers", "micro"])]
    generator: bool,
}

/// Builds with optimisations and measures. The last line is one JSON object.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.generator {
        return generator::run();
    }
    if args.micro {
        return micro(args.only.as_deref());
    }
    if args.only.as_deref() == Some(BIG_ROOM) {
        let mut command = bench(BIG_ROOM);
        if args.quick {
            command.args(["--users", "20000", "--seconds", "2", "--returning", "100"]);
        }
        return process::run(&mut command);
    }
    if args.only.as_deref() == Some(MEMORY) {
        let mut command = workspace::cargo();
        command.args(["bench", "--quiet", "--package", "bench", "--bench", MEMORY]);
        return process::run(&mut command);
    }
    let peers = match args.quick || args.no_peers {
        true => None,
        false => Some(build_peers()?),
    };
    let mut command = bench("run");
    let by_default = if args.quick { "one" } else { "both" };
    command.args(["--cores", args.cores.as_deref().unwrap_or(by_default)]);
    command.args(["--rounds", &args.rounds.to_string()]);
    if args.quick {
        command.arg("--quick");
    }
    if let Some(only) = &args.only {
        command.args(["--only", only]);
    }
    if let Some(peers) = peers {
        command.arg("--peers").arg(peers);
    }
    process::run(&mut command)
}

/// Returns the command that builds the program of `tools/bench`, as a new app is built, and runs
/// it.
pub(crate) fn bench(subcommand: &str) -> Command {
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--profile", "app"]);
    command.args(["--package", "bench", "--"]);
    command.arg(subcommand);
    command
}

/// Builds the servers of `tools/bench-peers`, which is a workspace of its own.
fn build_peers() -> Result<PathBuf> {
    let root = workspace::root();
    let target = root.join("target/bench-peers");
    let mut command = workspace::cargo();
    command.args(["build", "--quiet", "--release", "--locked"]);
    command.args(["--manifest-path", "tools/bench-peers/Cargo.toml"]);
    command.arg("--target-dir").arg(&target);
    process::run(&mut command)?;
    Ok(target.join("release/bench-peers"))
}

fn micro(only: Option<&str>) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["bench", "--quiet", "--package", "bench", "--bench", "micro"]);
    command.arg("--").args(only);
    process::run(&mut command)?;
    if only.is_some_and(|only| !only.starts_with("set-")) {
        return Ok(());
    }
    process::run(&mut bench("set"))
}
