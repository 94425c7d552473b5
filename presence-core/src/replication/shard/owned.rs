//! From an owner to its entries.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3Default;

use crate::replication::set::visits::visit;
use crate::replication::set::{Clock, Entry, MetaBody, OwnerId, PhxRef, Replica};

/// Which presence is meant: an owner has at most one a topic and key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which<'a> {
    /// The owner of the presence.
    pub(crate) owner: OwnerId,
    /// Where.
    pub(crate) topic: &'a str,
    /// Under which key.
    pub(crate) key: &'a str,
}

/// Every entry by owner, then by a hash of its topic and key, then by clock.
///
/// The hash stands for the two strings, so that an entry costs 24 bytes here and an owner with very
/// many entries still finds one at once. Whoever makes hashes collide slows down one owner: the own
/// one.
#[derive(Clone, Debug, Default)]
pub(super) struct Owned(BTreeSet<(OwnerId, u64, Clock)>);

impl Owned {
    pub(super) fn insert(&mut self, entry: &Entry) {
        self.0.extend(place(entry));
    }

    pub(super) fn remove(&mut self, entry: &Entry) {
        if let Some(place) = place(entry) {
            self.0.remove(&place);
        }
    }

    pub(super) fn find<'a>(
        &self,
        replica: &'a Replica,
        which: Which<'_>,
    ) -> Option<&'a Arc<Entry>> {
        let hash = hash(&[which.topic, which.key]);
        self.0
            .range(span(which.owner, hash..=hash))
            .filter_map(|(_, _, clock)| replica.get(*clock))
            .find(|entry| *entry.topic == *which.topic && *entry.key == *which.key)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The clocks of all entries of the owner.
    pub(super) fn all(&self, owner: OwnerId) -> Vec<Clock> {
        let entries = self.0.range(span(owner, 0..=u64::MAX));
        entries
            .inspect(|_| visit(1))
            .map(|(_, _, clock)| *clock)
            .collect()
    }
}

fn place(entry: &Entry) -> Option<(OwnerId, u64, Clock)> {
    let hash = hash(&[&entry.topic, &entry.key]);
    Some((entry.owner.owner()?, hash, entry.tag.clock))
}

fn span(owner: OwnerId, hashes: RangeInclusive<u64>) -> RangeInclusive<(OwnerId, u64, Clock)> {
    (owner, *hashes.start(), Clock::ZERO)..=(owner, *hashes.end(), Clock::MAX)
}

impl Which<'_> {
    /// Returns a number for the presence, its meta, and the reference that the meta replaces.
    pub(super) fn contents(&self, meta: &MetaBody, prev: Option<PhxRef>) -> u64 {
        let prev = prev.as_ref().map_or("", PhxRef::as_str);
        hash(&[self.topic, self.key, meta.as_str(), prev])
    }
}

fn hash(texts: &[&str]) -> u64 {
    let mut hash = Xxh3Default::new();
    for text in texts {
        hash.update(text.as_bytes());
        // A byte that no UTF-8 text has, so that "a" + "bc" is not "ab" + "c".
        hash.update(&[0xff]);
    }
    hash.digest()
}
