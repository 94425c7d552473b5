//! The memory of a presence: of one that a node tracks, and of a copy on another node. `cargo xtask
//! bench --only memory` builds and starts this program.
//!
//! Bytes are those that the program asked its allocator for and still holds, with all indexes. RSS
//! is the growth of the process, with what the allocator keeps for itself. Each measurement has a
//! process of its own, because an allocator uses again what was freed.
#![allow(
    clippy::print_stdout,
    reason = "a command-line tool prints its figures"
)]

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use presence_core::fuzzing::Pair;
use presence_core::tracker::TrackError;
use presence_core::{Owner, Presence, PubSub, Tracker};
use serde_json::{Value, json};
use support::usage;

/// The presences that a node tracks.
const SIZES: [u64; 4] = [100_000, 300_000, 900_000, 1_000_000];
/// The presences if `cargo test` starts this program, to see that it works.
const IN_TEST: u64 = 2000;
/// The presences of a topic, as those of [`Pair`].
const PER_TOPIC: u64 = 100;
/// The steps of some milliseconds after which no diff waits.
const RESTS: usize = 50;
/// The same, for a tracker on real time.
const REST: Duration = Duration::from_secs(1);
/// The word that asks for the measurement with owners.
const OWNERS: &str = "owners";

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let Some(presences) = arguments.iter().find_map(|text| text.parse().ok()) {
        let figures = match arguments.iter().any(|text| text == OWNERS) {
            true => measure_tracker(presences)?,
            false => measure_pair(presences),
        };
        println!("{figures}");
        return Ok(());
    }
    let is_bench = arguments.iter().any(|text| text == "--bench");
    let sizes = if is_bench { &SIZES[..] } else { &[IN_TEST] };
    println!("| presences | tracked here | RSS | with its `Owner` | a copy | RSS |");
    println!("| --: | --: | --: | --: | --: | --: |");
    let mut rows = Vec::new();
    for presences in sizes {
        let mut row = measure_apart(&[&presences.to_string()])?;
        row["with_owner"] = measure_apart(&[&presences.to_string(), OWNERS])?;
        let bytes = COLUMNS.map(|name| format!("{} B", row[name]));
        println!("| {presences} | {} |", bytes.join(" | "));
        rows.push(row);
    }
    println!("\n{}", json!({ "memory": rows }));
    Ok(())
}

/// The figures, in bytes for each presence.
const COLUMNS: [&str; 5] = ["tracked", "tracked_rss", "with_owner", "copy", "copy_rss"];

/// Measures in a new process.
fn measure_apart(arguments: &[&str]) -> Result<Value> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).context("a measurement is not JSON")
}

/// Has one node track presences, and then a new node get a copy of them. Neither has a tracker, so
/// nothing but the replicated set is counted.
fn measure_pair(presences: u64) -> Value {
    let rss = || usage::memory(std::process::id()).ok();
    let before = rss();
    let mut pair = Pair::new(1);
    let tracking = allocation_counter::measure(|| {
        for _ in 1..presences {
            drop(pair.track_one());
        }
        rest(&mut pair);
    });
    let between = rss();
    let copying = allocation_counter::measure(|| {
        pair.join();
        rest(&mut pair);
    });
    let after = rss();
    let grown = |from: Option<u64>, to: Option<u64>| {
        let (from, to) = from.zip(to)?;
        Some(to.saturating_sub(from) / presences)
    };
    let row = json!({
        "presences": presences,
        "tracked": tracking.bytes_current / presences.cast_signed(),
        "tracked_rss": grown(before, between),
        "copy": copying.bytes_current / presences.cast_signed(),
        "copy_rss": grown(between, after),
    });
    drop(pair);
    row
}

/// Lets time pass, in which both nodes send the diffs of their topics. Until then the diffs hold
/// memory as well.
fn rest(pair: &mut Pair) {
    for _ in 0..RESTS {
        let said = pair.changes(0);
        pair.hear(&said);
    }
}

struct Plain;

impl Presence for Plain {
    const NAME: &str = "bench.memory";
}

/// Has a tracker with the default options track the same presences, each for an owner that stays.
/// Returns the bytes of each.
fn measure_tracker(presences: u64) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut owners = Vec::with_capacity(usize::try_from(presences)?);
    let mut tracker = None;
    let measured = allocation_counter::measure(|| {
        tracker = Some(runtime.block_on(async {
            let tracker = Tracker::start(&PubSub::local(), Plain);
            for number in 0..presences {
                let owner = Owner::new();
                let topic = format!("room:{}", number / PER_TOPIC);
                let meta = json!({ "online_at": 1_700_000_000 });
                let key = format!("user:{number}");
                tracker.track_as(&owner, topic, key, meta).await?;
                owners.push(owner);
            }
            tokio::time::sleep(REST).await;
            // It is dropped after it was measured.
            Ok::<_, TrackError>(tracker)
        }));
    });
    let _tracker = tracker.context("nothing was measured")??;
    Ok(json!(measured.bytes_current / presences.cast_signed()))
}
