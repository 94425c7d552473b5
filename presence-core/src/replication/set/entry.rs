//! The entry of one presence in the set.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::{Meta, Tag};

/// The id of a presence's owner. It is valid only on the owner's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OwnerId(NonZeroU64);

impl OwnerId {
    /// Makes the id of an owner. The caller ensures that no two owners of a node share a number.
    pub(crate) const fn new(number: NonZeroU64) -> Self {
        Self(number)
    }
}

/// The owner of an entry, if it still has one.
///
/// Eight bytes: a node may hold a million entries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ownership(u64);

impl Ownership {
    /// An owner of another node.
    pub(crate) const ELSEWHERE: Self = Self(0);
    /// Nobody any more: the owner's connection was lost. The entry is in its grace, which its node
    /// ends. On all nodes.
    pub(crate) const LOST: Self = Self(u64::MAX);

    /// Returns the owner on this node, if there is one.
    pub(crate) fn owner(self) -> Option<OwnerId> {
        let number = NonZeroU64::new(self.0).filter(|_| !self.is_lost())?;
        Some(OwnerId(number))
    }

    /// Returns whether the owner's connection was lost.
    pub(crate) fn is_lost(self) -> bool {
        self == Self::LOST
    }
}

impl From<OwnerId> for Ownership {
    fn from(owner: OwnerId) -> Self {
        Self(owner.0.get())
    }
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner() {
            Some(owner) => owner.fmt(f),
            None if self.is_lost() => f.write_str("Lost"),
            None => f.write_str("Elsewhere"),
        }
    }
}

/// One presence of one owner, in one topic, under one key. It never changes: an update makes a new
/// entry, and so does the loss of the owner's connection.
///
/// 72 bytes on a 64-bit machine. The indexes share the topic and the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The identity of the entry.
    pub(crate) tag: Tag,
    /// The topic of the presence.
    pub(crate) topic: Arc<str>,
    /// The key that groups metas, most often a user id.
    pub(crate) key: Arc<str>,
    /// The owner, whose end removes the entry.
    pub(crate) owner: Ownership,
    /// The data that clients see, with its `phx_ref`.
    pub(crate) meta: Meta,
}

/// The parts of a new entry that the caller chooses. The replica adds the tag.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// The topic of the presence.
    pub(crate) topic: Arc<str>,
    /// The key that groups metas.
    pub(crate) key: Arc<str>,
    /// The owner, whose end removes the entry.
    pub(crate) owner: OwnerId,
    /// The data that clients see.
    pub(crate) meta: Meta,
}

impl Content {
    pub(super) fn tagged(self, tag: Tag) -> Entry {
        let Self {
            topic,
            key,
            owner,
            meta,
        } = self;
        Entry {
            tag,
            topic,
            key,
            owner: owner.into(),
            meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A node may hold a million entries, so a new field must be a decision, not an accident.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn an_entry_stays_small() {
        assert_eq!(size_of::<Entry>(), 72);
    }
}
