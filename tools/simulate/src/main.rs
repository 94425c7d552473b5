//! Runs the replicated set's simulation over many seeds. `cargo xtask simulate` builds and starts
//! this program.
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
    /// With `--traffic`: the clusters, as nodes x presences
    #[arg(
        long = "cluster",
        default_values = traffic::CASES,
        value_name = "NODESxPRESENCES"
    )]
    clusters: Vec<traffic::Case>,
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

fn main() -> ExitCode {
    let args = Args::parse();
    // A panic is reported as a violation. Without the hook, cutting one down prints hundreds.
    if !args.traffic {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let result = match &args.replay {
        Some(what) => replay::run(what, args.large, args.watch),
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

    /// Measures the smallest clusters, in the way that the table is made.
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
