//! Lists that are taken in batches.

use super::*;
use crate::replication::set::visits::visited;

fn shard_of_three() -> Shard {
    Shard::new(ShardConfig {
        batch: 3,
        ..config(INTERVAL)
    })
}

fn track(shard: &mut Shard, number: u64, key: &str) {
    shard
        .track(which(number, "t", key), &body(), &mut Vec::new())
        .unwrap();
}

fn owners(entries: Vec<Arc<Entry>>) -> Vec<OwnerId> {
    let owners = entries
        .into_iter()
        .map(|entry| entry.owner.owner().unwrap());
    owners.collect()
}

#[test]
fn a_batch_ends_with_a_key_unless_the_key_is_large() {
    let mut shard = shard_of_three();
    for number in 0..2 {
        track(&mut shard, number, "a");
    }
    for number in 0..3 {
        track(&mut shard, number, "b");
    }
    for number in 0..8 {
        track(&mut shard, number, "c");
    }
    track(&mut shard, 0, "d");
    let (mut sizes, mut next) = (Vec::new(), None);
    loop {
        let (batch, after) = shard.list_batch("t", next.as_ref());
        sizes.push(batch.len());
        next = after;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [5, 3, 3, 3]);
    let mut listed = shard.list("t");
    assert_eq!(listed.len(), 14);
    listed.dedup_by_key(|entry| entry.meta.reference());
    assert_eq!(listed.len(), 14);
}

#[test]
fn the_metas_of_a_key_are_listed_in_the_order_of_their_owners() {
    let mut shard = Shard::new(config(INTERVAL));
    for number in [2, 0, 1] {
        track(&mut shard, number, "a");
    }
    let in_order = [owner(0), owner(1), owner(2)];
    assert_eq!(owners(shard.list("t")), in_order);
    // A new meta has a later reference, and keeps its place.
    let updated = which(0, "t", "a");
    let update = shard.update(updated, None, &body(), &mut Vec::new());
    update.unwrap();
    assert_eq!(owners(shard.list("t")), in_order);
    assert_eq!(owners(shard.get_by_key("t", "a")), in_order);
}

#[test]
fn a_key_that_is_present_throughout_is_listed_once() {
    let mut shard = shard_of_three();
    for key in ["b", "d", "f", "h", "j", "l"] {
        track(&mut shard, 0, key);
    }
    let (first, next) = shard.list_batch("t", None);
    assert_eq!(keys(&first), ["b", "d", "f"]);
    // The key at which the batch ended goes, others come before and after it, and one gets another
    // meta.
    shard.untrack(which(0, "t", "f"), &mut Vec::new());
    for key in ["a", "e", "g"] {
        track(&mut shard, 0, key);
    }
    shard
        .update(which(0, "t", "d"), None, &body(), &mut Vec::new())
        .unwrap();
    let (second, next) = shard.list_batch("t", next.as_ref());
    assert_eq!(keys(&second), ["g", "h", "j"]);
    let (third, next) = shard.list_batch("t", next.as_ref());
    assert_eq!(keys(&third), ["l"]);
    assert!(next.is_none());
}

// Each batch is a list of its own for the diffs.
#[test]
fn a_leave_after_the_batch_with_its_join_is_told() {
    let mut shard = shard_of_three();
    let mut out = Vec::new();
    track(&mut shard, 9, "0");
    for key in ["b", "d", "f", "h"] {
        track(&mut shard, 0, key);
    }
    let (_, next) = shard.list_batch("t", None);
    track(&mut shard, 1, "z");
    let (rest, _) = shard.list_batch("t", next.as_ref());
    assert_eq!(keys(&rest), ["f", "h", "z"]);
    shard.untrack(which(1, "t", "z"), &mut out);
    shard.handle(Input::Dispatched("t".into()), Duration::ZERO, &mut out);
    out.clear();
    shard.handle(Input::Tick, INTERVAL, &mut out);
    let (_, joins, leaves) = told(&mut out).remove(0);
    assert_eq!(joins, ["b", "d", "f", "h", "z"]);
    assert_eq!(leaves, ["z"]);
}

#[test]
fn the_entries_of_keys_are_visited_in_batches() {
    let mut shard = Shard::new(ShardConfig {
        batch: 100,
        ..config(INTERVAL)
    });
    for number in 0..1_000 {
        track(
            &mut shard,
            number,
            if number < 700 { "large" } else { "other" },
        );
    }

    let (mut of_key, mut next) = (Vec::new(), None);
    loop {
        let before = visited();
        let (batch, after) = shard.key_batch("t", "large", next);
        assert_eq!(visited() - before, 100);
        of_key.extend(owners(batch));
        next = after;
        if next.is_none() {
            break;
        }
    }
    assert!(of_key.into_iter().eq((0..700).map(owner)));

    let (mut of_keys, mut left, mut within) = (Vec::new(), &["large", "none", "other"][..], None);
    while !left.is_empty() {
        let before = visited();
        let (batch, done, after) = shard.get_many("t", left, within);
        assert!(visited() - before <= 200);
        of_keys.extend(owners(batch));
        left = &left[done..];
        within = after;
    }
    assert!(of_keys.into_iter().eq((0..1_000).map(owner)));
}

#[test]
fn a_batch_visits_as_many_entries_whatever_the_topic_holds() {
    let visits = |held: u64, shared: bool| {
        let mut shard = Shard::new(ShardConfig {
            batch: 100,
            ..config(INTERVAL)
        });
        for number in 0..held {
            let key = if shared { 0 } else { number };
            track(&mut shard, number, &format!("{key:06}"));
        }
        let (mut visits, mut next, mut listed) = (Vec::new(), None, 0);
        loop {
            let before = visited();
            let (batch, after) = shard.list_batch("t", next.as_ref());
            visits.push(visited() - before);
            listed += batch.len();
            next = after;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(listed as u64, held);
        assert_eq!(visits.len() as u64, held / 100);
        visits.into_iter().max()
    };
    for shared in [false, true] {
        assert_eq!(visits(1_000, shared), Some(100));
        assert_eq!(visits(10_000, shared), Some(100));
    }
}
