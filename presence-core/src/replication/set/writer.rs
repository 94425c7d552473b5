//! The writer of a replica on its own node, the only place where the replica is changed.

use std::sync::Arc;

use super::removals::Removals;
use super::{
    Clock, Content, Delta, Entry, Gone, Incarnation, Meta, Origin, Ownership, Replica, Tag,
};

/// The node's own replica, and the only ways to change it.
///
/// Every change takes exactly one clock step and moves entries and clock together.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    replica: Replica,
    /// The removed tags, for deltas.
    removals: Removals,
}

impl Writer {
    /// Creates a replica without changes. It logs removals in at most `removal_log_bytes` bytes.
    pub(crate) fn new(origin: Origin, removal_log_bytes: usize) -> Self {
        Self {
            replica: Replica::new(Arc::new(origin)),
            removals: Removals::new(removal_log_bytes),
        }
    }

    /// Returns the replica.
    pub(crate) fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Adds an entry, in one step.
    pub(crate) fn add(&mut self, content: Content) -> Arc<Entry> {
        let clock = self.replica.step();
        self.insert(clock, content)
    }

    /// Removes the entry added at `clock`, in one step. Does nothing without such an entry.
    pub(crate) fn remove(&mut self, clock: Clock) -> Option<Arc<Entry>> {
        let removed = self.replica.take(clock)?;
        let at = self.replica.step();
        self.removals.push(at, clock);
        Some(removed)
    }

    /// Replaces the entry added at `clock` by one with another meta, in one step. Returns the old
    /// and the new entry. Does nothing without such an entry.
    pub(crate) fn update(&mut self, clock: Clock, meta: Meta) -> Option<(Arc<Entry>, Arc<Entry>)> {
        let old = self.replica.take(clock)?;
        let at = self.replica.step();
        self.removals.push(at, clock);
        let new = self.insert_as(at, &old, old.owner, meta);
        Some((old, new))
    }

    /// Replaces the entry added at `clock` by one without an owner, with the same meta, in one
    /// step. Returns the old and the new entry. Does nothing without such an entry.
    pub(crate) fn lose(&mut self, clock: Clock) -> Option<(Arc<Entry>, Arc<Entry>)> {
        let old = self.replica.take(clock)?;
        let at = self.replica.step();
        self.removals.push(at, clock);
        let new = self.insert_as(at, &old, Ownership::LOST, old.meta.clone());
        Some((old, new))
    }

    /// Returns the changes after `from`, for a node that holds this replica at `from`.
    #[must_use]
    pub(crate) fn delta(&self, from: Clock) -> Delta {
        self.replica.delta_with(from, self.gone(from))
    }

    /// Returns what is gone of the tags up to `from`.
    fn gone(&self, from: Clock) -> Gone {
        self.logged(from).unwrap_or_else(|| self.replica.gone(from))
    }

    /// Returns what is gone of the tags up to `from`, if the log still knows.
    pub(crate) fn logged(&self, from: Clock) -> Option<Gone> {
        self.removals.since(from).map(Gone::Tags)
    }

    /// Continues under another incarnation, with the same entries under new tags and their old
    /// references. Returns the new entries, in the order of the old ones.
    pub(crate) fn retag(&mut self, incarnation: Incarnation) -> Vec<Arc<Entry>> {
        let name = self.replica.origin().name.clone();
        let origin = Arc::new(Origin { name, incarnation });
        let old = std::mem::replace(&mut self.replica, Replica::new(origin));
        let entries = old.since(Clock::ZERO);
        let entries = entries.map(|old| {
            let clock = self.replica.step();
            self.insert_as(clock, old, old.owner, old.meta.clone())
        });
        let entries = entries.collect();
        self.removals.restart(self.replica.clock());
        entries
    }

    fn insert(&mut self, clock: Clock, content: Content) -> Arc<Entry> {
        let origin = Arc::clone(self.replica.origin());
        let entry = Arc::new(content.tagged(Tag { origin, clock }));
        self.replica.put(Arc::clone(&entry));
        entry
    }

    fn insert_as(&mut self, clock: Clock, old: &Entry, owner: Ownership, meta: Meta) -> Arc<Entry> {
        let tag = Tag {
            origin: Arc::clone(self.replica.origin()),
            clock,
        };
        let entry = Arc::new(Entry {
            tag,
            topic: Arc::clone(&old.topic),
            key: Arc::clone(&old.key),
            owner,
            meta,
        });
        self.replica.put(Arc::clone(&entry));
        entry
    }
}

#[cfg(test)]
mod tests;
