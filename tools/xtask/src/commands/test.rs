//! `cargo xtask test`: all checks, one step after another, and a summary.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::process::Interrupted;
use crate::steps::Step;

/// The arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only these steps
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "STEP,...",
        hide_possible_values = true
    )]
    only: Vec<Step>,
    /// List the steps
    #[arg(long)]
    list: bool,
}

/// The error of a run with failed steps. The summary at the end of the output names them.
#[derive(Debug)]
pub(crate) struct StepsFailed;

impl fmt::Display for StepsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not all steps passed")
    }
}

impl std::error::Error for StepsFailed {}

pub(crate) fn run(args: &Args) -> Result<()> {
    let steps = Step::value_variants().iter().copied();
    if args.list {
        for step in steps {
            println!("{:<12} {}", step.name(), step.about());
        }
        return Ok(());
    }
    let mut results = Vec::new();
    for step in steps.filter(|step| args.only.is_empty() || args.only.contains(step)) {
        println!("\n==> {}: {}", step.name(), step.about());
        let started = Instant::now();
        let result = step.run();
        match &result {
            Err(error) if error.is::<Interrupted>() => return result,
            Err(error) => println!("FAIL {}: {error:#}", step.name()),
            Ok(()) => {}
        }
        results.push((step, result.is_ok(), started.elapsed()));
    }
    summarise(&results)
}

fn summarise(results: &[(Step, bool, Duration)]) -> Result<()> {
    println!("\n==> summary");
    for (step, passed, took) in results {
        println!(
            "{:<6} {:<12} {:>5} s",
            if *passed { "ok" } else { "FAIL" },
            step.name(),
            took.as_secs()
        );
    }
    let passed = results.iter().filter(|(_, passed, _)| *passed).count();
    let failed = results.len() - passed;
    if failed > 0 {
        println!("\nRun one step again with: cargo xtask test --only <step>");
    }
    println!("\n{passed} passed, {failed} failed");
    if failed > 0 {
        bail!(StepsFailed);
    }
    Ok(())
}
