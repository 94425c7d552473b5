//! The requests of nodes to each other, and the answers in parts.

use std::ops::Range;
use std::sync::Arc;

use crate::crdt::{Clock, Delta, Entry, Gone, Origin};

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

/// What the asker of an answer takes of it for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credit {
    /// The size that parts should have, in bytes.
    pub(crate) part_bytes: usize,
    /// Parts with a lower index may be sent.
    pub(crate) upto: u32,
    /// Parts to be sent again: they did not arrive.
    pub(crate) again: Vec<u32>,
}

/// An answer, or a part of one: a [`Delta`] in pieces of bounded size.
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
    /// Of how many.
    pub(crate) of: u32,
    /// A piece of the delta's adds.
    pub(crate) adds: Vec<Arc<Entry>>,
    /// A piece of what is gone.
    pub(crate) gone: Gone,
}

/// A delta, cut into parts.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    delta: Delta,
    id: u64,
    /// Which adds and which of the gone each part takes.
    cuts: Vec<(Range<usize>, Range<usize>)>,
}

/// The most bytes of an encoded tag or run.
const GONE_BYTES: usize = 20;
/// The most bytes of an encoded entry besides its texts.
const ENTRY_BYTES: usize = 24;

/// About how many bytes an entry takes, encoded.
pub(super) fn size(entry: &Entry) -> usize {
    ENTRY_BYTES + entry.topic.len() + entry.key.len() + entry.meta.as_str().len()
}

impl Parts {
    /// Cuts a delta into parts of about `bytes` bytes. An entry is never cut.
    pub(super) fn new(delta: Delta, id: u64, bytes: usize) -> Self {
        let gone = match &delta.gone {
            Gone::Tags(tags) => tags.len(),
            Gone::Except(runs) => runs.len(),
        };
        let per_part = (bytes / GONE_BYTES).max(1);
        let mut cuts = Vec::new();
        let mut start = 0;
        while gone - start > per_part {
            cuts.push((0..0, start..start + per_part));
            start += per_part;
        }
        let mut cut = (0..0, start..gone);
        let mut room = bytes.saturating_sub((gone - start) * GONE_BYTES);
        for (place, entry) in delta.adds.iter().enumerate() {
            let size = size(entry);
            if size > room && !(cut.0.is_empty() && cut.1.is_empty()) {
                cuts.push(cut);
                cut = (place..place, gone..gone);
                room = bytes;
            }
            cut.0.end = place + 1;
            room = room.saturating_sub(size);
        }
        cuts.push(cut);
        Self { delta, id, cuts }
    }

    /// Returns the number of the request.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn origin(&self) -> &Arc<Origin> {
        &self.delta.origin
    }

    /// Returns the number of parts.
    pub(super) fn len(&self) -> u32 {
        self.cuts.len() as u32
    }

    /// Returns all parts, in order.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = Part> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Returns one part, if there are as many.
    pub(super) fn get(&self, index: u32) -> Option<Part> {
        let (adds, gone) = self.cuts.get(index as usize)?.clone();
        let gone = match &self.delta.gone {
            Gone::Tags(tags) => Gone::Tags(tags[gone].to_vec()),
            Gone::Except(runs) => Gone::Except(runs[gone].to_vec()),
        };
        Some(Part {
            origin: Arc::clone(&self.delta.origin),
            from: self.delta.from,
            to: self.delta.to,
            id: self.id,
            index,
            of: self.cuts.len() as u32,
            adds: self.delta.adds[adds].to_vec(),
            gone,
        })
    }
}
