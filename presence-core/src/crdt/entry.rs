//! One presence, as the set holds it.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::{Meta, Tag};

/// What a presence belongs to on its own node. It means nothing on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OwnerId(NonZeroU64);

impl OwnerId {
    /// Numbers an owner. The caller sees to it that no two owners of a node share a number.
    pub(crate) const fn new(number: NonZeroU64) -> Self {
        Self(number)
    }
}

/// One presence of one owner, in one topic, under one key. Never changes: an update makes another.
///
/// 72 bytes on a 64-bit machine. Topic and key are shared with the indexes that lead here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Which change added it.
    pub(crate) tag: Tag,
    /// Where it is seen.
    pub(crate) topic: Arc<str>,
    /// What its metas are grouped by, a user id most often.
    pub(crate) key: Arc<str>,
    /// Whose end removes it. `None`: it is another node's, and so is its owner.
    pub(crate) owner: Option<OwnerId>,
    /// What is shown of it, with its `phx_ref`.
    pub(crate) meta: Meta,
}

/// What a caller decides about a new entry. The replica adds the tag.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// Where it is seen.
    pub(crate) topic: Arc<str>,
    /// What its metas are grouped by.
    pub(crate) key: Arc<str>,
    /// Whose end removes it.
    pub(crate) owner: OwnerId,
    /// What is shown of it.
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

    // A million presences are held at once, so a field more is a decision, not an accident.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn an_entry_stays_small() {
        assert_eq!(size_of::<Entry>(), 72);
    }
}
