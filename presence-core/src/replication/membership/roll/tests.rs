use std::collections::BTreeMap;

use proptest::collection::btree_set;
use proptest::prelude::*;

use super::*;
use crate::replication::set::{Incarnation, ReplicaName};

const SECOND: Duration = Duration::from_secs(1);

fn origin(name: &str, started: Duration) -> Origin {
    Origin {
        name: ReplicaName::new(name),
        incarnation: Incarnation {
            // All wall clocks begin at an hour.
            started_ms: (Duration::from_secs(3600) + started).as_millis() as u64,
            nonce: 1,
        },
    }
}

fn started(name: &str, at: Duration) -> Membership {
    Membership::new(origin(name, at), Arc::default(), 1, at)
}

/// A roll of nodes that all count.
fn roll<'a>(names: impl IntoIterator<Item = &'a str>) -> Roll {
    let seat = |name| Seat {
        origin: Arc::new(origin(name, Duration::ZERO)),
        counts_from: Duration::ZERO,
        returns_until: Duration::ZERO,
    };
    let up: Vec<_> = names.into_iter().map(seat).collect();
    Roll {
        me: Arc::clone(&up[0].origin),
        up,
        left: Vec::new(),
    }
}

fn named<'a>(roll: &'a Roll, topic: &str) -> &'a str {
    roll.responsible(topic).name.as_str()
}

#[test]
fn the_choice_is_the_same_in_every_version() {
    let nodes = ["a@10.0.0.1", "b@10.0.0.2", "c@10.0.0.3"];
    let topics = [
        "",
        "room:lobby",
        "room:1",
        "room:2",
        "room:3",
        "räume:übung",
    ];
    let roll = roll(nodes);
    let chosen = topics.map(|topic| &named(&roll, topic)[..1]);
    assert_eq!(chosen, ["c", "a", "b", "b", "b", "b"]);
}

#[test]
fn topics_are_spread_evenly() {
    let names: Vec<_> = (0..10).map(|node| format!("app@10.0.0.{node}")).collect();
    let roll = roll(names.iter().map(String::as_str));
    let mut counts = BTreeMap::<&str, usize>::new();
    for topic in 0..10_000 {
        *counts
            .entry(named(&roll, &format!("room:{topic}")))
            .or_default() += 1;
    }
    // The deviation of 10,000 throws of a die with ten sides is 30.
    assert_eq!(counts.len(), 10);
    assert!(
        counts.values().all(|count| (850..1150).contains(count)),
        "{counts:?}"
    );
}

proptest! {
    #[test]
    fn a_node_that_comes_takes_topics_and_no_other_topic_moves(
        names in btree_set("[a-z0-9@.-]{0,12}", 2..8),
        topics in btree_set(".{0,20}", 1..50),
        order in any::<prop::sample::Index>(),
    ) {
        let mut names: Vec<_> = names.iter().map(String::as_str).collect();
        let place = order.index(names.len());
        let all = roll(names.iter().copied());
        let newcomer = names.remove(place);
        let before = roll(names.iter().copied());
        names.reverse();
        let other_order = roll(names);
        for topic in &topics {
            let (old, new) = (named(&before, topic), named(&all, topic));
            prop_assert!(new == old || new == newcomer);
            prop_assert_eq!(old, named(&other_order, topic));
        }
    }
}

#[test]
fn a_node_that_is_alone_is_responsible_also_when_it_leaves() {
    let mut here = started("here", Duration::ZERO);
    assert_eq!(named(&here.roll(), "t"), "here");
    here.leave();
    assert_eq!(named(&here.roll(), "t"), "here");
}

#[test]
fn a_node_that_leaves_or_is_down_is_responsible_for_nothing() {
    let mut events = Vec::new();
    let mut here = started("here", Duration::ZERO);
    let there = origin("there", Duration::ZERO);
    here.heard(&there, 1, Duration::ZERO, &mut events);
    let topics: Vec<_> = (0..20).map(|topic| topic.to_string()).collect();
    let all = |membership: &Membership, name: &str| {
        let roll = membership.roll();
        topics.iter().all(|topic| named(&roll, topic) == name)
    };
    assert!(!all(&here, "here") && !all(&here, "there"));

    let mut leaver = here.clone();
    leaver.leave();
    assert!(all(&leaver, "there"));

    let mut left = here.clone();
    left.leaves(&there, 2, SECOND, Duration::ZERO, &mut events);
    assert!(all(&left, "here"));
    assert_eq!(left.roll().left, [there]);

    let mut now = Duration::ZERO;
    while here.counts().downs == 0 {
        now += SECOND;
        here.next_beat = now;
        assert_eq!(here.roll().up.len(), 2, "a suspect is up");
        here.expire(now, &mut events);
    }
    assert!(all(&here, "here"));
    assert_eq!(here.roll().left, []);
}

#[test]
fn a_newcomer_counts_after_a_while_and_both_say_so() {
    let mut events = Vec::new();
    let (mut old, mut new) = (started("old", Duration::ZERO), started("new", 60 * SECOND));
    let (old_origin, new_origin) = (origin("old", Duration::ZERO), origin("new", 60 * SECOND));
    old.heard(&new_origin, 1, 61 * SECOND, &mut events);
    new.heard(&old_origin, 40, 61 * SECOND, &mut events);
    for roll in [old.roll(), new.roll()] {
        assert_eq!(roll.seat(&old_origin).unwrap().counts_from, Duration::ZERO);
        assert_eq!(roll.seat(&new_origin).unwrap().counts_from, 70 * SECOND);
        let topics: Vec<_> = (0..20).map(|topic| topic.to_string()).collect();
        let runs = |now| {
            let runs = topics
                .iter()
                .filter(|topic| **roll.runner(topic, &origin("third", SECOND), now) == new_origin);
            runs.count()
        };
        assert_eq!(runs(69 * SECOND), 0);
        assert!(runs(70 * SECOND) > 0);
    }
    assert!(new.roll().is_new(69 * SECOND) && !new.roll().is_new(70 * SECOND));
    assert!(!old.roll().is_new(SECOND));
    // Its presences are new to the newcomer, and were there before.
    assert_eq!(
        new.roll().seat(&old_origin).unwrap().returns_until,
        71 * SECOND
    );
    assert_eq!(
        old.roll().seat(&new_origin).unwrap().returns_until,
        Duration::ZERO
    );
}

#[test]
fn nodes_that_start_together_count_at_once() {
    let mut events = Vec::new();
    let mut here = started("here", Duration::ZERO);
    let there = origin("there", 3 * SECOND);
    here.heard(&there, 1, 4 * SECOND, &mut events);
    let counts_from = here.roll().seat(&there).unwrap().counts_from;
    assert_eq!(counts_from, Duration::ZERO);
}

#[test]
fn a_wrong_clock_delays_a_node_by_no_more_than_its_newness() {
    let mut events = Vec::new();
    let mut here = started("here", Duration::ZERO);
    let ahead = origin("ahead", 100_000 * SECOND);
    here.heard(&ahead, 1, 5 * SECOND, &mut events);
    let counts_from = here.roll().seat(&ahead).unwrap().counts_from;
    assert_eq!(counts_from, 5 * SECOND + NEWNESS);

    let behind = origin("behind", Duration::ZERO);
    let mut here = started("here", 100_000 * SECOND);
    here.heard(&behind, 1, 100_001 * SECOND, &mut events);
    assert!(!here.roll().is_new(100_000 * SECOND + NEWNESS));
}

#[test]
fn the_presences_of_a_node_that_returns_are_news_for_the_others() {
    let mut events = Vec::new();
    let mut here = started("here", Duration::ZERO);
    let there = origin("there", Duration::ZERO);
    here.heard(&there, 1, SECOND, &mut events);
    assert_eq!(
        here.roll().seat(&there).unwrap().returns_until,
        Duration::ZERO
    );
    let mut now = SECOND;
    while here.counts().downs == 0 {
        now += SECOND;
        here.next_beat = now;
        here.expire(now, &mut events);
    }
    here.heard(&there, 2, now, &mut events);
    let roll = here.roll();
    let until = now + NEWNESS;
    assert_eq!(roll.seat(&there).unwrap().returns_until, until);
    for topic in 0..20 {
        let topic = topic.to_string();
        assert_eq!(roll.runner(&topic, &there, now).name.as_str(), "here");
        assert_eq!(roll.runner(&topic, &there, until), roll.responsible(&topic));
    }
}
