//! The entry of one presence in the set.

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

/// One presence of one owner, in one topic, under one key. It never changes: an update makes a new
/// entry.
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
    /// The owner, whose end removes the entry. It is `None` for an entry of another node.
    pub(crate) owner: Option<OwnerId>,
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
            owner: Some(owner),
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
