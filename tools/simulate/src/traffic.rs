//! Measures the cost of replication on the network, on simulated clusters, as a table and a plot.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use presence_core::sim::{Cluster, Setup, Traffic, Violation, Weather};
use serde_json::json;
use support::plot::{Titles, log_log};

use crate::case::Case;

/// The virtual time for which each state of a cluster is measured.
const WATCHED: Duration = Duration::from_secs(15);

/// The virtual time that a cluster may take until all nodes show all presences.
const SETTLING: Duration = Duration::from_secs(20);

/// The clusters of the table in the documentation.
pub(crate) const CASES: [&str; 5] = ["3x10000", "20x10000", "50x10000", "200x10000", "3x1000000"];

/// One measured cluster.
struct Row {
    case: Case,
    idle: Rates,
    busy: Rates,
}

/// The average traffic that one node sends in a second.
#[derive(Clone, Copy)]
struct Rates {
    messages: f64,
    bytes: f64,
}

/// Measures all cases, prints the table, and writes the plot. The last line is one JSON object.
/// Always returns `true`: a measurement has no verdict.
pub(crate) fn run(cases: &[Case], plot_file: &Path) -> Result<bool> {
    println!(
        "| nodes | presences | idle: messages/s | bytes/s | a message | busy: changes/s | messages/s | bytes/s | a change and receiver |"
    );
    println!("| --: | --: | --: | --: | --: | --: | --: | --: | --: |");
    let mut rows = Vec::new();
    for &case in cases {
        let row = measure(case).context("the cluster broke a promise")?;
        print_row(&row);
        rows.push(row);
    }
    draw(&rows, plot_file)?;
    println!("\nthe plot is in {}", plot_file.display());
    let rows: Vec<_> = rows.iter().map(as_json).collect();
    println!("{}", json!({ "traffic": rows }));
    Ok(true)
}

/// Draws the clusters that have as many presences as the first one.
fn draw(rows: &[Row], plot_file: &Path) -> Result<()> {
    let small: Vec<_> = rows
        .iter()
        .filter(|row| row.case.presences == rows[0].case.presences)
        .collect();
    let points = |rates: fn(&Row) -> Rates| -> Vec<(f64, f64)> {
        small
            .iter()
            .map(|row| (row.case.nodes as f64, rates(row).bytes))
            .collect()
    };
    let lines = [
        ("idle", points(|row| row.idle)),
        ("busy, 200 changes a second", points(|row| row.busy)),
    ];
    let titles = Titles {
        chart: "Bytes a second that one node sends",
        across: "nodes",
        up: "bytes a second",
    };
    let picture = log_log(titles, &lines)?;
    fs::write(plot_file, picture).with_context(|| format!("cannot write {}", plot_file.display()))
}

fn print_row(row: &Row) {
    let Row { case, idle, busy } = row;
    let receivers = (case.nodes - 1) as f64;
    let changes = 2 * case.moves();
    // The heartbeats are the same in a busy cluster as in an idle one. Each node makes an equal
    // share of the changes.
    let own_changes = changes as f64 / case.nodes as f64;
    let a_change = (busy.bytes - idle.bytes) / own_changes / receivers;
    println!(
        "| {} | {} | {:.1} | {:.0} | {:.0} B | {changes} | {:.1} | {:.0} | {a_change:.0} B |",
        case.nodes,
        case.presences,
        idle.messages,
        idle.bytes,
        idle.bytes / idle.messages,
        busy.messages,
        busy.bytes,
    );
}

fn as_json(row: &Row) -> serde_json::Value {
    let rates = |rates: Rates| json!({ "messages": rates.messages, "bytes": rates.bytes });
    json!({
        "nodes": row.case.nodes,
        "presences": row.case.presences,
        "changes": 2 * row.case.moves(),
        "idle": rates(row.idle),
        "busy": rates(row.busy),
    })
}

fn measure(case: Case) -> Result<Row, Violation> {
    let setup = Setup::new(1, case.nodes);
    let mut crowd = Crowd {
        cluster: Cluster::new(&setup).unchecked(),
        nodes: case.nodes as u64,
        first: 0,
        next: 0,
    };
    // Messages of one node keep their order, as over TCP.
    crowd.cluster.set_weather(Weather {
        longest_delay: Weather::CALM.least_delay,
        ..Weather::CALM
    });
    crowd.cluster.run_for(Duration::from_secs(10))?;
    for _ in 0..case.presences {
        crowd.come()?;
        if crowd.next.is_multiple_of(10_000) {
            crowd.cluster.run_for(Duration::from_millis(100))?;
        }
    }
    crowd.cluster.run_for(SETTLING)?;
    crowd.check(&case);
    let idle = crowd.watch(0)?;
    let busy = crowd.watch(case.moves())?;
    Ok(Row { case, idle, busy })
}

/// The presences numbered from `first` up to `next`, spread over machines and topics.
struct Crowd {
    cluster: Cluster,
    nodes: u64,
    first: u64,
    next: u64,
}

impl Crowd {
    fn come(&mut self) -> Result<(), Violation> {
        let (machine, topic, key) = self.place(self.next);
        let meta = json!({ "online_at": 1_700_000_000 + self.next });
        self.cluster
            .track(machine, self.next, &topic, &key, &meta)?;
        self.next += 1;
        Ok(())
    }

    fn go(&mut self) -> Result<(), Violation> {
        let (machine, ..) = self.place(self.first);
        self.cluster.owner_ends(machine, self.first)?;
        self.first += 1;
        Ok(())
    }

    /// Returns the machine, topic and key of a presence. A topic holds about a hundred, from all
    /// machines.
    fn place(&self, number: u64) -> (usize, String, String) {
        let machine = usize::try_from(number % self.nodes).unwrap_or_default();
        let topic = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let topics = 100 + self.next.max(10_000) / 100;
        (
            machine,
            format!("room:{}", topic % topics),
            format!("user:{number}"),
        )
    }

    /// Measures the cluster while `moves` presences leave and `moves` join each second.
    fn watch(&mut self, moves: u64) -> Result<Rates, Violation> {
        let before = self.cluster.traffic();
        for _ in 0..WATCHED.as_secs() {
            for _ in 0..moves {
                self.go()?;
                self.come()?;
                self.cluster
                    .run_for(Duration::from_micros(1_000_000 / moves))?;
            }
            if moves == 0 {
                self.cluster.run_for(Duration::from_secs(1))?;
            }
        }
        let Traffic { messages, bytes } = self.cluster.traffic();
        let rate = |count: u64| count as f64 / WATCHED.as_secs_f64() / self.nodes as f64;
        Ok(Rates {
            messages: rate(messages - before.messages),
            bytes: rate(bytes - before.bytes),
        })
    }

    /// Asserts that the cluster has converged: otherwise the measurement is worthless.
    fn check(&mut self, case: &Case) {
        let topics = 100 + case.presences / 100;
        for machine in [0, case.nodes - 1] {
            let listed: usize = (0..topics.max(200) * 2)
                .map(|topic| self.cluster.count(machine, &format!("room:{topic}")))
                .sum();
            assert_eq!(
                listed as u64, case.presences,
                "machine {machine} lacks some"
            );
        }
    }
}
