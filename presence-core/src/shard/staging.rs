//! Parts of an answer, kept aside until they are all there.

use std::collections::BTreeMap;

use super::part::Part;
use crate::crdt::{Clock, Delta, Gone};

/// The most parts an answer may claim to have: room for ten million presences a shard.
const MAX_PARTS: u32 = 1 << 16;

/// Parts of one answer to one request. Nothing of them is shown, served or believed before all are
/// there.
#[derive(Clone, Debug)]
pub(super) struct Staging {
    /// The fields that all parts of the answer have in common.
    id: u64,
    from: Clock,
    to: Clock,
    of: u32,
    /// As they come: a claim of many parts takes no room before they are there.
    parts: BTreeMap<u32, Part>,
}

impl Staging {
    /// Begins with any part. `None`: it makes no sense.
    pub(super) fn begin(part: &Part) -> Option<Self> {
        if part.of == 0 || part.of > MAX_PARTS {
            return None;
        }
        Some(Self {
            id: part.id,
            from: part.from,
            to: part.to,
            of: part.of,
            parts: BTreeMap::new(),
        })
    }

    /// Returns whether the part belongs to this answer.
    pub(super) fn fits(&self, part: &Part) -> bool {
        (part.id, part.from, part.to, part.of) == (self.id, self.from, self.to, self.of)
    }

    /// Takes a part that fits. Returns whether it was new.
    pub(super) fn take(&mut self, part: Part) -> bool {
        let before = self.parts.len();
        if part.index < self.of {
            self.parts.entry(part.index).or_insert(part);
        }
        self.parts.len() > before
    }

    /// Returns whether all parts are there.
    pub(super) fn is_whole(&self) -> bool {
        self.parts.len() == self.of as usize
    }

    /// Puts the parts together. `None`: they do not go together.
    pub(super) fn delta(self) -> Option<Delta> {
        let mut parts = self.parts.into_values();
        let first = parts.next()?;
        let mut delta = Delta {
            origin: first.origin,
            from: first.from,
            to: first.to,
            adds: first.adds,
            gone: first.gone,
        };
        for part in parts {
            delta.adds.extend(part.adds);
            match (&mut delta.gone, part.gone) {
                (Gone::Tags(all), Gone::Tags(tags)) => all.extend(tags),
                (Gone::Except(all), Gone::Except(runs)) => all.extend(runs),
                _ => return None,
            }
        }
        delta.check().ok()?;
        Some(delta)
    }
}
