//! Runs many seeds, on all cores.

use std::collections::BTreeMap;
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

/// The events that must happen in a run of many seeds.
struct Demand {
    /// The least number of seeds from which the coverage can be judged.
    telling: u64,
    /// The number of seeds in which an event must happen at least once.
    seeds_a_time: u64,
    /// The events that may be rarer, each with the number of seeds in which it must happen at least
    /// once.
    rare: &'static [(&'static str, u64)],
    /// The events that must happen also if the coverage does not name them. It names some events
    /// only once they happen.
    named: &'static [&'static str],
    /// The events that need not happen.
    never: &'static [&'static str],
}

/// The demand on small scripts: each event a thousand times in a million seeds.
///
/// A change whose clock no node knows is an error in the simulator's own records, and must not
/// happen. A queue of a link overflows in very few small scripts, because nodes keep what waits
/// there short; large scripts and the scenarios of slow links
/// (`presence-core/src/sim/tests/slow_links.rs`) see to it. Answers within credit leave at once, so
/// that a node is seldom too busy to begin one more;
/// `presence-core/src/replication/shard/tests/bounds.rs` has it.
const SMALL: Demand = Demand {
    telling: 10_000,
    seeds_a_time: 1000,
    rare: &[],
    named: &[],
    never: &["busy", "clocks_unknown", "messages_overflowed"],
};

/// The demand on large scripts. They have fewer kinds of misfortunes than small ones, and they are
/// the ones in which links overflow and engines carry short messages alone.
const LARGE: Demand = Demand {
    telling: 500,
    seeds_a_time: 100,
    rare: &[
        ("converged_late", 1000),
        ("messages_overflowed", 1000),
        ("staged", 500),
    ],
    named: &[
        "converged_late",
        "crashes",
        "disconnects",
        "downgrades",
        "engines",
        "leaves",
        "limits",
        "messages_of_later_versions",
        "messages_overflowed",
        "parts",
        "renames",
        "starts",
    ],
    never: &[
        "busy",
        "clocks_unknown",
        "conflicts",
        "debts",
        "malformed",
        "nonsense",
        "overlaps",
        "refetches",
        "respites",
        "retags",
    ],
};

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
    let demand = if args.large { &LARGE } else { &SMALL };
    let idle = demand.idle(&coverage, ran);
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

impl Demand {
    /// Returns the names of the events that are too rare in these seeds.
    fn idle<'a>(&self, coverage: &'a Coverage, ran: u64) -> Vec<&'a str> {
        if ran < self.telling {
            return Vec::new();
        }
        let seeds_a_time = |name| {
            let mut rare = self.rare.iter();
            let own = rare.find(|(other, _)| *other == name);
            own.map_or(self.seeds_a_time, |(_, seeds)| *seeds)
        };
        let named = self.named.iter().map(|name| (*name, coverage.get(name)));
        let all: BTreeMap<_, _> = coverage.iter().chain(named).collect();
        all.into_iter()
            .filter(|(name, count)| *count < ran / seeds_a_time(*name))
            .filter(|(name, _)| !self.never.contains(name))
            .map(|(name, _)| name)
            .collect()
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
        assert_eq!(SMALL.idle(&coverage, 20_000), ["staged"]);
        assert_eq!(SMALL.idle(&coverage, 19_000), [""; 0]);
        assert_eq!(SMALL.idle(&coverage, 9_999), [""; 0], "too few to tell");
    }

    #[test]
    fn large_seeds_need_overflows_and_engines_with_limits() {
        let mut coverage = Coverage::default();
        for name in LARGE.named {
            coverage.add(name, 10);
        }
        coverage.add("staged", 1);
        coverage.add("retags", 0);
        assert_eq!(LARGE.idle(&coverage, 999), [""; 0]);
        assert_eq!(LARGE.idle(&coverage, 1000), ["staged"]);
        // Those that never happen are not even named.
        let nothing = Coverage::default();
        assert_eq!(LARGE.idle(&nothing, 499), [""; 0], "too few to tell");
        let at_500 = LARGE.idle(&nothing, 500);
        assert!(at_500.contains(&"engines"), "{at_500:?}");
        assert!(!at_500.contains(&"messages_overflowed"), "{at_500:?}");
        let at_1000 = LARGE.idle(&nothing, 1000);
        assert!(at_1000.contains(&"messages_overflowed"), "{at_1000:?}");
    }

    /// The rarest events of a run of 819 large seeds.
    #[test]
    fn what_large_seeds_had_is_enough() {
        let mut coverage = Coverage::default();
        for (name, count) in [
            ("buried", 947),
            ("converged", 1638),
            ("converged_late", 15),
            ("crashes", 3919),
            ("disconnects", 5455),
            ("downgrades", 425),
            ("early_applied", 88),
            ("engines", 420),
            ("leaves", 53_461),
            ("limits", 10_302),
            ("messages_of_later_versions", 257),
            ("messages_overflowed", 5),
            ("parts", 508),
            ("renames", 1405),
            ("retags", 0),
            ("staged", 35),
            ("starts", 850),
            ("vouched", 150),
        ] {
            coverage.add(name, count);
        }
        assert_eq!(LARGE.idle(&coverage, 819), [""; 0]);
    }
}
