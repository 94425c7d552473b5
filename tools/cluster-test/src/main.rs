//! Kills, stops, parts and restarts real nodes under real clients. Run it with
//! `cargo xtask cluster-test`.
//!
//! Each node is a process of `examples/cluster`. Each client speaks version 2 of the protocol over
//! a WebSocket, and applies presences by the rules of phoenix.js. Every wait has a limit, and waits
//! for a condition. Each scenario prints its figures as a line of JSON, and fails if a promise is
//! broken.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool prints its figures"
)]

mod balancer;
mod bounded;
mod broker;
mod client;
mod cluster;
mod engine;
mod figures;
mod holder;
mod http;
mod link;
mod load;
mod member;
mod namespaces;
mod node;
mod presence;
mod scenarios;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use crate::cluster::Setup;
use crate::engine::Engine;
use crate::scenarios::{Scenario, Size};

/// The longest wait for what should happen soon. It is generous, for loaded machines.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Args {
    /// The scenario
    #[arg(value_enum)]
    scenario: Scenario,
    /// The engine between the nodes
    #[arg(long, value_enum, default_value_t = Engine::Zenoh)]
    engine: Engine,
    #[command(flatten)]
    size: Size,
    /// The executable of examples/cluster
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// The folder for the nodes' logs
    #[arg(long, value_name = "FOLDER")]
    logs: PathBuf,
    /// The commit that the figures name
    #[arg(long, default_value = "unknown")]
    commit: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let args = Args::parse();
    let setup = Setup {
        program: args.program,
        logs: args.logs,
        engine: args.engine,
    };
    let figures = figures::Printer {
        commit: args.commit,
        engine: args.engine,
    };
    // Each client is an open file, here and in the nodes, which inherit the limit.
    raise_open_files();
    let logs = setup.logs.display().to_string();
    scenarios::run(args.scenario, &setup, &args.size, &figures)
        .await
        .with_context(|| format!("the nodes' logs are in {logs}"))
}

fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // After an error, the limit is still enough for the smaller scenarios.
    let _ = setrlimit(Resource::Nofile, all);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands of the guide, as `cargo xtask cluster-test` passes them on.
    #[test]
    fn the_guides_commands_are_commands() {
        let guide = include_str!("../../../docs/operating.md");
        let mut commands = 0;
        for typed in guide.split("cargo xtask cluster-test ").skip(1) {
            let typed = typed.split(['\n', '#', '`']).next().unwrap_or_default();
            let words = typed.split_whitespace().filter(|word| *word != "--release");
            let added = ["--program", "cluster", "--logs", "logs"];
            let line = ["cluster-test"].into_iter().chain(words).chain(added);
            let parsed = Args::try_parse_from(line);
            assert!(parsed.is_ok(), "{typed}: {}", parsed.err().unwrap());
            commands += 1;
        }
        assert!(commands > 5, "the guide has {commands} commands");
    }
}
