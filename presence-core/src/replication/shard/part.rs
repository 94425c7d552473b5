//! The requests of nodes to each other, and the answers in parts.

use std::sync::Arc;

use crate::replication::set::{Clock, Entry, Gone, Origin};

/// A request for what is missing of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Of which replica.
    pub(crate) origin: Arc<Origin>,
    /// Everything after this clock.
    pub(crate) from: Clock,
    /// Comes back with the answer, by which a late one of an earlier request is told.
    pub(crate) id: u64,
    /// The number of earlier attempts. The replica itself is asked first, then others.
    pub(crate) attempt: u32,
    /// Set if few changes are missing, as after a lost message.
    pub(crate) is_small: bool,
}

/// The part of an answer that its asker takes for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credit {
    /// The size that parts should have, in bytes.
    pub(crate) part_bytes: usize,
    /// Parts with a lower index may be sent.
    pub(crate) upto: u32,
    /// Parts to be sent again: they did not arrive.
    pub(crate) again: Vec<u32>,
}

/// An answer, or a part of one: a [`Delta`](crate::replication::set::Delta) in pieces of bounded
/// size.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Of which replica.
    pub(crate) origin: Arc<Origin>,
    /// The delta's range. `to` equal to `from`: there is nothing after it.
    pub(crate) from: Clock,
    /// See `from`.
    pub(crate) to: Clock,
    /// The request's.
    pub(crate) id: u64,
    /// Which part it is, from 0 on.
    pub(crate) index: u32,
    /// Of how many. 0: further ones follow. Only the last part says how many there are, but for
    /// nodes of version 1, which are told with each.
    pub(crate) of: u32,
    /// A piece of the delta's adds.
    pub(crate) adds: Vec<Arc<Entry>>,
    /// A piece of what is gone.
    pub(crate) gone: Gone,
}

impl Part {
    /// Returns about how many bytes it takes, encoded.
    pub(crate) fn bytes(&self) -> usize {
        let gone = match &self.gone {
            Gone::Tags(tags) => tags.len(),
            Gone::Except(runs) => 2 * runs.len(),
        };
        gone + self.adds.iter().map(|add| size(add)).sum::<usize>()
    }
}

/// The most bytes of an encoded entry besides its texts.
const ENTRY_BYTES: usize = 28;

/// About how many bytes an entry takes, encoded.
pub(super) fn size(entry: &Entry) -> usize {
    ENTRY_BYTES + entry.topic.len() + entry.key.len() + entry.meta.as_str().len()
}

/// Cuts a delta into parts of one entry each, with the removals in the first.
#[cfg(test)]
pub(super) fn parts_of(delta: &crate::replication::set::Delta, id: u64) -> Vec<Part> {
    let nothing = match delta.gone {
        Gone::Tags(_) => Gone::Tags(Vec::new()),
        Gone::Except(_) => Gone::Except(Vec::new()),
    };
    let count = delta.adds.len().max(1);
    let parts = (0..count).map(|index| Part {
        origin: Arc::clone(&delta.origin),
        from: delta.from,
        to: delta.to,
        id,
        index: index as u32,
        of: if index + 1 == count { count as u32 } else { 0 },
        adds: delta.adds.get(index).cloned().into_iter().collect(),
        gone: match index {
            0 => delta.gone.clone(),
            _ => nothing.clone(),
        },
    });
    parts.collect()
}
