//! A snapshot of a replica that is put together part by part.

use std::sync::Arc;

use super::{Clock, DeltaError, Entry, Origin, Replica};

/// A replica whose entries come in order, over time. Nothing of it counts before it is
/// [finished](Self::finish).
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    replica: Replica,
    /// The clock that it is the state at.
    at: Clock,
    last: Clock,
}

impl Snapshot {
    /// Begins the snapshot of a replica at a clock.
    pub(crate) fn new(origin: Arc<Origin>, at: Clock) -> Self {
        Self {
            replica: Replica::new(origin),
            at,
            last: Clock::ZERO,
        }
    }

    /// Adds the next entries.
    ///
    /// # Errors
    ///
    /// If one is of another replica, out of order, or above the snapshot's clock. The snapshot is
    /// of no use then.
    pub(crate) fn push(&mut self, entries: Vec<Arc<Entry>>) -> Result<(), DeltaError> {
        for entry in entries {
            let clock = entry.tag.clock;
            let is_next = clock > self.last && clock <= self.at;
            if !is_next || entry.tag.origin != *self.replica.origin() {
                return Err(DeltaError::Adds);
            }
            self.last = clock;
            self.replica.put(entry);
        }
        Ok(())
    }

    /// Returns the replica, at its clock.
    pub(crate) fn finish(self) -> Replica {
        self.replica.at(self.at)
    }
}
