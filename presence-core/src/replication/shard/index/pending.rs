//! The changes of a topic that no diff has told yet, netted by `phx_ref`.
//!
//! # What may cancel
//!
//! A diff is the net change since the one before it: a meta that joined and left in between was
//! never there, one that left and joined never went. That holds for a listener who knows the diffs
//! alone.
//!
//! A listener who took a list in between knows more. Say x joins, a list is taken, x leaves: the
//! list has x. If join and leave cancelled now, nothing would ever tell that listener, and x would
//! be a ghost. So **a list seals**: a change before it never cancels against one after it.
//!
//! # What may share a diff
//!
//! Seals alone do not end a diff, else a thousand users who join and list would cause a thousand of
//! them. phoenix.js applies a diff's joins first and its leaves after, a join of a meta it has
//! changes nothing, and neither does a leave of one it has not. Changes of different metas never
//! touch each other. For one meta, what remains of a stretch with seals alternates, and:
//!
//! - a join, a seal, a leave: one diff with x on both sides. Whoever listed x loses it again,
//!   whoever did not gets it and loses it.
//! - a leave, a seal, a join: one diff would let the join come first and end without x. So the join
//!   goes into the next diff.
//!
//! Hence a queue of diffs to come, nearly always of length one. A meta changes direction twice only
//! when its replica is hidden and shown again, so the queue is as short as that is rare.
//!
//! A list may be taken while earlier changes still wait here or are on their way, and their diff
//! then arrives after it. That is harmless: the diff ends, for every meta, where the list stood or
//! later.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::replication::set::visits::visit;
use crate::replication::set::{Entry, PhxRef};

/// The identity of a meta for clients: its key and its reference.
type MetaId = (Arc<str>, PhxRef);

fn meta_id(entry: &Entry) -> MetaId {
    (Arc::clone(&entry.key), entry.meta.reference())
}

/// The diffs to come of one topic.
#[derive(Clone, Debug, Default)]
pub(in crate::replication::shard) struct Pending {
    /// The seals so far. Two changes may cancel if they saw the same number.
    seals: u64,
    /// The diffs to come, the next one first. Ordered maps, for a run must repeat exactly.
    diffs: VecDeque<BTreeMap<MetaId, MetaChange>>,
}

/// The changes of one diff. The shard gives them away whole, so that nobody visits each of many
/// changes while the shard's lock is held.
#[derive(Clone, Debug)]
pub(in crate::replication::shard) struct NetChanges(BTreeMap<MetaId, MetaChange>);

impl NetChanges {
    /// Returns the number of metas that join, leave, or do both.
    pub(in crate::replication::shard) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the joins and the leaves, each by key, the oldest first within a key.
    pub(in crate::replication::shard) fn sides(self) -> (Vec<Arc<Entry>>, Vec<Arc<Entry>>) {
        let (mut joins, mut leaves) = (Vec::new(), Vec::new());
        for change in self.0.into_values() {
            visit(1);
            if change.joined.is_some() {
                joins.push(Arc::clone(&change.entry));
            }
            if change.left.is_some() {
                leaves.push(change.entry);
            }
        }
        (joins, leaves)
    }
}

/// The change of one meta in a future diff.
#[derive(Clone, Debug)]
struct MetaChange {
    entry: Arc<Entry>,
    /// That it joined, and after how many seals.
    joined: Option<u64>,
    /// That it left (after the join, if both), and after how many seals.
    left: Option<u64>,
}

impl Pending {
    pub(in crate::replication::shard) fn seal(&mut self) {
        self.seals += 1;
    }

    pub(in crate::replication::shard) fn is_empty(&self) -> bool {
        self.diffs.iter().all(BTreeMap::is_empty)
    }

    pub(in crate::replication::shard) fn join(&mut self, entry: &Arc<Entry>) {
        let id = meta_id(entry);
        let joined = MetaChange {
            entry: Arc::clone(entry),
            joined: Some(self.seals),
            left: None,
        };
        let Some(last) = self.last_of(&id) else {
            self.put(0, id, joined);
            return;
        };
        let Some(change) = self.diffs[last].get_mut(&id) else {
            return;
        };
        match (change.joined, change.left) {
            (_, None) => debug_assert!(false, "{id:?} joins twice"),
            (joined, Some(left)) if left == self.seals => {
                change.left = None;
                if joined.is_none() {
                    self.diffs[last].remove(&id);
                }
            }
            (_, Some(_)) => self.put(last + 1, id, joined),
        }
    }

    pub(in crate::replication::shard) fn leave(&mut self, entry: &Arc<Entry>) {
        let id = meta_id(entry);
        let Some(last) = self.last_of(&id) else {
            let left = MetaChange {
                entry: Arc::clone(entry),
                joined: None,
                left: Some(self.seals),
            };
            self.put(0, id, left);
            return;
        };
        let Some(change) = self.diffs[last].get_mut(&id) else {
            return;
        };
        match (change.joined, change.left) {
            (_, Some(_)) => debug_assert!(false, "{id:?} leaves twice"),
            (Some(joined), None) if joined == self.seals => {
                self.diffs[last].remove(&id);
            }
            (_, None) => change.left = Some(self.seals),
        }
    }

    /// Takes the next diff, if there is one.
    pub(in crate::replication::shard) fn take(&mut self) -> Option<NetChanges> {
        let next = loop {
            let next = self.diffs.pop_front()?;
            // All that was in it may have cancelled.
            if !next.is_empty() {
                break next;
            }
        };
        if self.diffs.is_empty() {
            // Most topics are quiet most of the time, and then keep no room for diffs.
            self.diffs = VecDeque::new();
        }
        Some(NetChanges(next))
    }

    /// The last diff that speaks of the meta: what comes next for it must not come earlier.
    fn last_of(&self, id: &MetaId) -> Option<usize> {
        self.diffs.iter().rposition(|diff| diff.contains_key(id))
    }

    fn put(&mut self, number: usize, id: MetaId, change: MetaChange) {
        while self.diffs.len() <= number {
            self.diffs.push_back(BTreeMap::new());
        }
        self.diffs[number].insert(id, change);
    }
}
