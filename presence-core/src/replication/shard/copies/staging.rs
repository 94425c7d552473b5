//! Parts of an answer, put together aside until they are all there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::replication::set::{Changes, Clock};
use crate::replication::shard::part::Part;

/// The most parts an answer may have: room for ten million presences a shard.
const MAX_PARTS: u32 = 1 << 16;

/// Parts of one answer to one request. Nothing of them is shown, served or believed before all are
/// there.
#[derive(Clone, Debug)]
pub(in crate::replication::shard) struct Staging {
    /// The fields that all parts of the answer have in common.
    id: u64,
    from: Clock,
    to: Clock,
    /// The number of parts, once one has told it.
    of: Option<u32>,
    /// The parts below this one are put together.
    next: u32,
    /// The parts that are put together.
    changes: Changes,
    /// Later parts. As they come: a claim of many parts takes no room before they are there.
    early: BTreeMap<u32, Part>,
}

/// The parts make no sense together.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::replication::shard) struct Senseless;

impl Staging {
    /// Begins with any part. `None`: it makes no sense.
    pub(in crate::replication::shard) fn begin(part: &Part) -> Option<Self> {
        if part.of > MAX_PARTS || part.to < part.from {
            return None;
        }
        let origin = Arc::clone(&part.origin);
        let changes = Changes::new(origin, part.from, part.to, &part.gone);
        Some(Self {
            id: part.id,
            from: part.from,
            to: part.to,
            of: None,
            next: 0,
            changes,
            early: BTreeMap::new(),
        })
    }

    /// Returns whether the part belongs to this answer.
    pub(in crate::replication::shard) fn fits(&self, part: &Part) -> bool {
        let of = self.of.filter(|_| part.of > 0);
        (part.id, part.from, part.to) == (self.id, self.from, self.to)
            && of.is_none_or(|of| part.of == of)
            && part.of <= MAX_PARTS
    }

    /// Takes a part that fits, and keeps it aside.
    pub(in crate::replication::shard) fn take(&mut self, part: Part) {
        if part.of > 0 {
            self.of = Some(part.of);
        }
        if part.index >= self.next && part.index < self.of.unwrap_or(MAX_PARTS) {
            self.early.entry(part.index).or_insert(part);
        }
    }

    /// Puts parts together, of about `most` entries, as far as no part is missing. Behind a part
    /// that came late many may wait.
    ///
    /// # Errors
    ///
    /// If the parts do not go together. The staging is of no use then.
    pub(in crate::replication::shard) fn put_together(
        &mut self,
        most: usize,
    ) -> Result<(), Senseless> {
        let mut put = 0;
        while put < most
            && let Some(part) = self.early.remove(&self.next)
        {
            put += part.adds.len().max(1);
            self.next += 1;
            let pushed = self.changes.push(part.adds, part.gone);
            pushed.map_err(|_| Senseless)?;
        }
        Ok(())
    }

    /// Returns whether parts can be put together.
    pub(super) fn has_more(&self) -> bool {
        self.early.contains_key(&self.next)
    }

    /// Returns whether all parts have come, put together or not.
    pub(super) fn has_all(&self) -> bool {
        let come = self.next as usize + self.early.len();
        self.of.is_some_and(|of| come == of as usize)
    }

    /// Returns whether all parts are put together.
    pub(in crate::replication::shard) fn is_whole(&self) -> bool {
        self.of == Some(self.next)
    }

    /// Returns what the parts are together.
    pub(in crate::replication::shard) fn whole(self) -> Changes {
        self.changes
    }
}
