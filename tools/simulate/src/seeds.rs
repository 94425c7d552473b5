//! Runs many seeds, on all cores.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use presence_core::sim::{self, Coverage, Script, Violation};
use serde_json::json;

use crate::Args;

/// The time between two reports of progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// The least number of seeds from which the coverage can be judged.
const TELLING: u64 = 10_000;

/// The number of seeds in which an event must happen at least once: a thousand times in a million
/// seeds.
const SEEDS_A_TIME: u64 = 1000;

/// The events that need not happen. A change whose clock no node knows is an error in the
/// simulator's own records, and must not. A queue of a link overflows in very few small scripts,
/// because nodes keep what waits there short; large scripts and the scenarios of slow links
/// (`presence-core/src/sim/tests/slow_links.rs`) see to it. Answers within credit leave at once, so
/// that a node is seldom too busy to begin one more;
/// `presence-core/src/replication/shard/tests/bounds.rs` has it.
const NEVER: [&str; 3] = ["busy", "clocks_unknown", "messages_overflowed"];

struct Found {
    seed: u64,
    script: Script,
    violation: Violation,
}

/// Runs the seeds, and prints one JSON object as the last line. Returns whether every promise was
/// kept.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let started = Instant::now();
    let (coverage, found, ran) = run_all(args);
    for found in &found {
        print_violation(args, found)?;
    }
    // Large scripts have few of the misfortunes.
    let idle = match args.large {
        true => Vec::new(),
        false => idle(&coverage, ran),
    };
    let summary = json!({
        "seeds": ran,
        "from": args.from,
        "violations": found.len(),
        "seconds": started.elapsed().as_secs_f64().round(),
        "commit": args.commit,
        "coverage": coverage,
        "idle": idle,
    });
    println!("{summary}");
    if !idle.is_empty() {
        eprintln!(
            "error: the seeds are idle: {} hardly ever happen",
            idle.join(", ")
        );
    }
    Ok(found.is_empty() && idle.is_empty())
}

/// Returns the names of the events that are too rare in these seeds.
fn idle(coverage: &Coverage, ran: u64) -> Vec<&str> {
    let rare = coverage
        .iter()
        .filter(|(name, count)| count * SEEDS_A_TIME < ran && !NEVER.contains(name));
    match ran < TELLING {
        true => Vec::new(),
        false => rare.map(|(name, _)| name).collect(),
    }
}

fn run_all(args: &Args) -> (Coverage, Vec<Found>, u64) {
    let threads = match args.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let next = AtomicU64::new(0);
    let enough = AtomicBool::new(false);
    let found = Mutex::new(Vec::new());
    let coverage = Mutex::new(Coverage::default());
    let started = Instant::now();
    let limit = args
        .minutes
        .map(|minutes| Duration::from_secs(60 * minutes));
    let is_over = || limit.is_some_and(|limit| started.elapsed() >= limit);
    thread::scope(|scope| {
        for number in 0..threads {
            let (next, enough, found, coverage) = (&next, &enough, &found, &coverage);
            let is_over = &is_over;
            scope.spawn(move || {
                let mut own = Coverage::default();
                let mut told = Instant::now();
                while !enough.load(Ordering::Relaxed) && !is_over() {
                    let number_of_seed = next.fetch_add(1, Ordering::Relaxed);
                    if number_of_seed >= args.seeds {
                        break;
                    }
                    let seed = args.from + number_of_seed;
                    let script = script_of(seed, args.large);
                    let outcome = sim::run(&script);
                    own.merge(&outcome.coverage);
                    if let Some(violation) = outcome.violation {
                        let mut found = found.lock().unwrap_or_else(|panic| panic.into_inner());
                        found.push(Found {
                            seed,
                            script,
                            violation,
                        });
                        enough.fetch_or(found.len() >= args.violations, Ordering::Relaxed);
                    }
                    if number == 0 && told.elapsed() > PROGRESS {
                        told = Instant::now();
                        eprintln!(
                            "    {number_of_seed} seeds in {} s",
                            started.elapsed().as_secs()
                        );
                    }
                }
                let mut all = coverage.lock().unwrap_or_else(|panic| panic.into_inner());
                all.merge(&own);
            });
        }
    });
    let ran = next.into_inner().min(args.seeds);
    let coverage = coverage
        .into_inner()
        .unwrap_or_else(|panic| panic.into_inner());
    let mut found = found
        .into_inner()
        .unwrap_or_else(|panic| panic.into_inner());
    found.sort_by_key(|found| found.seed);
    (coverage, found, ran)
}

/// Returns the script of a seed.
pub(crate) fn script_of(seed: u64, is_large: bool) -> Script {
    match is_large {
        true => sim::generate_large(seed),
        false => sim::generate(seed),
    }
}

fn print_violation(args: &Args, found: &Found) -> Result<()> {
    let seed = found.seed;
    println!("seed {seed}: {}", found.violation);
    let smaller = (args.shrink > 0)
        .then(|| sim::shrink(&found.script, found.violation.rule, args.shrink))
        .flatten();
    let (script, violation) = smaller
        .as_ref()
        .map_or((&found.script, &found.violation), |(script, violation)| {
            (script, violation)
        });
    fs::create_dir_all(&args.scripts)
        .with_context(|| format!("cannot make {}", args.scripts.display()))?;
    let path = args.scripts.join(format!(
        "{}seed-{seed}.txt",
        if args.large { "large-" } else { "" }
    ));
    fs::write(&path, script.to_string())
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("cut down: {violation}");
    println!("\n{script}");
    println!("again: cargo xtask simulate --replay {}", path.display());
    let large = if args.large { " --large" } else { "" };
    println!("whole: cargo xtask simulate --replay {seed}{large}\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hardly_ever_happens_is_named() {
        let mut coverage = Coverage::default();
        for (name, count) in [("gaps", 20), ("staged", 19), ("clocks_unknown", 0)] {
            coverage.add(name, count);
        }
        assert_eq!(idle(&coverage, 20_000), ["staged"]);
        assert_eq!(idle(&coverage, 19_000), [""; 0]);
        assert_eq!(idle(&coverage, 9_999), [""; 0], "too few to tell");
    }
}
