//! The replicated set's simulation over many seeds: `cargo xtask simulate` builds and starts it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user on the terminal"
)]

mod replay;
mod seeds;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Run the replicated set on a simulated network, and check every promise at every step.
///
/// Each seed is a script of a few seconds to minutes of a cluster's life. A script that breaks a
/// promise is cut down and printed with the command that runs it again.
#[derive(Parser)]
#[command(name = "cargo xtask simulate", bin_name = "cargo xtask simulate")]
struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 1000, value_name = "N")]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    from: u64,
    /// Stop after so many minutes, with however many seeds have run then
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// How many threads; 0 is one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Stop after so many violations
    #[arg(long, default_value_t = 5, value_name = "N")]
    violations: usize,
    /// Cut a violation's script down in at most so many runs; 0 leaves it whole
    #[arg(long, default_value_t = 3000, value_name = "N")]
    shrink: usize,
    /// Run one script again, of a file or of a seed, and say what happens
    #[arg(long, value_name = "FILE|SEED")]
    replay: Option<String>,
    /// With `--replay`: print every message and tick
    #[arg(long, requires = "replay")]
    watch: bool,
    /// Measure messages and bytes of idle and busy clusters instead
    #[arg(long)]
    traffic: bool,
    /// With `--traffic`: the clusters, as nodes x presences
    #[arg(
        long = "cluster",
        default_values = traffic::CASES,
        value_name = "NODESxPRESENCES"
    )]
    clusters: Vec<traffic::Case>,
    /// Where the plot of the traffic is written
    #[arg(
        long,
        default_value = "docs/replication-traffic.svg",
        value_name = "FILE"
    )]
    plot: PathBuf,
    /// Where violations' scripts are written
    #[arg(long, default_value = "target/simulate", value_name = "FOLDER")]
    scripts: PathBuf,
    /// What the last line says the code is
    #[arg(long, default_value = "", value_name = "COMMIT")]
    commit: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // Panics are violations and told as such; shrinking one would print hundreds.
    if !args.traffic {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let result = match &args.replay {
        Some(what) => replay::run(what, args.watch),
        None if args.traffic => traffic::run(&args.clusters, &args.plot),
        None => seeds::run(&args),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the documentation has typed, as `cargo xtask simulate` hands it on.
    #[test]
    fn the_documented_commands_are_commands() {
        let page = include_str!("../../../docs/replication-traffic.md");
        let mut commands = 0;
        for typed in page.split("cargo xtask simulate ").skip(1) {
            let typed = typed.split(['\n', '`']).next().unwrap_or_default();
            let line = ["simulate"].into_iter().chain(typed.split_whitespace());
            let parsed = Args::try_parse_from(line);
            assert!(parsed.is_ok(), "{typed}: {}", parsed.err().unwrap());
            commands += 1;
        }
        assert!(commands > 1, "the page has {commands} commands");
    }

    /// The smallest cluster that can be measured, as the table's are.
    #[test]
    fn a_small_cluster_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let plot = folder.path().join("traffic.svg");
        let cases = ["2x1000".parse().unwrap(), "3x1000".parse().unwrap()];
        assert!(traffic::run(&cases, &plot).unwrap());
        assert!(std::fs::read_to_string(plot).unwrap().contains("<svg"));
        for wrong in ["", "3", "1x1000", "3x", "x1000", "3x10", "3 x 1000"] {
            assert!(wrong.parse::<traffic::Case>().is_err(), "{wrong}");
        }
    }
}
