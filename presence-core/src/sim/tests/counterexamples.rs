//! Counterexamples: the failures without a rule of the contract, one test each. A test fails if its
//! rule is taken out.

use std::time::Duration;

use super::table::{MS, PERIOD, Table, options};
use crate::replication::message::Body;
use crate::replication::node::{NodeOptions, ReplicaEvent, Status};
use crate::replication::set::Clock;
use crate::sim::{Cluster, Operation, Setup, run};

fn is_delta(body: &Body<'_>) -> bool {
    matches!(body, Body::Delta(_))
}

fn is_delta_from(body: &Body<'_>, clock: u64) -> bool {
    matches!(body, Body::Delta(delta) if delta.from == Clock::new(clock))
}

fn is_part(body: &Body<'_>) -> bool {
    matches!(body, Body::Part(_))
}

fn is_request(body: &Body<'_>) -> bool {
    matches!(body, Body::Pull(_))
}

/// Returns the number of a node's changes that another one knows, in its only shard.
fn clock(table: &Table, at: usize, of: &str) -> u64 {
    let view = table.view(at, of).expect("it is known");
    view.shards
        .iter()
        .map(|shard| shard.clock.get())
        .max()
        .unwrap_or_default()
}

// Rule 3: a delta says of every tag in its range whether it lives. Of what came and went within it
// it says nothing.
#[test]
fn an_add_and_its_removal_in_one_delta_reach_a_node_already_past_the_add() {
    let mut table = Table::with(2, &options());
    table.track(0, "a");
    table.pass(10 * MS);
    assert_eq!(clock(&table, 1, "n0"), 1);

    // n1 misses two changes, hears of the fourth, and asks from the first on; its request stays on
    // its way.
    table.hold(0, 1);
    table.hold(1, 0);
    for key in ["b", "c", "d"] {
        table.track(0, key);
        table.pass(10 * MS);
    }
    table.release_first(|body| is_delta_from(body, 3));
    table.pass(100 * MS);
    // Late, a part of what it missed: now it is past the add of b.
    table.release_first(|body| is_delta_from(body, 1));
    assert_eq!(table.keys(1), ["a", "b"]);
    // b goes, and only then is the request answered: by a delta from the first change to the fifth.
    table.untrack(0, "b");
    table.open(1, 0);
    assert!(table.release(is_request) > 0);
    let from_1_to_5 = |body: &Body<'_>| match body {
        Body::Part(part) => (part.from, part.to) == (Clock::new(1), Clock::new(5)),
        _ => false,
    };
    assert!(table.release(from_1_to_5) > 0);
    assert_eq!(clock(&table, 1, "n0"), 5);
    assert_eq!(table.keys(1), ["a", "c", "d"]);
}

// Rule 4: parts of a snapshot are not shown, and move no clock, before all of them are there.
#[test]
fn the_clock_does_not_move_with_the_first_part_of_a_snapshot() {
    let mut table = Table::with(2, &options());
    table.cut(0, 1);
    for key in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        table.track(0, key);
    }
    table.pass(10 * MS);
    table.hold(0, 1);
    table.pass(2 * PERIOD);
    table.release_first(|body| matches!(body, Body::Heartbeat(_)));
    table.pass(100 * MS);
    let is_first = |body: &Body<'_>| match body {
        Body::Part(part) => (part.index, part.of) == (0, 0),
        _ => false,
    };
    table.release_first(is_first);
    assert_eq!(clock(&table, 1, "n0"), 0);
    assert!(table.keys(1).is_empty());

    // The other parts never come.
    table.lose_held();
    table.open(0, 1);
    table.pass(2 * PERIOD);
    assert_eq!(table.keys(1).len(), 8);
}

// Rule 5: contents of a replica are believed of third nodes, its being there never.
#[test]
fn a_forgotten_replica_is_not_taught_again_by_a_third_node() {
    // The third node has more patience.
    let patient = NodeOptions {
        down_period: Duration::from_secs(600),
        permdown_period: Duration::from_secs(1200),
        max_silent_periods: 300,
        ..options()
    };
    let mut table = Table::with(3, &options());
    table.crash(2);
    *table.options_mut() = patient;
    table.start(2, 2000);
    table.pass(2 * PERIOD);
    table.track(0, "a");
    table.pass(100 * MS);
    table.crash(0);
    let forgotten = |table: &Table| {
        table
            .view(1, "n0")
            .is_none_or(|view| view.shards.is_empty())
    };
    for _ in 0..60 {
        table.pass(PERIOD);
        if forgotten(&table) {
            break;
        }
    }
    assert!(forgotten(&table), "{:?}", table.view(1, "n0"));
    // For long after, and after the tomb is gone too, the third node holds it and compares.
    for _ in 0..60 {
        table.pass(PERIOD);
        assert_eq!(table.keys(2), ["a"]);
        assert!(forgotten(&table), "{:?}", table.view(1, "n0"));
        assert!(table.keys(1).is_empty());
    }
}

// Rule 5: after a leave, nothing at or below the last number is accepted.
#[test]
fn a_delta_that_comes_after_a_graceful_leave_is_not_believed() {
    let mut table = Table::with(2, &options());
    table.track(0, "a");
    table.pass(10 * MS);
    table.hold(0, 1);
    table.track(0, "b");
    table.pass(10 * MS);
    table.leave(0, Duration::ZERO);
    assert_eq!(table.release(|body| matches!(body, Body::Leave { .. })), 1);
    table.crash(0);
    table.pass(100 * MS);
    assert!(table.keys(1).is_empty());

    assert_eq!(table.release(is_delta), 1);
    table.pass(2 * PERIOD);
    assert!(table.keys(1).is_empty());
    assert_eq!(table.view(1, "n0").unwrap().status, Some(Status::Left));
}

// Rule 6: who speaks as an incarnation that is over is told so, and goes on under a higher one.
#[test]
fn a_wall_clock_that_ran_backwards_before_a_restart_loses_nobody() {
    let mut table = Table::with(2, &options());
    table.track(0, "a");
    table.pass(100 * MS);
    table.crash(0);
    table.start(0, 500);
    table.track(0, "b");
    table.pass(2 * PERIOD);
    assert_eq!(table.keys(1), ["b"]);
    assert!(table.view(1, "n0").unwrap().origin.incarnation.started_ms > 1000);
}

// Rule 6: a node that hears its own incarnation with a clock above its own goes on under a higher
// one.
#[test]
fn a_restored_machine_does_not_go_back_within_one_incarnation() {
    let mut table = Table::with(2, &options());
    table.track(0, "a");
    table.pass(100 * MS);
    let snapshot = table.node(0).fork();
    table.untrack(0, "a");
    table.track(0, "b");
    table.track(0, "c");
    table.pass(100 * MS);
    assert_eq!(table.keys(1), ["b", "c"]);

    table.replace(0, snapshot);
    table.track(0, "d");
    table.pass(3 * PERIOD);
    assert_eq!(table.keys(0), ["a", "d"]);
    assert_eq!(table.keys(1), ["a", "d"]);
    let incarnation = |at: usize| table.view(at, "n0").unwrap().origin.incarnation;
    assert_eq!(incarnation(0), incarnation(1));
    assert!(incarnation(0).started_ms > 1000, "{:?}", incarnation(0));
}

// Rule 6: whoever hears a machine tell less than it did says so at once, and not when it happens to
// compare with it.
#[test]
fn a_restored_machine_is_told_by_whoever_hears_its_heartbeat() {
    let mut table = Table::with(2, &options());
    table.track(0, "a");
    table.pass(100 * MS);
    let snapshot = table.node(0).fork();
    table.untrack(0, "a");
    table.pass(100 * MS);

    // Unheard it speaks as often as it had before: the number of its next message gives nothing
    // away.
    table.replace(0, snapshot);
    table.isolate(0);
    table.pass(3 * PERIOD);
    table.open_all();
    table.hold(1, 0);
    table.pass(PERIOD);
    let of_it_alone = |body: &Body<'_>| match body {
        Body::Vector(vector) => {
            matches!(&vector.rows[..], [row] if row.origin.name.as_str() == "n0")
        }
        _ => false,
    };
    assert!(table.release(of_it_alone) > 0);
    table.open_all();
    table.pass(100 * MS);
    assert_eq!(table.keys(1), ["a"]);
}

// Rule 6: a machine that is set back draws and counts as it did before. Its next presences have the
// tags of those that it tracked before. Their references must differ, to tell them apart.
#[test]
fn what_a_restored_machine_tracks_is_not_taken_for_what_it_tracked_before() {
    let mut table = Table::with(2, &options());
    table.pass(100 * MS);
    let snapshot = table.node(0).fork();
    table.track(0, "a");
    table.pass(10 * MS);
    assert_eq!(table.keys(1), ["a"]);
    table.replace(0, snapshot);
    table.track(0, "b");
    table.pass(10 * PERIOD);
    assert_eq!(table.keys(1), ["b"]);
}

// Rule 2 and 6: a clock is believed only with the contents that belong to it.
#[test]
fn a_peer_that_claims_the_largest_clock_stops_nobody() {
    // To another one about n0, and to n0 about itself: each alone, for the second also heals what
    // the first does.
    for (lie, to) in (0..20).flat_map(|lie| [(lie, 1), (lie, 0)]) {
        let setup = Setup {
            nodes: 3,
            seed: lie,
            ..Setup::default()
        };
        let mut cluster = Cluster::new(&setup);
        cluster
            .track(0, 1, "t", "a", &serde_json::json!({}))
            .unwrap();
        cluster.run_for(2 * PERIOD).unwrap();
        cluster.apply(&Operation::Lie(to, 0, lie)).unwrap();
        cluster
            .track(0, 1, "t", "b", &serde_json::json!({}))
            .unwrap();
        cluster.untrack(0, 1, "t", "a").unwrap();
        // At once, and not only after the heartbeats that would find the damage and heal it.
        cluster.run_for(100 * MS).unwrap();
        for machine in 0..3 {
            assert_eq!(
                cluster.list(machine, "t").keys().collect::<Vec<_>>(),
                ["b"],
                "lie {lie} to n{to}, n{machine}"
            );
        }
        cluster.converge().unwrap();
        for machine in 0..3 {
            assert_eq!(cluster.list(machine, "t").keys().collect::<Vec<_>>(), ["b"]);
        }
    }
}

// Rule 13: nothing before a list cancels against anything after it.
#[test]
fn a_join_and_a_leave_around_a_list_do_not_cancel() {
    let mut table = Table::with(2, &options());
    // A first diff, so that the next ones wait.
    table.track(0, "a");
    table.pass(10 * MS);
    table.track(0, "b");
    table.pass(10 * MS);
    table.listen(1);
    table.untrack(0, "b");
    table.pass(PERIOD);
    assert_eq!(table.keys(1), ["a"]);
    assert!(table.client_follows(1), "b is a ghost to whoever listed it");
}

// Rule 13: a leave before a list and the join of the same meta after it are two diffs.
#[test]
fn down_and_up_around_a_list_leave_a_client_with_what_is_there() {
    let short = NodeOptions {
        // Longer than it takes to go down and come up.
        diff_interval: 20 * PERIOD,
        ..options()
    };
    let mut table = Table::with(2, &short);
    table.track(0, "a");
    table.pass(100 * MS);
    table.listen(1);
    table.isolate(0);
    table.pass(8 * PERIOD);
    assert!(table.keys(1).is_empty(), "it is down");
    table.listen(1);
    table.open_all();
    table.pass(2 * PERIOD);
    assert_eq!(table.keys(1), ["a"]);
    table.pass(50 * PERIOD);
    assert!(table.client_follows(1));
}

// Rule 10: a node that stood still has heard nobody, which says nothing about the others.
#[test]
fn a_node_that_goes_on_after_a_long_stop_believes_that_all_are_there() {
    let mut table = Table::with(3, &options());
    table.track(0, "a");
    table.track(2, "b");
    table.pass(100 * MS);
    // The others go down in its eyes, and it in theirs.
    table.pass_without(60 * PERIOD, 1);
    table.lose_held();
    // It has judged more than once before anybody can answer.
    table.hold(0, 1);
    table.hold(2, 1);
    table.tick(1);
    table.pass(500 * MS);
    assert_eq!(table.keys(1), ["a", "b"]);
    table.open_all();
    table.release(|_| true);
    table.pass(3 * PERIOD);
    assert_eq!(table.keys(1), ["a", "b"]);
    let downs = table.events.iter().filter(|(at, event)| {
        *at == 1 && matches!(event, ReplicaEvent::Down(_) | ReplicaEvent::Permdown(_))
    });
    assert_eq!(downs.count(), 0);
}

// Rule 6: two live nodes of one name, after three turns, are told of with both.
#[test]
fn two_live_nodes_of_one_name_are_named() {
    let mut table = Table::with(3, &options());
    table.crash(1);
    table.rename(1, "n0");
    table.start(1, 2000);
    // Less than the ten periods in which turns are counted.
    table.pass(5 * PERIOD);
    let told = table.events.iter().find_map(|(at, event)| match event {
        ReplicaEvent::Conflict { mine, theirs } if *at < 2 => Some((*at, mine, theirs)),
        _ => None,
    });
    let (at, mine, theirs) = told.expect("it is told of");
    assert_eq!(mine.name.as_str(), "n0");
    assert_ne!(mine.incarnation.nonce, theirs.nonce, "at n{at}");
    for at in 0..2 {
        let turns = table.node(at).counters().membership.retags;
        assert!((1..=3).contains(&turns), "n{at} took {turns} turns");
    }

    // It is over when one of them is.
    table.crash(1);
    table.track(0, "a");
    table.pass(20 * PERIOD);
    assert_eq!(table.keys(2), ["a"]);
}

// Rule 2: a third node's word about a clock is a reason to ask, and no more.
#[test]
fn a_clock_learned_from_a_third_node_comes_without_its_entries_and_is_not_believed() {
    let mut table = Table::with(3, &options());
    table.cut(0, 1);
    table.track(0, "a");
    table.track(0, "b");
    table.pass(10 * MS);
    assert_eq!(table.keys(2), ["a", "b"]);
    // n2 tells n1 what it holds of n0. Every answer to n1 is held.
    table.hold(2, 1);
    table.pass(2 * PERIOD);
    table.release(|body| !is_part(body));
    table.pass(PERIOD);
    assert_eq!(clock(&table, 1, "n0"), 0);
    assert!(table.keys(1).is_empty());

    table.open(2, 1);
    table.release(|_| true);
    table.pass(2 * PERIOD);
    assert_eq!(clock(&table, 1, "n0"), 2);
    assert_eq!(table.keys(1), ["a", "b"]);
}

// Rule 5: what was sent before a node was given up does not bring it back.
#[test]
fn a_delta_that_comes_after_permdown_is_not_believed() {
    let mut table = Table::with(2, &options());
    table.track(0, "a");
    table.pass(10 * MS);
    table.hold(0, 1);
    table.track(0, "b");
    table.pass(10 * MS);
    // The next heartbeat arrives, so that the delta is not the last that is heard.
    table.pass(PERIOD);
    table.release_first(|body| matches!(body, Body::Heartbeat(_)));
    table.crash(0);
    for _ in 0..60 {
        table.pass(PERIOD);
        if table.view(1, "n0").unwrap().status == Some(Status::Permdown) {
            break;
        }
    }
    assert_eq!(table.view(1, "n0").unwrap().status, Some(Status::Permdown));
    assert!(table.release(is_delta) > 0);
    assert_eq!(table.view(1, "n0").unwrap().status, Some(Status::Permdown));
    table.pass(PERIOD);
    assert!(table.keys(1).is_empty());
}

// Rule 19: a node is down and up around a list, which makes two diffs, and is restarted before the
// second one. The last leave of its key goes with that diff, whatever else is in the topic.
#[test]
fn a_last_leave_between_two_diffs_of_a_topic_is_told() {
    for rest in ["", "untrack n0 o0 t0 k1"] {
        let text = format!(
            "seed 7\nnodes 2\npool_size 1\nmax_silent_periods 2\ndown_period 4000\n\
             permdown_period 15000\ntrack n1 o0 t0 k0\nwait 6000\nslow-dispatch n0 2000\nstop n1\n\
             wait 3500\ntrack n0 o0 t0 k1\nwait 1500\nlist n0 t0 0\n{rest}\ncontinue n1\n\
             wait 1000\nstart n1"
        );
        let report = run(&text.parse().unwrap());
        assert_eq!(report.violation, None, "{text}");
        assert!(report.coverage.get("downs") > 0);
    }
}
