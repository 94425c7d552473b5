//! What one replica holds, and the only ways to change it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{Clock, Content, Entry, Meta, Origin, Tag};

/// The entries of one replica in one incarnation, at its clock.
///
/// Every change takes exactly one clock step and moves entries and clock together.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Whose entries these are. Shared with their tags.
    origin: Arc<Origin>,
    /// The changes made so far.
    clock: Clock,
    /// By clock, so that what was added since a clock is a range.
    entries: BTreeMap<Clock, Arc<Entry>>,
}

impl Replica {
    /// A replica that has changed nothing yet.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin: Arc::new(origin),
            clock: Clock::ZERO,
            entries: BTreeMap::new(),
        }
    }

    /// Whose entries these are.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The changes made so far.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// How many entries live.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no entry lives.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry that the change at `clock` added, if it still lives.
    pub fn get(&self, clock: Clock) -> Option<&Arc<Entry>> {
        self.entries.get(&clock)
    }

    /// The living entries that were added after `clock`, oldest first. Visits only those.
    pub fn since(&self, clock: Clock) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries
            .range((Bound::Excluded(clock), Bound::Unbounded))
            .map(|(_, entry)| entry)
    }

    /// Adds an entry, in one step.
    pub fn add(&mut self, content: Content) -> Arc<Entry> {
        let clock = self.step();
        self.insert(clock, content)
    }

    /// Removes the entry added at `clock`, in one step. Without such an entry nothing happens.
    pub fn remove(&mut self, clock: Clock) -> Option<Arc<Entry>> {
        let removed = self.entries.remove(&clock)?;
        self.step();
        Some(removed)
    }

    /// Replaces the entry added at `clock` by one with another meta, in one step; returns the old and
    /// the new. Without such an entry nothing happens.
    pub fn update(&mut self, clock: Clock, meta: Meta) -> Option<(Arc<Entry>, Arc<Entry>)> {
        let old = self.entries.remove(&clock)?;
        let clock = self.step();
        let new = self.insert(
            clock,
            Content {
                topic: Arc::clone(&old.topic),
                key: Arc::clone(&old.key),
                owner: old.owner,
                meta,
            },
        );
        Some((old, new))
    }

    fn step(&mut self) -> Clock {
        self.clock = self.clock.next();
        self.clock
    }

    fn insert(&mut self, clock: Clock, content: Content) -> Arc<Entry> {
        let entry = Arc::new(content.tagged(Tag {
            origin: Arc::clone(&self.origin),
            clock,
        }));
        self.entries.insert(clock, Arc::clone(&entry));
        entry
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::crdt::{Incarnation, MetaBody, OwnerId, PhxRefs, ReplicaName};

    fn replica() -> Replica {
        Replica::new(Origin {
            name: ReplicaName::new("a"),
            incarnation: Incarnation {
                started_ms: 1,
                nonce: 2,
            },
        })
    }

    fn meta(refs: &mut PhxRefs) -> Meta {
        let body = MetaBody::encode(&serde_json::json!({}), 100).unwrap();
        Meta::new(refs.make(), None, &body)
    }

    fn content(key: &str, refs: &mut PhxRefs) -> Content {
        Content {
            topic: "t".into(),
            key: key.into(),
            owner: OwnerId::new(NonZeroU64::MIN),
            meta: meta(refs),
        }
    }

    fn clocks<'a>(entries: impl Iterator<Item = &'a Arc<Entry>>) -> Vec<u64> {
        entries.map(|entry| entry.tag.clock.get()).collect()
    }

    #[test]
    fn every_change_is_one_step() {
        let (mut replica, mut refs) = (replica(), PhxRefs::new(0));
        let first = replica.add(content("x", &mut refs));
        let second = replica.add(content("y", &mut refs));
        assert_eq!((first.tag.clock.get(), second.tag.clock.get()), (1, 2));

        let (old, new) = replica.update(first.tag.clock, meta(&mut refs)).unwrap();
        assert_eq!((old.tag.clock.get(), new.tag.clock.get()), (1, 3));
        assert_eq!((&*new.key, new.owner), ("x", first.owner));
        assert_eq!(replica.clock().get(), 3);

        replica.remove(second.tag.clock).unwrap();
        assert_eq!(replica.clock().get(), 4);
        assert_eq!(clocks(replica.since(Clock::ZERO)), [3]);
    }

    #[test]
    fn what_changes_nothing_takes_no_step() {
        let (mut replica, mut refs) = (replica(), PhxRefs::new(0));
        let entry = replica.add(content("x", &mut refs));
        replica.remove(entry.tag.clock).unwrap();
        let before = replica.clock();
        assert!(replica.remove(entry.tag.clock).is_none());
        assert!(replica.update(entry.tag.clock, meta(&mut refs)).is_none());
        assert_eq!(replica.clock(), before);
        assert!(replica.is_empty());
    }

    #[test]
    fn adds_since_a_clock_are_a_range() {
        let (mut replica, mut refs) = (replica(), PhxRefs::new(0));
        for key in ["a", "b", "c"] {
            replica.add(content(key, &mut refs));
        }
        let second = replica.get(Clock::ZERO.next().next()).unwrap().tag.clock;
        assert_eq!(clocks(replica.since(second)), [3]);
        assert_eq!(clocks(replica.since(Clock::MAX)), [0; 0]);
    }
}
