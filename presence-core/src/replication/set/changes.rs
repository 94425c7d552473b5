//! The changes of a replica between two clocks, put together part by part.

use std::sync::Arc;

use super::replica::entries::Entries;
use super::replica::{Replica, check_of};
use super::visits::visit;
use super::{Clock, Delta, DeltaError, Entry, Gone, Origin};

/// Changes whose entries and removed tags come in order, over time. Nothing of them counts before
/// they are whole. From [`Clock::ZERO`] they are a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    origin: Arc<Origin>,
    from: Clock,
    /// The clock that they lead to.
    to: Clock,
    /// The living entries whose tags are above `from`.
    pub(super) adds: Entries,
    /// A hash of the adds. See [`Replica::check`].
    pub(super) check: u64,
    /// The tags at or below `from` that are gone by `to`.
    pub(super) gone: Gone,
    last_add: Clock,
    last_gone: Clock,
}

impl Changes {
    /// Begins the changes of a replica after `from`, up to `to`. The removed tags come in the form
    /// of `gone`, whose own tags are left out.
    pub(crate) fn new(origin: Arc<Origin>, from: Clock, to: Clock, gone: &Gone) -> Self {
        Self {
            origin,
            from,
            to,
            adds: Entries::default(),
            check: 0,
            gone: match gone {
                Gone::Tags(_) => Gone::Tags(Vec::new()),
                Gone::Except(_) => Gone::Except(Vec::new()),
            },
            last_add: from,
            last_gone: Clock::ZERO,
        }
    }

    /// Returns the replica that made the changes.
    pub(crate) fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Returns the clock that the changes begin at.
    pub(crate) fn from(&self) -> Clock {
        self.from
    }

    /// Returns the clock that the changes lead to.
    pub(crate) fn to(&self) -> Clock {
        self.to
    }

    /// Adds the next entries and removed tags.
    ///
    /// # Errors
    ///
    /// If one is of another replica, out of order, or out of its range, or if the tags are told in
    /// another way than before. The changes are of no use then.
    pub(crate) fn push(&mut self, adds: Vec<Arc<Entry>>, gone: Gone) -> Result<(), DeltaError> {
        self.last_gone = gone
            .in_order_within(self.last_gone, self.from)
            .ok_or(DeltaError::Gone)?;
        match (&mut self.gone, gone) {
            (Gone::Tags(all), Gone::Tags(tags)) => all.extend(tags),
            (Gone::Except(all), Gone::Except(runs)) => all.extend(runs),
            _ => return Err(DeltaError::Gone),
        }
        for entry in adds {
            let clock = entry.tag.clock;
            let is_next = clock > self.last_add && clock <= self.to;
            if !is_next || entry.tag.origin != self.origin {
                return Err(DeltaError::Adds);
            }
            self.last_add = clock;
            visit(1);
            self.check ^= check_of(&entry);
            self.adds.insert(entry);
        }
        Ok(())
    }

    /// Returns the replica that a snapshot is of.
    pub(crate) fn into_replica(self) -> Replica {
        Replica::of(self.origin, self.to, self.adds, self.check)
    }

    /// Returns the changes as a delta, to be applied in one step.
    pub(crate) fn into_delta(self) -> Delta {
        Delta {
            origin: self.origin,
            from: self.from,
            to: self.to,
            adds: self.adds.after(Clock::ZERO).cloned().collect(),
            gone: self.gone,
        }
    }
}
