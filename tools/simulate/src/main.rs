//! Runs the replicated set's simulation over many seeds. `cargo xtask simulate` builds and starts
//! this program.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user on the terminal"
)]

mod case;
mod catch_up;
mod replay;
mod seeds;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use case::Case;

/// Run the replicated set on a simulated network, and check every promise at every step.
///
/// Each seed is a script of a few seconds to minutes of a cluster's life. A script that breaks a
/// promise is cut down and printed with the command that runs it again.
#[derive(Parser)]
#[command(name = "cargo xtask simulate", bin_name = "cargo xtask simulate")]
struct Args {
    /// The number of seeds
    #[arg(long, default_value_t = 1000, value_name = "N")]
    seeds: u64,
    /// Clusters of up to 50 machines
    #[arg(long)]
    large: bool,
    /// The first seed
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    from: u64,
    /// Stop after N minutes, even if fewer seeds have run
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// The number of threads; 0 means one for each core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Stop after N violations
    #[arg(long, default_value_t = 5, value_name = "N")]
    violations: usize,
    /// Cut a violation's script down in at most N runs; 0 leaves the script whole
    #[arg(long, default_value_t = 3000, value_name = "N")]
    shrink: usize,
    /// Run one script again, from a file or a seed, and print the result
    #[arg(long, value_name = "FILE|SEED")]
    replay: Option<String>,
    /// With `--replay`: print every message and tick
    #[arg(long, requires = "replay")]
    watch: bool,
    /// Measure messages and bytes of idle and busy clusters instead
    #[arg(long)]
    traffic: bool,
    /// Measure a node that joins over a link of 100 Mbit/s instead
    #[arg(long, conflicts_with = "traffic")]
    catch_up: bool,
    /// With `--traffic` or `--catch-up`: the clusters, as nodes x presences. Without it, those of
    /// the documentation
    #[arg(long = "cluster", value_name = "NODESxPRESENCES")]
    clusters: Vec<Case>,
    /// The file for the plot of the traffic
    #[arg(
        long,
        default_value = "docs/replication-traffic.svg",
        value_name = "FILE"
    )]
    plot: PathBuf,
    /// The folder for the scripts of violations
    #[arg(long, default_value = "target/simulate", value_name = "FOLDER")]
    scripts: PathBuf,
    /// The commit that the last line names
    #[arg(long, default_value = "", value_name = "COMMIT")]
    commit: String,
}

impl Args {
    /// Returns the clusters to measure: those that were asked for, or else the defaults.
    fn clusters(&self, defaults: &[&str]) -> Vec<Case> {
        match self.clusters.is_empty() {
            true => defaults
                .iter()
                .map(|text| text.parse().expect("a cluster"))
                .collect(),
            false => self.clusters.clone(),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    // A panic is reported as a violation. Without the hook, cutting one down prints hundreds.
    if !args.traffic && !args.catch_up {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let result = match &args.replay {
        Some(what) => replay::run(what, args.large, args.watch),
        None if args.traffic => traffic::run(&args.clusters(&traffic::CASES), &args.plot),
        None if args.catch_up => catch_up::run(&args.clusters(&catch_up::CASES)),
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

    /// Parses each command of the documentation as `cargo xtask simulate` passes it on.
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

    /// A small cluster's join keeps the bounds, and the documented clusters can be read.
    #[test]
    fn a_small_join_is_measured() {
        let args = Args::parse_from(["simulate", "--catch-up", "--cluster", "3x1000"]);
        assert!(catch_up::run(&args.clusters(&catch_up::CASES)).unwrap());
        let args = Args::parse_from(["simulate", "--catch-up"]);
        assert_eq!(args.clusters(&catch_up::CASES).len(), catch_up::CASES.len());
    }

    /// Measures the smallest clusters, in the way that the table is made.
    #[test]
    fn a_small_cluster_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let plot = folder.path().join("traffic.svg");
        let cases = ["2x1000".parse().unwrap(), "3x1000".parse().unwrap()];
        assert!(traffic::run(&cases, &plot).unwrap());
        assert!(std::fs::read_to_string(plot).unwrap().contains("<svg"));
        for wrong in ["", "3", "1x1000", "3x", "x1000", "3x10", "3 x 1000"] {
            assert!(wrong.parse::<Case>().is_err(), "{wrong}");
        }
    }
}
