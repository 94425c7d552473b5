//! Runs the targets of `tools/fuzz/` under libFuzzer, on stable Rust.
//!
//! libFuzzer must see which code an input reaches. The flags that make LLVM count this are stable.
//! The sanitizers are not stable, and not used: they find nothing in code without `unsafe`.

mod build;
mod corpus;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

pub(crate) use run::{FuzzOutcome, replay};

use crate::workspace;

/// The settings of a run.
pub(crate) struct FuzzPlan {
    pub(crate) targets: Vec<String>,
    /// The time for each target.
    pub(crate) time: Duration,
    pub(crate) seed: u32,
    /// Adds the inputs that were found to the corpora.
    pub(crate) keep: bool,
}

/// Returns the names of the targets. Each has a folder in the corpora.
pub(crate) fn targets() -> Result<Vec<String>> {
    corpus::targets(&corpora())
}

/// Returns the targets of these names, or all targets if `names` is empty.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<String>> {
    let all = targets()?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        bail!(
            "no target is named {unknown}: choose one of {}",
            all.join(", ")
        );
    }
    Ok(match names {
        [] => all,
        names => names.to_vec(),
    })
}

/// Builds the fuzzer and runs each target. An input that fails is part of the outcome, not an
/// error.
pub(crate) fn run(plan: &FuzzPlan) -> Result<Vec<FuzzOutcome>> {
    let program = build::fuzzer()?;
    let mut outcomes = Vec::new();
    for target in &plan.targets {
        outcomes.push(run::target(&program, target, plan)?);
    }
    Ok(outcomes)
}

/// Builds the fuzzer.
pub(crate) fn build() -> Result<PathBuf> {
    build::fuzzer()
}

fn corpora() -> PathBuf {
    workspace::root().join("tools/fuzz/corpus")
}
