//! Measures a node that joins over a slow link, on simulated clusters, as a table.

use std::time::Duration;

use anyhow::{Context, Result};
use presence_core::sim::{Bandwidth, Cluster, LinkReport, Setup, Violation, Weather};
use serde_json::json;

use crate::case::Case;

/// The clusters of the table in the documentation: as many presences as fit, on up to 200 nodes.
pub(crate) const CASES: [&str; 8] = [
    "20x10000",
    "200x10000",
    "50x40000",
    "20x100000",
    "3x1000000",
    "20x1000000",
    "50x400000",
    "200x100000",
];

/// The link of the joiner: 100 Mbit/s.
const LINK: Bandwidth = Bandwidth {
    bytes_a_second: 12_500_000,
    queue_bytes: 1 << 20,
};

const ROUND_TRIP: Duration = Duration::from_millis(20);

const STEP: Duration = Duration::from_millis(20);

const SECOND: Duration = Duration::from_secs(1);

/// The virtual time after which a join counts as failed.
const PATIENCE: Duration = Duration::from_secs(1200);

/// One measured join.
struct Row {
    case: Case,
    /// The bytes that hold what the joiner lacked.
    minimum: u64,
    received: LinkReport,
    took: Duration,
    /// The most entries that one hold of a lock has visited, on any node.
    visits: u64,
    /// The memory of the process for each presence that a node holds, the simulator included.
    memory: Option<u64>,
}

impl Row {
    /// Returns the time in which a join has to end.
    fn allowed(&self) -> Duration {
        let transfer = self.minimum as f64 / LINK.bytes_a_second as f64;
        Duration::from_secs_f64(2.0 * transfer) + SECOND + 10 * ROUND_TRIP
    }

    fn bytes_ratio(&self) -> f64 {
        self.received.bytes as f64 / self.minimum as f64
    }

    fn is_kept(&self) -> bool {
        self.took <= self.allowed() && self.bytes_ratio() <= 1.3
    }
}

/// Measures all cases and prints the table. The last line is one JSON object. Returns whether every
/// join kept its bounds.
pub(crate) fn run(cases: &[Case]) -> Result<bool> {
    println!(
        "| nodes | presences | minimum | received | time | allowed | a message waits | visits in a hold | memory a presence |"
    );
    println!("| --: | --: | --: | --: | --: | --: | --: | --: | --: |");
    // Taken once: what earlier clusters have freed is used again by later ones.
    let empty = support::usage::memory(std::process::id()).ok();
    let mut rows = Vec::new();
    for &case in cases {
        let row = measure(case, empty).context("the cluster broke a promise")?;
        print_row(&row);
        rows.push(row);
    }
    let kept = rows.iter().all(Row::is_kept);
    let rows: Vec<_> = rows.iter().map(as_json).collect();
    println!("\n{}", json!({ "catch_up": rows, "kept": kept }));
    Ok(kept)
}

fn print_row(row: &Row) {
    let memory = row
        .memory
        .map_or("-".to_owned(), |bytes| format!("{bytes} B"));
    println!(
        "| {} | {} | {:.1} MB | {:.2} times | {:.2} s | {:.2} s | {} ms | {} | {memory} |",
        row.case.nodes,
        row.case.presences,
        row.minimum as f64 / 1e6,
        row.bytes_ratio(),
        row.took.as_secs_f64(),
        row.allowed().as_secs_f64(),
        row.received.longest_wait.as_millis(),
        row.visits,
    );
}

fn as_json(row: &Row) -> serde_json::Value {
    json!({
        "nodes": row.case.nodes,
        "presences": row.case.presences,
        "minimum": row.minimum,
        "received": row.received.bytes,
        "seconds": row.took.as_secs_f64(),
        "allowed": row.allowed().as_secs_f64(),
        "longest_wait_ms": row.received.longest_wait.as_millis() as u64,
        "visits_in_a_hold": row.visits,
        "memory_a_presence": row.memory,
    })
}

/// Has the last node join the others, which track all presences.
fn measure(case: Case, empty: Option<u64>) -> Result<Row, Violation> {
    let setup = Setup::new(1, case.nodes);
    let mut cluster = Cluster::new(&setup).unchecked();
    let joiner = case.nodes - 1;
    cluster.crash(joiner);
    cluster.set_weather(Weather {
        longest_delay: Weather::CALM.least_delay,
        ..Weather::CALM
    });
    cluster.run_for(10 * SECOND)?;
    let topics = case.presences.div_ceil(100);
    for number in 0..case.presences {
        let machine = usize::try_from(number).unwrap_or_default() % joiner;
        let topic = format!("room:{}", number % topics);
        let meta = json!({ "online_at": 1_700_000_000 + number });
        cluster.track(machine, number, &topic, &format!("user:{number}"), &meta)?;
        if number % 10_000 == 0 {
            cluster.run_for(Duration::from_millis(100))?;
        }
    }
    cluster.run_for(20 * SECOND)?;

    let half = ROUND_TRIP / 2;
    cluster.set_weather(Weather {
        least_delay: half,
        longest_delay: half + Duration::from_millis(1),
        ..Weather::CALM
    });
    cluster.limit(joiner, LINK);
    let minimum = (0..joiner).map(|node| cluster.held_bytes(node)).sum();
    let before = cluster.received(joiner);
    cluster.take_most_visits_in_a_hold();
    let begun = cluster.now();
    cluster.restart(joiner)?;
    while !has_all(&cluster, joiner, topics, case.presences) {
        assert!(cluster.now() < begun + PATIENCE, "the join does not end");
        cluster.run_for(STEP)?;
    }
    let mut received = cluster.received(joiner);
    received.bytes -= before.bytes;
    let held = case.presences * case.nodes as u64;
    let full = support::usage::memory(std::process::id()).ok();
    Ok(Row {
        case,
        minimum,
        received,
        took: cluster.now() - begun,
        visits: cluster.take_most_visits_in_a_hold(),
        memory: empty
            .zip(full)
            .map(|(empty, full)| full.saturating_sub(empty) / held),
    })
}

fn has_all(cluster: &Cluster, machine: usize, topics: u64, presences: u64) -> bool {
    let counts = (0..topics).map(|topic| cluster.count(machine, &format!("room:{topic}")) as u64);
    counts.sum::<u64>() == presences
}
