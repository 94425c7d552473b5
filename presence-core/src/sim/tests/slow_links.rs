//! Catching up over slow links when more goes wrong than the link: partitions with changes on both
//! sides, several joiners, a dead answerer, lost requests, a node of the previous version.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::catching_up::{held, mbit, pass, sees_one_down};
use super::table::MS;
use crate::replication::message::{self, Body};
use crate::replication::set::Clock;
use crate::sim::cluster::settle::encoded_bytes;
use crate::sim::{Bandwidth, Cluster, Setup, Weather};

const SECOND: Duration = Duration::from_secs(1);
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// Starts a cluster without checks, and switches the joiners off.
fn cluster(nodes: usize, joiners: &[usize]) -> Cluster {
    let setup = Setup {
        nodes,
        ..Setup::default()
    };
    let mut cluster = Cluster::new(&setup).unchecked();
    for joiner in joiners {
        cluster.crash(*joiner);
    }
    cluster.set_weather(Weather {
        least_delay: ROUND_TRIP / 2,
        longest_delay: ROUND_TRIP / 2 + MS,
        ..Weather::CALM
    });
    cluster
}

/// Tracks presences on a node: as many as the range has numbers.
fn fill(cluster: &mut Cluster, node: usize, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let (topic, key) = (format!("room:{}", number % 100), key(node, number));
        let meta = json!({ "device": "phone", "since": number });
        let tracked = cluster.track(node, number as u64, &topic, &key, &meta);
        assert!(tracked.unwrap_or_else(|violation| panic!("{violation:?}")));
        if number % 200 == 199 {
            pass(cluster, 10 * MS);
        }
    }
}

/// Ends presences of a node.
fn empty(cluster: &mut Cluster, node: usize, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let (topic, key) = (format!("room:{}", number % 100), key(node, number));
        let untracked = cluster.untrack(node, number as u64, &topic, &key);
        assert!(untracked.unwrap_or_else(|violation| panic!("{violation:?}")));
        if number % 200 == 199 {
            pass(cluster, 10 * MS);
        }
    }
}

fn key(node: usize, number: usize) -> String {
    format!("user:{node}:{number}")
}

fn link(megabits: u64) -> Bandwidth {
    Bandwidth {
        bytes_a_second: mbit(megabits),
        queue_bytes: 1 << 20,
    }
}

fn start(cluster: &mut Cluster, machine: usize) {
    let started = cluster.restart(machine);
    started.unwrap_or_else(|violation| panic!("{violation:?}"));
}

/// Returns the time of rule 15 for that many bytes over a link.
fn bound(bytes: u64, link: Bandwidth) -> Duration {
    let seconds = bytes as f64 / link.bytes_a_second as f64;
    Duration::from_secs_f64(2.0 * seconds) + SECOND + 10 * ROUND_TRIP
}

/// Waits until a node shows that many presences. Returns the time that it took.
fn wait_for(cluster: &mut Cluster, node: usize, presences: usize, most: Duration) -> Duration {
    let begun = cluster.now();
    while held(cluster, node) != presences {
        let took = cluster.now() - begun;
        assert!(
            took <= most,
            "{} of {presences} after {took:?}",
            held(cluster, node)
        );
        pass(cluster, 10 * MS);
    }
    cluster.now() - begun
}

/// Checks that no hold of a shard's lock has visited more than two batches.
fn check_holds(cluster: &mut Cluster) {
    let most = cluster.take_most_visits_in_a_hold();
    assert!(most <= 4000, "{most} visits in a hold");
}

/// Checks the bytes of rule 15, beside those of heartbeats.
fn check_bytes(received: u64, minimum: u64) {
    let most = minimum * 13 / 10 + 10_000;
    assert!(received <= most, "{received} bytes, at most {most}");
}

#[test]
fn after_a_partition_of_a_minute_only_what_changed_is_sent() {
    for megabits in [10, 50] {
        let mut cluster = cluster(3, &[]);
        let each = 3000;
        for node in 0..3 {
            fill(&mut cluster, node, 0..each);
        }
        pass(&mut cluster, 3 * SECOND);
        assert_eq!(held(&cluster, 2), 3 * each);
        let clocks: Vec<Vec<Clock>> = (0..2)
            .map(|node| {
                let snapshots = cluster.node(node).expect("it is on").snapshots();
                snapshots.iter().map(|delta| delta.to).collect()
            })
            .collect();
        cluster.limit(2, link(megabits));
        cluster.part(&[2]);
        pass(&mut cluster, 30 * SECOND);
        for node in 0..3 {
            empty(&mut cluster, node, 0..500);
            fill(&mut cluster, node, each..each + 1500);
        }
        pass(&mut cluster, 30 * SECOND);
        let lacking = clocks.iter().enumerate().map(|(node, clocks)| {
            let node = cluster.node(node).expect("it is on");
            encoded_bytes(&node.changes_since(clocks))
        });
        let minimum: u64 = lacking.sum();
        let whole = cluster.held_bytes(0) + cluster.held_bytes(1);
        assert!(minimum * 2 < whole, "{minimum} of {whole}");
        let before = cluster.received(2).bytes;
        cluster.heal();
        let all = 3 * (each + 1000);
        // Others are heard again with their next heartbeat.
        let most = bound(minimum, link(megabits)) + 3 * SECOND / 2;
        wait_for(&mut cluster, 2, all, most);
        wait_for(&mut cluster, 0, all, most);
        check_bytes(cluster.received(2).bytes - before, minimum);
        check_holds(&mut cluster);
    }
}

#[test]
fn three_joiners_catch_up_each_over_its_own_link() {
    let joiners = [3, 4, 5];
    let mut cluster = cluster(6, &joiners);
    for node in 0..3 {
        fill(&mut cluster, node, 0..2000);
    }
    pass(&mut cluster, 3 * SECOND);
    let minimum: u64 = (0..3).map(|node| cluster.held_bytes(node)).sum();
    let links = [10, 20, 50].map(link);
    let before = joiners.map(|joiner| cluster.received(joiner).bytes);
    for (joiner, link) in joiners.into_iter().zip(links) {
        cluster.limit(joiner, link);
        start(&mut cluster, joiner);
    }
    let begun = cluster.now();
    // The fastest first.
    for place in [2, 1, 0] {
        let most = begun + bound(minimum, links[place]) - cluster.now();
        wait_for(&mut cluster, joiners[place], 6000, most);
        let received = cluster.received(joiners[place]);
        check_bytes(received.bytes - before[place], minimum);
        assert_eq!(received.overflows, 0);
        assert!(!sees_one_down(&cluster));
    }
    check_holds(&mut cluster);
}

#[test]
fn a_joiner_whose_answerer_dies_midway_gets_the_rest() {
    let mut cluster = cluster(3, &[2]);
    for node in 0..2 {
        fill(&mut cluster, node, 0..4000);
    }
    pass(&mut cluster, 3 * SECOND);
    let minimum = cluster.held_bytes(0) + cluster.held_bytes(1);
    cluster.limit(2, link(10));
    start(&mut cluster, 2);
    let begun = cluster.now();
    let before = cluster.received(2).bytes;
    while cluster.received(2).bytes - before < minimum / 3 {
        pass(&mut cluster, MS);
    }
    assert!(held(&cluster, 2) < 8000);
    cluster.crash(0);
    // The joiner asks the living node for the presences of the dead one, until it is down.
    let most = begun + bound(minimum, link(10)) + 5 * SECOND - cluster.now();
    wait_for(&mut cluster, 2, 8000, most);
    // The parts of one answer do not go with those of another.
    assert!(cluster.received(2).bytes - before < minimum * 2);
    wait_for(&mut cluster, 2, 4000, 60 * SECOND);
}

#[test]
fn four_joiners_share_the_uplink_of_one_answerer() {
    let joiners = [1, 2, 3, 4];
    let mut cluster = cluster(5, &joiners);
    fill(&mut cluster, 0, 0..3000);
    pass(&mut cluster, 3 * SECOND);
    let minimum = cluster.held_bytes(0);
    cluster.limit(0, link(10));
    let begun = cluster.now();
    let before = joiners.map(|joiner| cluster.received(joiner).bytes);
    for joiner in joiners {
        start(&mut cluster, joiner);
    }
    for (joiner, before) in joiners.into_iter().zip(before) {
        let most = (begun + bound(4 * minimum, link(10))).saturating_sub(cluster.now());
        wait_for(&mut cluster, joiner, 3000, most);
        check_bytes(cluster.received(joiner).bytes - before, minimum);
    }
    assert!(!sees_one_down(&cluster));
}

#[test]
fn the_first_request_of_each_shard_may_be_lost() {
    let mut cluster = cluster(4, &[3]);
    for node in 0..3 {
        fill(&mut cluster, node, 0..2000);
    }
    pass(&mut cluster, 3 * SECOND);
    let minimum: u64 = (0..3).map(|node| cluster.held_bytes(node)).sum();
    cluster.limit(3, link(50));
    let mut asked = BTreeSet::new();
    cluster.loses = Some(Box::new(move |from, _, message| {
        let Ok((_, Body::Pull(pull))) = message::decode(message) else {
            return false;
        };
        let request = pull.request;
        from == 3 && asked.insert((request.shard, request.origin.name))
    }));
    let before = cluster.received(3).bytes;
    start(&mut cluster, 3);
    // Each request is made again after the shortest patience.
    wait_for(&mut cluster, 3, 6000, bound(minimum, link(50)) + SECOND);
    check_bytes(cluster.received(3).bytes - before, minimum);
}

/// Both as the one who asks and as the one who answers.
#[test]
fn a_node_of_version_1_replicates_with_those_of_version_2() {
    let mut cluster = cluster(3, &[]);
    for node in 0..2 {
        fill(&mut cluster, node, 0..1000);
    }
    pass(&mut cluster, 3 * SECOND);
    for node in 0..3 {
        cluster.limit(node, link(50));
    }
    let started = cluster.start_downgraded(2);
    started.unwrap_or_else(|violation| panic!("{violation:?}"));
    wait_for(&mut cluster, 2, 2000, 3 * SECOND);
    fill(&mut cluster, 2, 0..1000);
    wait_for(&mut cluster, 0, 3000, 3 * SECOND);
    start(&mut cluster, 1);
    wait_for(&mut cluster, 1, 2000, 3 * SECOND);
    let asked_with_credit = cluster.coverage().get("messages_of_later_versions");
    assert_eq!(asked_with_credit, 0, "a node of version 1 was sent a pull");
}
