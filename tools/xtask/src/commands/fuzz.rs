//! `cargo xtask fuzz`: input from clients and peers, made by libFuzzer.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;

use crate::fuzzer::{self, FuzzOutcome, FuzzPlan};
use crate::process;
use crate::workspace;

/// The arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Minutes for each target
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Only this target; may be given several times
    #[arg(long = "target", value_name = "T")]
    targets: Vec<String>,
    /// The seed of the mutations. By default, the clock
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// Run this one input, in hex, and nothing else
    #[arg(
        long,
        value_name = "HEX",
        requires = "targets",
        allow_hyphen_values = true
    )]
    input: Option<String>,
    /// Add what was found to tools/fuzz/corpus
    #[arg(long)]
    keep: bool,
}

/// Runs the targets, or one input. The last line of a run is one JSON object.
pub(crate) fn run(args: &Args) -> Result<()> {
    let targets = fuzzer::chosen(&args.targets)?;
    if let Some(input) = &args.input {
        let program = fuzzer::build()?;
        return targets
            .iter()
            .try_for_each(|target| fuzzer::replay(&program, target, input));
    }
    let plan = FuzzPlan {
        targets,
        time: Duration::from_secs(60 * args.minutes),
        seed: args.seed.unwrap_or_else(clock),
        keep: args.keep,
    };
    report(&plan, &fuzzer::run(&plan)?)
}

/// Runs each target for some seconds, always from the same seed, in CI.
pub(crate) fn short() -> Result<()> {
    let plan = FuzzPlan {
        targets: fuzzer::targets()?,
        time: Duration::from_secs(5),
        seed: 1,
        keep: false,
    };
    report(&plan, &fuzzer::run(&plan)?)
}

fn report(plan: &FuzzPlan, outcomes: &[FuzzOutcome]) -> Result<()> {
    let results: Vec<_> = outcomes.iter().map(FuzzOutcome::to_json).collect();
    println!(
        "{}",
        json!({ "commit": commit(), "seed": plan.seed, "targets": results })
    );
    if outcomes.iter().any(|outcome| outcome.failed.is_some()) {
        bail!("an input failed: its target and its bytes are printed above");
    }
    Ok(())
}

/// Returns the commit that is fuzzed, with a `+` if files differ from it. Empty without git.
fn commit() -> String {
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(args).current_dir(workspace::root());
        process::run_captured(&mut git).unwrap_or_default()
    };
    let changed = !git(&["status", "--porcelain"]).is_empty();
    let head = git(&["rev-parse", "HEAD"]);
    format!("{}{}", head.trim(), if changed { "+" } else { "" })
}

fn clock() -> u32 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    // 0 lets libFuzzer choose a seed, which would not be reported.
    since.subsec_nanos().max(1)
}
