//! Runs one target under libFuzzer.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{FuzzPlan, corpora, corpus};
use crate::{process, workspace};

/// The longest input, in bytes.
const MAX_LENGTH: &str = "-max_len=16384";
/// The longest time for one input, in seconds. A slower input has failed.
const TIMEOUT: &str = "-timeout=20";
/// The largest memory of the process, in megabytes. An input that needs more has failed. The
/// targets check themselves that the parsers use far less.
const MEMORY: &str = "-rss_limit_mb=2048";

/// The result of running one target.
pub(crate) struct FuzzOutcome {
    target: String,
    executions: u64,
    took: Duration,
    corpus: usize,
    edges: u64,
    peak_allocation: u64,
    /// The input that failed, in hex.
    pub(crate) failed: Option<String>,
}

impl FuzzOutcome {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "target": self.target,
            "executions": self.executions,
            "seconds": self.took.as_secs(),
            "corpus": self.corpus,
            "edges": self.edges,
            "panics": u8::from(self.failed.is_some()),
            "peak_allocation_bytes": self.peak_allocation,
        })
    }
}

/// Runs a target until its time is over or an input fails.
pub(super) fn target(program: &Path, target: &str, plan: &FuzzPlan) -> Result<FuzzOutcome> {
    let folder = workspace::scratch("fuzz").join(target);
    let (units, failures) = (folder.join("units"), folder.join("failures"));
    corpus::unpack(&corpora().join(target), &units)?;
    corpus::clear(&failures)?;
    let log = folder.join("log");

    let mut command = fuzzer(program, target);
    command
        .arg(format!("-seed={}", plan.seed))
        .arg(format!("-max_total_time={}", plan.time.as_secs()))
        .arg(format!("-artifact_prefix={}/", failures.display()))
        .args(["-print_final_stats=1", MAX_LENGTH, TIMEOUT, MEMORY])
        .arg(&units)
        .stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?);
    println!(
        "    {target}: {} s from seed {}",
        plan.time.as_secs(),
        plan.seed
    );
    let begun = Instant::now();
    let (status, _) = process::run_captured_any(&mut command)?;
    let took = begun.elapsed();

    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let failed = failed_input(&failures)?;
    match &failed {
        Some(input) => report_failure(target, input, &text),
        None if !status.success() => bail!("{target} ended with {status}: see {}", log.display()),
        None => {}
    }
    let outcome = FuzzOutcome {
        target: target.to_owned(),
        executions: last_number(&text, "stat::number_of_executed_units:").unwrap_or(0),
        took,
        corpus: fs::read_dir(&units)?.count(),
        edges: last_number(&text, "cov:").unwrap_or(0),
        peak_allocation: last_number(&text, "peak allocation:").unwrap_or(0),
        failed,
    };
    println!(
        "      {} executions, {} inputs, {} edges, at most {} bytes held",
        outcome.executions, outcome.corpus, outcome.edges, outcome.peak_allocation
    );
    if plan.keep {
        keep(program, target, &units, &folder)?;
    }
    Ok(outcome)
}

/// Runs one input, and shows what the target prints.
pub(crate) fn replay(program: &Path, target: &str, hex: &str) -> Result<()> {
    let input = corpus::bytes_of(hex).context("the input is not hex")?;
    let file = workspace::scratch("fuzz").join("replayed");
    fs::create_dir_all(workspace::scratch("fuzz"))?;
    fs::write(&file, input)?;
    process::run(fuzzer(program, target).arg(&file)).context("the input fails")
}

fn fuzzer(program: &Path, target: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("FUZZ_TARGET", target)
        .env("RUST_BACKTRACE", "1");
    command
}

/// Returns the input that ended the run, or `None` if no input failed.
fn failed_input(failures: &Path) -> Result<Option<String>> {
    for entry in fs::read_dir(failures)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // libFuzzer also keeps slow inputs, which are no failures.
        if ["crash-", "timeout-", "oom-"]
            .iter()
            .any(|kind| name.starts_with(kind))
        {
            return Ok(Some(corpus::hex(&fs::read(&path)?)));
        }
    }
    Ok(None)
}

fn report_failure(target: &str, input: &str, log: &str) {
    println!("      an input fails:");
    let panic = log.lines().skip_while(|line| !line.contains("panicked at"));
    panic.take(12).for_each(|line| println!("      | {line}"));
    println!("      run it again: cargo xtask fuzz --target {target} --input {input}");
}

/// Adds to the corpus in the tree the inputs that reach code that no other input reaches.
fn keep(program: &Path, target: &str, units: &Path, folder: &Path) -> Result<()> {
    let corpus = corpora().join(target);
    let (known, merged): (PathBuf, PathBuf) = (folder.join("known"), folder.join("merged"));
    corpus::unpack(&corpus, &known)?;
    corpus::clear(&merged)?;
    let mut command = fuzzer(program, target);
    // Only edges count. Counting how often each is taken would keep ten times as many inputs.
    command
        .args(["-set_cover_merge=1", "-use_counters=0", MAX_LENGTH])
        .args([&merged, &known, units])
        .stderr(File::create(folder.join("merge.log"))?);
    process::run_captured(&mut command)?;
    let added = corpus::keep(&merged, &corpus)?;
    println!("      {added} inputs are new in {}", corpus.display());
    Ok(())
}

/// Returns the number after the last `name` in a log.
fn last_number(log: &str, name: &str) -> Option<u64> {
    let (_, rest) = log.rsplit_once(name)?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_the_log() {
        let log = "#2\tINITED cov: 22 ft: 22\npeak allocation: 7\n#9\tDONE   cov: 23 ft: 23\n\
                   peak allocation: 42\nstat::number_of_executed_units: 16313161\n";
        assert_eq!(last_number(log, "cov:"), Some(23));
        assert_eq!(last_number(log, "peak allocation:"), Some(42));
        assert_eq!(
            last_number(log, "stat::number_of_executed_units:"),
            Some(16_313_161)
        );
        assert_eq!(last_number(log, "nothing:"), None);
    }

    #[test]
    fn an_input_that_fails_is_found_and_a_slow_one_is_none() {
        let failures = tempfile::tempdir().unwrap();
        fs::write(failures.path().join("slow-unit-1"), [1]).unwrap();
        assert_eq!(failed_input(failures.path()).unwrap(), None);
        fs::write(failures.path().join("crash-2"), [2, 0xff]).unwrap();
        assert_eq!(
            failed_input(failures.path()).unwrap().as_deref(),
            Some("02ff")
        );
    }
}
