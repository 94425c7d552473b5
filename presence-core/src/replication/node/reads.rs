//! The reads of a node: lists, pages of them, single keys, and counts.

use std::sync::Arc;

use super::Node;
use crate::replication::set::{Entry, PhxRef};
use crate::replication::shard::{ListPlace, Moment, StateBatch};

/// The keys that are looked up in one hold of a shard's lock.
const KEYS_A_HOLD: usize = 256;

impl Node {
    /// Returns the topic's entries by key, the oldest first within a key, of all nodes that are up.
    ///
    /// The list is taken in batches. Each batch seals the topic's pending diff: a change before it
    /// never cancels against a change after it. A key that is present throughout is in the list
    /// exactly once. A key that comes or goes meanwhile may be in it.
    #[must_use]
    pub(crate) fn list(&self, topic: &str) -> Vec<Arc<Entry>> {
        let shard = self.shard_of(topic);
        let (mut entries, mut next) = shard.lock().list_batch(topic, None);
        while let Some(place) = next {
            let (more, after) = shard.lock().list_batch(topic, Some(&place));
            entries.extend(more);
            next = after;
        }
        entries
    }

    /// Returns the topic's entries under one key, the oldest first. Of very many, an entry that is
    /// updated meanwhile may be listed with both metas.
    #[must_use]
    pub(crate) fn get_by_key(&self, topic: &str, key: &str) -> Vec<Arc<Entry>> {
        let shard = self.shard_of(topic);
        let (mut entries, mut next) = shard.lock().key_batch(topic, key, None);
        while next.is_some() {
            let (more, after) = shard.lock().key_batch(topic, key, next);
            entries.extend(more);
            next = after;
        }
        entries
    }

    /// Returns the number of distinct keys in the topic.
    #[must_use]
    pub(crate) fn count(&self, topic: &str) -> usize {
        self.shard_of(topic).lock().count(topic)
    }

    /// Returns the entries of the first `keys` keys after `after`, in the order of a list, and
    /// whether further keys follow. Seals as [`Node::list`] does.
    #[must_use]
    pub(crate) fn page(
        &self,
        topic: &str,
        after: Option<&str>,
        keys: usize,
    ) -> (Vec<Arc<Entry>>, bool) {
        let mut next = after.map(ListPlace::after);
        let (mut entries, mut left) = (Vec::<Arc<Entry>>::new(), keys);
        while left > 0 {
            let (more, place) = self.shard_of(topic).lock().page(topic, next.as_ref(), left);
            let listed = more.chunk_by(|one, other| one.key == other.key).count();
            entries.extend(more);
            let Some(place) = place else {
                return (entries, false);
            };
            // A key with very many entries counts once all of them are listed.
            left -= listed - usize::from(place.is_within_a_key());
            next = Some(place);
        }
        (entries, true)
    }

    /// Returns the entries of these keys, which are in order, in the order of a list. Seals as
    /// [`Node::list`] does.
    #[must_use]
    pub(crate) fn get_many(&self, topic: &str, keys: &[&str]) -> Vec<Arc<Entry>> {
        let (mut entries, mut left, mut within) = (Vec::new(), keys, None);
        while !left.is_empty() {
            let some = &left[..left.len().min(KEYS_A_HOLD)];
            let (more, done, after) = self.shard_of(topic).lock().get_many(topic, some, within);
            entries.extend(more);
            left = &left[done..];
            within = after;
        }
        entries
    }

    /// Returns the topic's last diff and its last change.
    pub(crate) fn moment(&self, topic: &str) -> Moment {
        self.shard_of(topic).lock().moment(topic)
    }

    /// Returns a batch of the topic's list from the place on. Seals as [`Node::list`] does.
    pub(crate) fn state_batch(&self, topic: &str, from: Option<&ListPlace>) -> StateBatch {
        let mut shard = self.shard_of(topic).lock();
        shard.state_batch(topic, from, KEYS_A_HOLD)
    }

    /// Calls `queue` for a part of the topic's state if the part is current: no diff was taken
    /// since the diff of number `valid`, or all its metas are here. `queue` runs in the hold of
    /// the lock that finds that.
    ///
    /// # Errors
    ///
    /// The metas that are not here. `queue` was not called.
    pub(crate) fn queue_if_current<'a>(
        &self,
        topic: &str,
        valid: u64,
        metas: impl Iterator<Item = (&'a str, PhxRef)>,
        queue: impl FnOnce(),
    ) -> Result<u64, Stale> {
        let mut shard = self.shard_of(topic).lock();
        let Moment { taken, .. } = shard.moment(topic);
        if taken != valid {
            let gone = shard.gone(topic, metas);
            if !gone.is_empty() {
                return Err(Stale { taken, gone });
            }
        }
        queue();
        Ok(taken)
    }
}

/// A part of a topic's state has metas that are not here any more.
#[derive(Debug)]
pub(crate) struct Stale {
    /// The number of the topic's last diff. The other metas were here after it.
    pub(crate) taken: u64,
    /// The metas that are gone.
    pub(crate) gone: Vec<PhxRef>,
}
