//! Catching up over links with a bandwidth: in the time and with the bytes that rule 15 allows, and
//! without harm to the app's messages (rule 16).

use std::time::Duration;

use serde_json::json;

use super::table::MS;
use crate::replication::node::Status;
use crate::sim::{Bandwidth, Cluster, Setup, Weather};

/// Returns the bytes that a link of this many megabits carries in a second.
pub(super) const fn mbit(megabits: u64) -> u64 {
    megabits * 125_000
}

/// A join of a node, over a link.
struct Join {
    nodes: usize,
    each: usize,
    link: Bandwidth,
    round_trip: Duration,
    lost: u16,
}

/// The cost of a join.
#[derive(Debug)]
struct Joined {
    /// The bytes that hold what the joiner lacked.
    minimum: u64,
    received: u64,
    took: Duration,
    /// The longest time that a message has waited for the link.
    longest_wait: Duration,
    app_sent: usize,
    app_lost: usize,
    /// The longest time that a message of the app took.
    app_latest: Duration,
    seen_down: bool,
}

impl Join {
    fn over(megabits: u64, round_trip: Duration) -> Self {
        Self {
            nodes: 4,
            each: 4000,
            link: Bandwidth {
                bytes_a_second: mbit(megabits),
                queue_bytes: 1 << 20,
            },
            round_trip,
            lost: 0,
        }
    }

    fn run(&self) -> Joined {
        let setup = Setup {
            nodes: self.nodes,
            ..Setup::default()
        };
        let mut cluster = Cluster::new(&setup).unchecked();
        let joiner = self.nodes - 1;
        let half = self.round_trip / 2;
        cluster.crash(joiner);
        for number in 0..self.each {
            for node in 0..joiner {
                let topic = format!("room:{}", number % 100);
                let key = format!("user:{node}:{number}");
                let meta = json!({ "device": "phone", "since": number });
                let owner = number as u64 + 1;
                let tracked = cluster.track(node, owner, &topic, &key, &meta);
                assert!(tracked.unwrap_or_else(|violation| panic!("{violation:?}")));
            }
            if number % 100 == 0 {
                pass(&mut cluster, 10 * MS);
            }
        }
        pass(&mut cluster, Duration::from_secs(5));
        cluster.set_weather(Weather {
            least_delay: half,
            longest_delay: half + MS,
            lost: self.lost,
            ..Weather::CALM
        });
        cluster.limit(joiner, self.link);
        let minimum = (0..joiner).map(|node| cluster.held_bytes(node)).sum();
        let before = cluster.received(joiner).bytes;
        let begun = cluster.now();
        cluster
            .restart(joiner)
            .unwrap_or_else(|violation| panic!("{violation:?}"));

        let mut joined = Joined {
            minimum,
            received: 0,
            took: Duration::ZERO,
            longest_wait: Duration::ZERO,
            app_sent: 0,
            app_lost: 0,
            app_latest: Duration::ZERO,
            seen_down: false,
        };
        // A fifth of the link, in messages of 1,000 bytes.
        let pause = Duration::from_secs_f64(5000.0 / self.link.bytes_a_second as f64);
        let mut app_bytes = 0;
        let all = (self.nodes - 1) * self.each;
        while held(&cluster, joiner) < all {
            assert!(
                cluster.now() < begun + Duration::from_secs(600),
                "{joined:?}, {}",
                held(&cluster, joiner)
            );
            pass(&mut cluster, pause);
            let from = joined.app_sent % joiner;
            joined.app_sent += 1;
            match cluster.app_message(from, joiner, 1000) {
                Some(delay) => {
                    app_bytes += 1000;
                    joined.app_latest = joined.app_latest.max(delay);
                }
                None => joined.app_lost += 1,
            }
            joined.seen_down |= sees_one_down(&cluster);
        }
        let report = cluster.received(joiner);
        joined.took = cluster.now() - begun;
        joined.received = report.bytes - before - app_bytes;
        joined.longest_wait = report.longest_wait;
        joined
    }

    /// Checks rules 15 and 16.
    fn check(&self) -> Joined {
        let joined = self.run();
        let seconds = joined.minimum as f64 / self.link.bytes_a_second as f64;
        let most =
            Duration::from_secs_f64(2.0 * seconds) + Duration::from_secs(1) + 10 * self.round_trip;
        assert!(joined.took <= most, "{joined:?}, at most {most:?}");
        let most = joined.minimum * 13 / 10;
        assert!(joined.received <= most, "{joined:?}, at most {most}");
        assert_eq!(joined.app_lost, 0, "{joined:?}");
        assert!(joined.app_latest < Duration::from_secs(1), "{joined:?}");
        assert!(!joined.seen_down, "{joined:?}");
        joined
    }
}

pub(super) fn pass(cluster: &mut Cluster, time: Duration) {
    if let Err(violation) = cluster.run_for(time) {
        panic!("{violation:?}");
    }
}

/// Returns the number of presences of others that a node shows.
pub(super) fn held(cluster: &Cluster, node: usize) -> usize {
    let topics = 0..100;
    topics
        .map(|topic| cluster.count(node, &format!("room:{topic}")))
        .sum()
}

pub(super) fn sees_one_down(cluster: &Cluster) -> bool {
    (0..cluster.len())
        .filter_map(|node| cluster.node(node))
        .any(|node| {
            let statuses = node.statuses();
            statuses.iter().any(|(_, status)| *status == Status::Down)
        })
}

#[test]
fn a_joiner_catches_up_within_the_bandwidth_of_its_link() {
    for megabits in [100, 50, 10] {
        for round_trip in [2 * MS, 50 * MS] {
            Join::over(megabits, round_trip).check();
        }
    }
}
