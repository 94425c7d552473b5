//! Parts of an answer, put together aside until they are all there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::replication::set::{Clock, Delta, Gone, Replica, Snapshot};
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
    contents: Contents,
    /// Later parts. As they come: a claim of many parts takes no room before they are there.
    early: BTreeMap<u32, Part>,
}

/// The parts of an answer, put together.
#[derive(Clone, Debug)]
pub(super) enum Contents {
    /// Changes since a clock.
    Delta(Delta),
    /// All of a replica. It is made as the parts come, so that to take it over is one small step.
    Snapshot(Snapshot),
}

/// The contents of a whole answer.
#[derive(Debug)]
pub(in crate::replication::shard) enum Whole {
    /// Changes since a clock.
    Delta(Delta),
    /// All of a replica.
    Replica(Replica),
}

impl Whole {
    /// Returns the clock that the answer leads to.
    pub(super) fn clock(&self) -> Clock {
        match self {
            Self::Delta(delta) => delta.to,
            Self::Replica(replica) => replica.clock(),
        }
    }
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
        let contents = match part.from == Clock::ZERO {
            true => Contents::Snapshot(Snapshot::new(origin, part.to)),
            false => Contents::Delta(Delta {
                origin,
                from: part.from,
                to: part.to,
                adds: Vec::new(),
                gone: match &part.gone {
                    Gone::Tags(_) => Gone::Tags(Vec::new()),
                    Gone::Except(_) => Gone::Except(Vec::new()),
                },
            }),
        };
        Some(Self {
            id: part.id,
            from: part.from,
            to: part.to,
            of: None,
            next: 0,
            contents,
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
            self.contents.add(part)?;
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
    ///
    /// # Errors
    ///
    /// If they do not go together.
    pub(in crate::replication::shard) fn whole(self) -> Result<Whole, Senseless> {
        match self.contents {
            Contents::Snapshot(snapshot) => Ok(Whole::Replica(snapshot.finish())),
            Contents::Delta(delta) => match delta.check() {
                Ok(()) => Ok(Whole::Delta(delta)),
                Err(_) => Err(Senseless),
            },
        }
    }
}

impl Contents {
    fn add(&mut self, part: Part) -> Result<(), Senseless> {
        match self {
            Self::Snapshot(snapshot) => {
                // Nothing can be gone of what the asker does not have.
                if part.gone != Gone::nothing() {
                    return Err(Senseless);
                }
                snapshot.push(part.adds).map_err(|_| Senseless)
            }
            Self::Delta(delta) => {
                delta.adds.extend(part.adds);
                match (&mut delta.gone, part.gone) {
                    (Gone::Tags(all), Gone::Tags(tags)) => all.extend(tags),
                    (Gone::Except(all), Gone::Except(runs)) => all.extend(runs),
                    _ => return Err(Senseless),
                }
                Ok(())
            }
        }
    }
}
