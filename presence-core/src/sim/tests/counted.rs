//! The cost of a change, in visited entries: it must not grow with the set.

use std::sync::Arc;
use std::time::Duration;

use crate::replication::node::NodeOptions;
use crate::replication::set::visits::visited;
use crate::replication::set::{
    Clock, Delta, Entry, Gone, Incarnation, Meta, MetaBody, Origin, OwnerId, Ownership, PhxRefs,
    ReplicaName, Tag,
};
use crate::replication::shard::{Effect, Input, Shard, ShardConfig, Which};

const CHANGES: u64 = 10;

fn origin(name: &str) -> Origin {
    Origin {
        name: ReplicaName::new(name),
        incarnation: Incarnation {
            started_ms: 1,
            nonce: 1,
        },
    }
}

fn shard() -> Shard {
    shard_with(NodeOptions::default())
}

fn shard_with(options: NodeOptions) -> Shard {
    Shard::new(ShardConfig {
        origin: origin("here"),
        ref_nonce: 1,
        seed: 1,
        diff_interval: options.diff_interval,
        delta_interval: options.delta_interval,
        chunk_bytes: options.chunk_bytes,
        removal_log_bytes: options.removal_log_bytes,
        // All in one turn: it is the visits that count here.
        batch: usize::MAX,
        max_hidden: options.max_hidden,
        max_answers: options.max_answers,
    })
}

/// Entries with the clocks of a range, a hundred to a topic.
fn entries(origin: &Arc<Origin>, clocks: std::ops::RangeInclusive<u64>) -> Vec<Arc<Entry>> {
    let body = MetaBody::encode(&serde_json::json!({}), 100).expect("an object");
    let mut refs = PhxRefs::new(*clocks.start());
    clocks
        .map(|clock| {
            Arc::new(Entry {
                tag: Tag {
                    origin: Arc::clone(origin),
                    clock: Clock::new(clock),
                },
                topic: (clock / 100).to_string().into(),
                key: clock.to_string().into(),
                owner: Ownership::ELSEWHERE,
                meta: Meta::new(refs.make(), None, &body),
            })
        })
        .collect()
}

/// Returns the number of entries that a shard visits for a delta of ten adds and ten removals, when
/// it holds `held` entries: visits to the replica's entries, and all visits, with those for showing
/// and sending.
fn a_delta_visits(held: u64) -> (u64, u64) {
    let there = Arc::new(origin("there"));
    let (mut shard, mut out) = (shard(), Vec::new());
    let now = Duration::ZERO;
    shard.handle(Input::Up(Arc::clone(&there)), now, &mut out);
    let all = Delta {
        origin: Arc::clone(&there),
        from: Clock::ZERO,
        to: Clock::new(held),
        adds: entries(&there, 1..=held),
        gone: Gone::nothing(),
    };
    shard.handle(
        Input::Delta {
            delta: all,
            recent: true,
        },
        now,
        &mut out,
    );
    while shard.next_deadline().is_some_and(|due| due <= now) {
        shard.handle(Input::Tick, now, &mut out);
    }
    assert_eq!(shard.count("1"), 100, "it is shown");

    let before = (shard.counts().entries_visited, visited());
    // Spread over the whole set.
    let removed = (1..=CHANGES).map(|step| Clock::new(step * (held / CHANGES)));
    let delta = Delta {
        origin: Arc::clone(&there),
        from: Clock::new(held),
        to: Clock::new(held + 2 * CHANGES),
        adds: entries(&there, held + 1..=held + CHANGES),
        gone: Gone::Tags(removed.collect()),
    };
    shard.handle(
        Input::Delta {
            delta,
            recent: true,
        },
        now,
        &mut out,
    );
    let after = (shard.counts().entries_visited, visited());
    let held_now: usize = shard.others().map(|(replica, _)| replica.len()).sum();
    assert_eq!(held_now as u64, held, "it was applied");
    (after.0 - before.0, after.1 - before.1)
}

#[test]
fn a_delta_visits_what_it_changes_whatever_is_held() {
    let (of_replica, all) = a_delta_visits(1000);
    assert_eq!(of_replica, 2 * CHANGES);
    assert!(all <= 10 * CHANGES, "{all} for {CHANGES} changes");
    for held in [100_000, 1_000_000] {
        assert_eq!(
            a_delta_visits(held),
            (of_replica, all),
            "with {held} entries"
        );
    }
}

/// How the presences of a node lie.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// A hundred to a topic, each of an owner and with a key of its own.
    Spread,
    /// All in one topic under one key.
    OneKey,
    /// All of one owner, in one topic.
    OneOwner,
}

impl Shape {
    fn place(self, number: u64) -> (OwnerId, String, String) {
        let owner = |number: u64| OwnerId::new((number + 1).try_into().expect("not zero"));
        match self {
            Self::Spread => (
                owner(number),
                (number / 100).to_string(),
                number.to_string(),
            ),
            Self::OneKey => (owner(number), "room".to_owned(), "all".to_owned()),
            Self::OneOwner => (owner(0), "room".to_owned(), number.to_string()),
        }
    }
}

/// Returns the number of entries that each of a node's calls visits when the node tracks `held`
/// presences, by the call's name.
fn calls_visit(shape: Shape, held: u64) -> Vec<(&'static str, u64)> {
    let meta = MetaBody::encode(&serde_json::json!({}), 100).expect("an object");
    // Changes leave at once, so that none waits for the calls that are counted.
    let mut shard = shard_with(NodeOptions {
        diff_interval: Duration::ZERO,
        ..NodeOptions::default()
    });
    let mut out = Vec::new();
    for number in 0..held {
        let (owner, topic, key) = shape.place(number);
        let which = Which {
            owner,
            topic: &topic,
            key: &key,
        };
        shard
            .track(which, &meta, &mut out)
            .expect("not tracked yet");
        for effect in std::mem::take(&mut out) {
            if let Effect::TopicDiff(diff) = effect {
                shard.handle(Input::Dispatched(diff.topic), Duration::ZERO, &mut out);
            }
        }
    }

    let mut calls = Vec::new();
    let mut call = |name: &'static str, shard: &mut Shard, what: &dyn Fn(&mut Shard)| {
        let before = visited();
        what(shard);
        calls.push((name, visited() - before));
    };
    // One that lies in the midst of the others, and one that is new among them.
    let (owner, topic, key) = shape.place(held / 2);
    let old = Which {
        owner,
        topic: &topic,
        key: &key,
    };
    let (owner, topic, key) = shape.place(held);
    let new = Which {
        owner,
        topic: &topic,
        key: &key,
    };
    call("track", &mut shard, &|shard| {
        shard
            .track(new, &meta, &mut Vec::new())
            .expect("not tracked yet");
    });
    call("count", &mut shard, &|shard| {
        assert!(shard.count(old.topic) > 0);
    });
    call("update", &mut shard, &|shard| {
        shard
            .update(old, None, &meta, &mut Vec::new())
            .expect("tracked");
    });
    call("untrack", &mut shard, &|shard| {
        assert!(shard.untrack(old, &mut Vec::new()));
    });
    calls
}

#[test]
fn track_update_untrack_and_count_visit_the_same_whatever_is_held() {
    for (shape, sizes) in [
        (Shape::Spread, &[100_000, 1_000_000][..]),
        (Shape::OneKey, &[100_000]),
        (Shape::OneOwner, &[100_000]),
    ] {
        let few = calls_visit(shape, 1000);
        for (call, visits) in &few {
            assert!(*visits <= 10, "{shape:?}: {call} visits {visits}");
        }
        assert!(few.contains(&("count", 0)), "a count is a length: {few:?}");
        for held in sizes {
            assert_eq!(
                calls_visit(shape, *held),
                few,
                "{shape:?}, with {held} presences"
            );
        }
    }
}
