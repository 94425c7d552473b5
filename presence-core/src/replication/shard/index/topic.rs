//! One topic: who is in it, and what of that its listeners do not know yet.

use std::sync::Arc;

use super::holders::{Added, Held, Removed};
use super::key_changes::KeyChanges;
use super::pending::{NetChanges, Pending};
use super::state::Moment;
use crate::replication::set::{Entry, Origin, PhxRef};

/// Where a topic stands between two diffs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// The next change leaves at once.
    #[default]
    Quiet,
    /// A diff is out and not dispatched yet.
    Dispatching,
    /// The last diff is less than the interval old.
    Cooling,
}

/// The place in a topic's list where a batch of it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ListPlace {
    /// The last key.
    key: Arc<str>,
    /// The last reference, if other entries of the key follow.
    within: Option<PhxRef>,
}

impl ListPlace {
    /// Returns the place after all entries of a key.
    pub(crate) fn after(key: &str) -> Self {
        Self {
            key: key.into(),
            within: None,
        }
    }

    /// Returns whether other entries of the last key follow.
    pub(crate) fn is_within_a_key(&self) -> bool {
        self.within.is_some()
    }
}

/// One topic of a shard.
#[derive(Clone, Debug, Default)]
pub(in crate::replication::shard) struct Topic {
    /// The phase, which decides when the next diff may be sent.
    pub(super) phase: Phase,
    /// The entries by key, in order, so that lists have the same keys in the same places on every
    /// node.
    keys: Held,
    /// The changes since the last diff.
    pending: Pending,
    /// Those of the keys. `None`: diffs do not tell them. In a box, for most trackers have none.
    key_changes: Option<Box<KeyChanges>>,
    /// The last diff and the last change.
    pub(super) moment: Moment,
}

impl crate::replication::shard::Shard {
    /// Returns a batch of the topic's list: entries by key, within a key those of an earlier owner
    /// first, from the place on. Also returns the place of the next batch, `None` after the last
    /// one.
    ///
    /// A batch seals the topic's pending diff: a change before it never cancels against a change
    /// after it. A key that is present throughout is in the whole list exactly once. A key that
    /// comes or goes between two batches may be in it.
    pub(crate) fn list_batch(
        &mut self,
        topic: &str,
        from: Option<&ListPlace>,
    ) -> (Vec<Arc<Entry>>, Option<ListPlace>) {
        let most = self.index.batch();
        let Some(topic) = self.index.topic_mut(topic) else {
            return (Vec::new(), None);
        };
        topic.seal();
        topic.batch(from, most, usize::MAX)
    }

    /// Returns the entries of the first keys after `after`, at most `keys` of them and of about a
    /// batch of entries. Also returns whether keys follow. Seals as [`Shard::list_batch`] does.
    ///
    /// [`Shard::list_batch`]: crate::replication::shard::Shard::list_batch
    pub(crate) fn page(
        &mut self,
        topic: &str,
        from: Option<&ListPlace>,
        keys: usize,
    ) -> (Vec<Arc<Entry>>, Option<ListPlace>) {
        let most = self.index.batch();
        let Some(topic) = self.index.topic_mut(topic) else {
            return (Vec::new(), None);
        };
        topic.seal();
        topic.batch(from, most, keys)
    }

    /// Returns a batch of the entries of these keys, in their order: of the first key those behind
    /// `after`. Also returns the number of keys that are done, and the last entry of the next key
    /// if a part of it is in the batch. Seals as a list does.
    pub(crate) fn get_many(
        &mut self,
        topic: &str,
        keys: &[&str],
        mut after: Option<PhxRef>,
    ) -> (Vec<Arc<Entry>>, usize, Option<PhxRef>) {
        let (most, mut entries) = (self.index.batch(), Vec::new());
        let Some(topic) = self.index.topic_mut(topic) else {
            return (entries, keys.len(), None);
        };
        topic.seal();
        for (done, key) in keys.iter().enumerate() {
            if entries.len() >= most {
                return (entries, done, None);
            }
            let within = topic.collect_under(key, after.take(), most, &mut entries);
            if within.is_some() {
                return (entries, done, within);
            }
        }
        (entries, keys.len(), None)
    }

    /// Returns a batch of the entries under one key, those behind `after`. Also returns the last of
    /// them if more follow.
    pub(crate) fn key_batch(
        &self,
        topic: &str,
        key: &str,
        after: Option<PhxRef>,
    ) -> (Vec<Arc<Entry>>, Option<PhxRef>) {
        let mut entries = Vec::new();
        let next = self
            .index
            .topic(topic)
            .and_then(|topic| topic.collect_under(key, after, self.index.batch(), &mut entries));
        (entries, next)
    }
}

impl Topic {
    /// A topic that begins after the shard's diff of the number `taken`.
    pub(super) fn new(tells_keys: bool, taken: u64) -> Self {
        Self {
            key_changes: tells_keys.then(Box::default),
            moment: Moment { taken, changed: 0 },
            ..Self::default()
        }
    }

    /// Returns whether the meta of this reference is shown under the key.
    pub(super) fn holds(&self, key: &str, phx_ref: PhxRef) -> bool {
        self.keys.get(key).is_some_and(|held| held.holds(phx_ref))
    }

    /// The key as it is held already, so that all its entries share one text.
    pub(super) fn intern(&self, key: &str) -> Arc<str> {
        match self.keys.get(key) {
            Some(holders) => Arc::clone(holders.key()),
            None => key.into(),
        }
    }

    /// Adds an entry. Returns whether no entry with its reference was here.
    pub(super) fn join(&mut self, entry: &Arc<Entry>) -> bool {
        match self.keys.add(entry) {
            Added::Nothing => return false,
            Added::OneOfMany => {}
            Added::First => self.note_key(entry, true),
        }
        self.pending.join(entry);
        true
    }

    /// Returns the oldest entry of the origin under the key.
    pub(super) fn oldest_of(&self, origin: &Arc<Origin>, key: &str) -> Option<&Arc<Entry>> {
        self.keys.get(key)?.oldest_of(origin)
    }

    /// Returns the entry under the key whose owner's connection was lost, the first one to be.
    pub(super) fn oldest_lost(&self, key: &str) -> Option<&Arc<Entry>> {
        self.keys.get(key)?.oldest_lost()
    }

    pub(super) fn leave(&mut self, entry: &Arc<Entry>) {
        match self.keys.remove(entry) {
            Removed::Nothing => return,
            Removed::OneOfMany => {}
            Removed::Last => self.note_key(entry, false),
        }
        self.pending.leave(entry);
    }

    pub(super) fn seal(&mut self) {
        self.pending.seal();
    }

    /// Returns the next diff to send, and the keys that came or went since the last one.
    pub(super) fn take_diff(&mut self) -> Option<(NetChanges, KeyChanges)> {
        let net = self.pending.take()?;
        let Some(changes) = self.key_changes.as_deref_mut() else {
            return Some((net, KeyChanges::default()));
        };
        let keys = std::mem::take(changes);
        if !self.pending.is_empty() {
            // The keys are told as they are now, ahead of the diffs that wait. A later change of
            // them goes with one of those, so none may cancel.
            self.pending.seal();
        }
        Some((net, keys))
    }

    fn note_key(&mut self, entry: &Arc<Entry>, came: bool) {
        if let Some(changes) = &mut self.key_changes {
            changes.note(entry, came);
        }
    }

    /// Returns whether the topic has neither entries nor changes that wait for a diff.
    pub(super) fn is_empty(&self) -> bool {
        let is_empty = self.keys.is_empty() && self.pending.is_empty();
        let keys = self.key_changes.as_ref();
        debug_assert!(!is_empty || keys.is_none_or(|keys| keys.is_empty()));
        is_empty
    }

    pub(in crate::replication::shard) fn count(&self) -> usize {
        self.keys.len()
    }

    /// Returns a batch of the list: entries by key from the place on, and the place of the next
    /// batch. A batch ends with a key once it has `most` entries, and has at most twice as many. It
    /// has at most `keys` keys.
    pub(in crate::replication::shard) fn batch(
        &self,
        from: Option<&ListPlace>,
        most: usize,
        keys: usize,
    ) -> (Vec<Arc<Entry>>, Option<ListPlace>) {
        let mut entries = Vec::with_capacity(most.min(self.keys.len()));
        let mut left = keys;
        let mut keys = self.keys.from(from.map(|from| &*from.key));
        while let Some(holders) = keys.next() {
            let key = holders.key();
            let mut after = None;
            if let Some(from) = from.filter(|from| from.key == *key) {
                if from.within.is_none() {
                    continue;
                }
                after = from.within;
            }
            let within = holders.collect_into(&mut entries, after, most);
            left = left.saturating_sub(1);
            let is_full = (entries.len() >= most || left == 0) && keys.next().is_some();
            if within.is_some() || is_full {
                let key = Arc::clone(key);
                return (entries, Some(ListPlace { key, within }));
            }
        }
        (entries, None)
    }

    /// Adds the entries under the key that are behind `after`, at most `most`. Returns the last of
    /// them if more follow.
    fn collect_under(
        &self,
        key: &str,
        after: Option<PhxRef>,
        most: usize,
        entries: &mut Vec<Arc<Entry>>,
    ) -> Option<PhxRef> {
        let holders = self.keys.get(key)?;
        holders.collect_into(entries, after, most)
    }
}

#[cfg(test)]
mod tests;
