mod bounds;
mod diffs;
mod grace;
mod lists;
mod lost;
mod merge;
mod pending;
mod random;
mod turns;

use std::num::NonZeroU64;

use super::*;
use crate::replication::set::{Incarnation, ReplicaName};
use crate::sim::client as listener;

const INTERVAL: Duration = Duration::from_millis(50);

fn shard_with(diff_interval: Duration) -> Shard {
    Shard::new(config(diff_interval))
}

fn config(diff_interval: Duration) -> ShardConfig {
    ShardConfig {
        origin: Origin {
            name: ReplicaName::new("here"),
            incarnation: Incarnation {
                started_ms: 0,
                nonce: 0,
            },
        },
        ref_nonce: 0,
        seed: 0,
        diff_interval,
        delta_interval: Duration::from_millis(5),
        chunk_bytes: 1000,
        removal_log_bytes: 1000,
        batch: 1000,
        max_hidden: 1000,
        max_answers: 4,
    }
}

impl Shard {
    /// Returns the whole list of a topic.
    fn list(&mut self, topic: &str) -> Vec<Arc<Entry>> {
        let (mut entries, mut next) = self.list_batch(topic, None);
        while let Some(place) = next {
            let (more, after) = self.list_batch(topic, Some(&place));
            entries.extend(more);
            next = after;
        }
        entries
    }

    /// Returns all entries under a key.
    fn get_by_key(&self, topic: &str, key: &str) -> Vec<Arc<Entry>> {
        let (entries, next) = self.key_batch(topic, key, None);
        assert_eq!(next, None, "the tests hold fewer than a batch under a key");
        entries
    }
}

fn owner(number: u64) -> OwnerId {
    OwnerId::new(NonZeroU64::new(number + 1).unwrap())
}

fn which<'a>(number: u64, topic: &'a str, key: &'a str) -> Which<'a> {
    Which {
        owner: owner(number),
        topic,
        key,
    }
}

fn body() -> MetaBody {
    MetaBody::encode(&serde_json::json!({}), 100).unwrap()
}

/// The diffs among effects: topic, keys that join, keys that leave.
fn told(effects: &mut Vec<Effect>) -> Vec<(String, Vec<String>, Vec<String>)> {
    let keys = |entries: &[Arc<Entry>]| entries.iter().map(|entry| entry.key.to_string()).collect();
    effects
        .drain(..)
        .map(|effect| {
            let Effect::TopicDiff(diff) = effect else {
                panic!("nobody else is there, yet there is {effect:?}");
            };
            let diff = diff.sides();
            (
                diff.topic.to_string(),
                keys(&diff.joins),
                keys(&diff.leaves),
            )
        })
        .collect()
}

fn keys(entries: &[Arc<Entry>]) -> Vec<&str> {
    entries.iter().map(|entry| &*entry.key).collect()
}

#[test]
fn tracks_updates_and_untracks() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    let first = shard
        .track(which(0, "t", "alice"), &body(), &mut out)
        .unwrap();
    assert_eq!(shard.list("t")[0].meta.phx_ref(), first.as_str());

    let second = shard
        .update(which(0, "t", "alice"), None, &body(), &mut out)
        .unwrap();
    let list = shard.list("t");
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].meta.phx_ref(), second.as_str());
    assert_eq!(list[0].meta.phx_ref_prev(), Some(first.as_str()));

    assert!(shard.untrack(which(0, "t", "alice"), &mut out));
    assert!(!shard.untrack(which(0, "t", "alice"), &mut out));
    assert!(shard.list("t").is_empty());
}

#[test]
fn an_owner_has_one_presence_a_topic_and_key() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.track(which(0, "t", "k"), &body(), &mut out).unwrap();
    let again = shard.track(which(0, "t", "k"), &body(), &mut out);
    assert_eq!(again, Err(TrackRefused::AlreadyTracked));
    for other in [
        which(1, "t", "k"),
        which(0, "u", "k"),
        which(0, "t", "l"),
        // The same letters, cut elsewhere.
        which(0, "tk", ""),
        which(0, "", "tk"),
    ] {
        shard.track(other, &body(), &mut out).unwrap();
    }
    assert_eq!(shard.count("t"), 2);
    assert_eq!(shard.list("t").len(), 3);
}

#[test]
fn what_is_not_tracked_cannot_be_updated() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    let phx_ref = shard.track(which(0, "t", "k"), &body(), &mut out).unwrap();
    out.clear();
    let other = shard.update(which(1, "t", "k"), None, &body(), &mut out);
    assert_eq!(other, Err(UpdateRefused::NotTracked));

    let updated = shard.update(which(0, "t", "k"), Some(phx_ref), &body(), &mut out);
    let stale = shard.update(which(0, "t", "k"), Some(phx_ref), &body(), &mut out);
    assert!(updated.is_ok());
    assert_eq!(stale, Err(UpdateRefused::Changed));
    assert_eq!(
        shard.list("t")[0].meta.phx_ref_prev(),
        Some(phx_ref.as_str())
    );
}

#[test]
fn metas_of_a_key_are_listed_by_owner() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    let mut refs: Vec<_> = (0..4)
        .map(|number| {
            shard
                .track(which(number, "t", "k"), &body(), &mut out)
                .unwrap()
        })
        .collect();
    shard.untrack(which(2, "t", "k"), &mut out);
    refs.remove(2);
    // An updated meta keeps its place.
    refs[0] = shard
        .update(which(0, "t", "k"), None, &body(), &mut out)
        .unwrap();

    let listed = shard.get_by_key("t", "k");
    let listed: Vec<_> = listed.iter().map(|entry| entry.meta.phx_ref()).collect();
    let refs: Vec<_> = refs.iter().map(PhxRef::as_str).collect();
    assert_eq!(listed, refs);
    assert_eq!(shard.count("t"), 1);
}

#[test]
fn keys_are_listed_in_order_and_may_be_anything() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    for key in ["žluť ☃", "b", "", "a b"] {
        shard.track(which(0, "t", key), &body(), &mut out).unwrap();
    }
    assert_eq!(keys(&shard.list("t")), ["", "a b", "b", "žluť ☃"]);
    assert_eq!(shard.get_by_key("t", "").len(), 1);
    assert!(shard.get_by_key("t", "c").is_empty());
}

#[test]
fn the_end_of_an_owner_ends_all_it_tracked() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    for key in ["a", "b", "c"] {
        for topic in ["t", "u"] {
            shard
                .track(which(0, topic, key), &body(), &mut out)
                .unwrap();
        }
        shard.track(which(1, "t", key), &body(), &mut out).unwrap();
    }
    shard.handle(Input::OwnerGone(owner(0)), Duration::ZERO, &mut out);
    assert_eq!(shard.list("t").len(), 3);
    assert_eq!(shard.count("u"), 0);
    assert!(
        shard
            .list("t")
            .iter()
            .all(|entry| entry.owner.owner() == Some(owner(1)))
    );
}

#[test]
fn nothing_remains_of_a_topic_that_is_over() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.track(which(0, "t", "k"), &body(), &mut out).unwrap();
    shard.untrack(which(0, "t", "k"), &mut out);
    assert_eq!(told(&mut out).len(), 1);
    shard.handle(Input::Dispatched("t".into()), INTERVAL, &mut out);
    shard.handle(Input::Tick, 2 * INTERVAL, &mut out);
    assert_eq!(told(&mut out).len(), 1, "the leave");
    shard.handle(Input::Dispatched("t".into()), 2 * INTERVAL, &mut out);
    shard.handle(Input::Tick, 3 * INTERVAL, &mut out);
    assert!(out.is_empty());
    assert!(shard.index.is_empty());
    assert_eq!(shard.next_deadline(), None);

    shard.list("never there");
    assert!(shard.index.is_empty(), "a read leaves nothing behind");
}

#[test]
fn a_stopped_shard_tells_the_last_leaves_at_once_and_takes_no_more() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    for topic in ["quiet", "cooling", "dispatching"] {
        shard
            .track(which(0, topic, "k"), &body(), &mut out)
            .unwrap();
    }
    for topic in ["quiet", "cooling"] {
        shard.handle(Input::Dispatched(topic.into()), Duration::ZERO, &mut out);
    }
    out.clear();
    shard.handle(Input::Stop, Duration::ZERO, &mut out);
    let left = |topic: &str| (topic.to_owned(), vec![], vec!["k".to_owned()]);
    assert_eq!(told(&mut out), [left("cooling"), left("quiet")]);
    assert!(!shard.is_finished());

    for topic in ["dispatching", "cooling", "quiet"] {
        shard.handle(Input::Dispatched(topic.into()), Duration::ZERO, &mut out);
    }
    assert_eq!(told(&mut out), [left("dispatching")]);
    shard.handle(
        Input::Dispatched("dispatching".into()),
        Duration::ZERO,
        &mut out,
    );
    assert!(shard.is_finished());

    let which = which(0, "t", "k");
    assert_eq!(
        shard.track(which, &body(), &mut out),
        Err(TrackRefused::Stopped)
    );
    assert_eq!(
        shard.update(which, None, &body(), &mut out),
        Err(UpdateRefused::Stopped)
    );
    assert!(out.is_empty());
}
