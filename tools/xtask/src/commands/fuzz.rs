//! `cargo xtask fuzz`: what clients and peers send, made up by libFuzzer.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;

use crate::fuzzer::{self, Outcome, Plan};
use crate::process;
use crate::workspace;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Minutes for each target
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Only this target; may be given several times
    #[arg(long = "target", value_name = "T")]
    targets: Vec<String>,
    /// What the mutations are drawn from. By default the clock
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

/// The last line is one JSON object.
pub(crate) fn run(args: &Args) -> Result<()> {
    let targets = fuzzer::chosen(&args.targets)?;
    if let Some(input) = &args.input {
        let program = fuzzer::build()?;
        return targets
            .iter()
            .try_for_each(|target| fuzzer::replay(&program, target, input));
    }
    let plan = Plan {
        targets,
        time: Duration::from_secs(60 * args.minutes),
        seed: args.seed.unwrap_or_else(clock),
        keep: args.keep,
    };
    report(&plan, &fuzzer::run(&plan)?)
}

/// What CI runs: some seconds a target, always from the same seed.
pub(crate) fn short() -> Result<()> {
    let plan = Plan {
        targets: fuzzer::targets()?,
        time: Duration::from_secs(5),
        seed: 1,
        keep: false,
    };
    report(&plan, &fuzzer::run(&plan)?)
}

fn report(plan: &Plan, outcomes: &[Outcome]) -> Result<()> {
    let results: Vec<_> = outcomes.iter().map(Outcome::to_json).collect();
    println!(
        "{}",
        json!({ "commit": commit(), "seed": plan.seed, "targets": results })
    );
    if outcomes.iter().any(|outcome| outcome.failed.is_some()) {
        bail!("not every input was taken");
    }
    Ok(())
}

/// What was fuzzed. With a `+`, it has been changed since; without git, nobody knows.
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
    // 0 is libFuzzer's word for one of its own choice, which nobody would be told.
    since.subsec_nanos().max(1)
}
