//! Catching up with many replicas at once, each of which has few presences.

use std::time::Duration;

use serde_json::json;

use super::table::MS;
use crate::sim::{Bandwidth, Cluster, Setup, Violation, Weather};

const NODES: usize = 20;
/// The presences of each node.
const EACH: usize = 100;
const TOPICS: usize = 20;
const SECOND: Duration = Duration::from_secs(1);
const ROUND_TRIP: Duration = Duration::from_millis(20);
/// 10 Mbit/s.
const LINK: Bandwidth = Bandwidth {
    bytes_a_second: 1_250_000,
    queue_bytes: 1 << 20,
};

fn kept<T>(result: Result<T, Violation>) -> T {
    result.unwrap_or_else(|violation| panic!("{violation:?}"))
}

/// Returns the number of presences that a node shows.
fn shown(cluster: &Cluster, node: usize) -> usize {
    let topics = 0..TOPICS;
    topics
        .map(|topic| cluster.count(node, &format!("room:{topic}")))
        .sum()
}

/// The requests for this many replicas and shards wait for each other in the window, and are within
/// the time of rule 15 all the same.
#[test]
fn one_joins_nineteen() {
    let setup = Setup {
        nodes: NODES,
        ..Setup::default()
    };
    let mut cluster = Cluster::new(&setup).unchecked();
    let joiner = NODES - 1;
    cluster.crash(joiner);
    for node in 0..joiner {
        for number in 0..EACH {
            let topic = format!("room:{}", number % TOPICS);
            let key = format!("user:{node}:{number}");
            let meta = json!({ "device": "phone", "since": number });
            let owner = number as u64 + 1;
            assert!(kept(cluster.track(node, owner, &topic, &key, &meta)));
        }
    }
    kept(cluster.run_for(4 * SECOND));
    cluster.set_weather(Weather {
        least_delay: ROUND_TRIP / 2,
        longest_delay: ROUND_TRIP / 2 + MS,
        ..Weather::CALM
    });
    cluster.limit(joiner, LINK);
    let minimum: u64 = (0..joiner).map(|node| cluster.held_bytes(node)).sum();
    let transfer = Duration::from_secs_f64(2.0 * minimum as f64 / LINK.bytes_a_second as f64);
    let most = transfer + SECOND + 10 * ROUND_TRIP;
    let begun = cluster.now();
    kept(cluster.restart(joiner));
    while shown(&cluster, joiner) < joiner * EACH {
        let took = cluster.now() - begun;
        assert!(
            took <= most,
            "{} after {took:?}, at most {most:?}",
            shown(&cluster, joiner)
        );
        kept(cluster.run_for(20 * MS));
    }
    let waited = cluster.received(joiner).longest_wait;
    assert!(waited < SECOND, "a message waited for {waited:?}");
}
