//! What a change costs, counted: it must not grow with the set.

use std::sync::Arc;
use std::time::Duration;

use crate::crdt::{
    Clock, Delta, Entry, Gone, Incarnation, Meta, MetaBody, Origin, PhxRefs, ReplicaName, Tag,
};
use crate::node::NodeOptions;
use crate::shard::{Input, Shard, ShardConfig};

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
    let options = NodeOptions::default();
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
                owner: None,
                meta: Meta::new(refs.make(), None, &body),
            })
        })
        .collect()
}

/// How many entries a shard looks at for a delta of ten adds and ten removals, when it holds so many.
fn visited_with(held: u64) -> u64 {
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
    shard.handle(Input::Delta(all), now, &mut out);
    while shard.next_deadline().is_some_and(|due| due <= now) {
        shard.handle(Input::Tick, now, &mut out);
    }
    assert_eq!(shard.count("1"), 100, "it is shown");

    let before = shard.counts().entries_visited;
    // Spread over the whole set.
    let removed = (1..=CHANGES).map(|step| Clock::new(step * (held / CHANGES)));
    let delta = Delta {
        origin: Arc::clone(&there),
        from: Clock::new(held),
        to: Clock::new(held + 2 * CHANGES),
        adds: entries(&there, held + 1..=held + CHANGES),
        gone: Gone::Tags(removed.collect()),
    };
    shard.handle(Input::Delta(delta), now, &mut out);
    let held_now: usize = shard.others().map(|(replica, _)| replica.len()).sum();
    assert_eq!(held_now as u64, held, "it was applied");
    shard.counts().entries_visited - before
}

#[test]
fn a_delta_visits_what_it_changes_whatever_is_held() {
    for held in [1000, 100_000, 1_000_000] {
        assert_eq!(visited_with(held), 2 * CHANGES, "with {held} entries");
    }
}
