//! Runs the targets of `tools/fuzz/` under libFuzzer, on stable Rust.
//!
//! libFuzzer needs to see which code an input reaches. The flags that make LLVM count that are
//! stable ones; what is not stable, and not used, is the sanitizers, which find nothing in code
//! without `unsafe`.

mod build;
mod corpus;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

pub(crate) use run::{Outcome, replay};

use crate::workspace;

/// What a run needs to know.
pub(crate) struct Plan {
    pub(crate) targets: Vec<String>,
    /// Of each target.
    pub(crate) time: Duration,
    pub(crate) seed: u32,
    /// Put what was found into the corpora?
    pub(crate) keep: bool,
}

/// The targets: each has a folder in the corpora.
pub(crate) fn targets() -> Result<Vec<String>> {
    corpus::targets(&corpora())
}

/// Those of `names`, or all if there are none.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<String>> {
    let all = targets()?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        bail!("there is no target {unknown}; there are {}", all.join(", "));
    }
    Ok(match names {
        [] => all,
        names => names.to_vec(),
    })
}

/// Builds, runs each target, and says what came out. An input that fails is no error here.
pub(crate) fn run(plan: &Plan) -> Result<Vec<Outcome>> {
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
