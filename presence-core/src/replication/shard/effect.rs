//! The output of a [`Shard`](super::Shard), and the order of the entries in it.

use std::cmp::Ordering;
use std::sync::Arc;

use super::index::key_changes::{KeyChange, KeyChanges};
use super::index::pending::NetChanges;
use super::part::{Ask, Part};
use crate::replication::set::{Delta, Entry, Incarnation, ReplicaName};

/// An action that a shard asks its node for.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Tell the topic's listeners, then answer with
    /// [`Input::Dispatched`](super::Input::Dispatched).
    TopicDiff(TakenDiff),
    /// Send this node's own changes to all other nodes.
    Delta(Delta),
    /// Send a part of what a node asked for to it.
    Part(ReplicaName, Part),
    /// Ask another node for what is missing.
    Ask(Ask),
    /// A peer knows this node's own replica at a clock that it has not reached in this incarnation.
    Claimed(Incarnation),
}

/// The order of lists and diffs: by key, the oldest first within a key. The same on every node.
pub(super) fn by_key_and_age(a: &Entry, b: &Entry) -> Ordering {
    let by_age = || a.meta.reference().cmp(&b.meta.reference());
    a.key.cmp(&b.key).then_with(by_age)
}

/// The diff of a topic, as the shard gives it away.
#[derive(Clone, Debug)]
pub(crate) struct TakenDiff {
    /// The topic.
    pub(crate) topic: Arc<str>,
    /// The number of the diff, among those of its shard.
    pub(super) number: u64,
    pub(super) changes: NetChanges,
    pub(super) keys: KeyChanges,
}

impl TakenDiff {
    /// Tells the joins from the leaves. Visits every change, so call it without the shard's lock.
    pub(crate) fn sides(self) -> TopicDiff {
        let (joins, leaves) = self.changes.sides();
        TopicDiff {
            topic: self.topic,
            number: self.number,
            joins,
            leaves,
            keys: self.keys.into_vec(),
        }
    }
}

/// The net change of a topic since its last diff, each side by key, the oldest first within a key.
///
/// A meta may stand on both sides; then it joined before it left.
#[derive(Clone, Debug)]
pub(crate) struct TopicDiff {
    /// The topic.
    pub(crate) topic: Arc<str>,
    /// The number of the diff, among those of its shard.
    pub(crate) number: u64,
    /// The entries that join.
    pub(crate) joins: Vec<Arc<Entry>>,
    /// The entries that leave.
    pub(crate) leaves: Vec<Arc<Entry>>,
    /// The keys that came or went, in order. Empty without a call of
    /// [`Shard::tell_keys`](super::Shard::tell_keys).
    pub(crate) keys: Vec<KeyChange>,
}

impl TopicDiff {
    /// All that joins or leaves, by key, the oldest first; what does both comes once.
    pub(crate) fn all(&self) -> Vec<&Arc<Entry>> {
        let mut all: Vec<_> = self.joins.iter().chain(&self.leaves).collect();
        all.sort_unstable_by(|a, b| by_key_and_age(a, b));
        // Under one key: a lying node may give one reference to two keys.
        all.dedup_by(|a, b| a.key == b.key && a.meta.reference() == b.meta.reference());
        all
    }
}
