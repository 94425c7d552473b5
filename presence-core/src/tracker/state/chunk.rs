//! A chunk of a topic's list: it is read and fetched at once, and sent in parts.

use std::sync::Arc;

use super::cut;
use crate::presence::{Diff, Presences};
use crate::pubsub::Payload;
use crate::replication::node::Node;
use crate::replication::set::{Entry, PhxRef};
use crate::replication::shard::{ListPlace, Moment};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// About how many bytes a held meta takes beside its share of the JSON.
const META_BYTES: usize = 128;

/// The entries of a chunk.
pub(super) struct Read {
    entries: Vec<Arc<Entry>>,
    next: Option<ListPlace>,
    /// The moment of the first hold of the lock.
    moment: Moment,
    /// Set if this is the whole list.
    is_all: bool,
}

impl Read {
    /// Reads the chunk that begins at a place.
    pub(super) fn new(node: &Node, topic: &str, from: Option<&ListPlace>, most: usize) -> Self {
        let mut batch = node.state_batch(topic, from);
        let moment = batch.moment;
        let mut entries = batch.entries;
        let mut bytes: usize = entries.iter().map(|entry| cut::bytes(entry)).sum();
        while let Some(place) = &batch.next
            && bytes <= most
        {
            batch = node.state_batch(topic, Some(place));
            bytes += batch
                .entries
                .iter()
                .map(|entry| cut::bytes(entry))
                .sum::<usize>();
            entries.append(&mut batch.entries);
        }
        let (count, next) = cut::cut(&entries, batch.next, most);
        entries.truncate(count);
        Self {
            entries,
            is_all: from.is_none() && next.is_none(),
            next,
            moment,
        }
    }

    pub(super) fn is_all(&self) -> bool {
        self.is_all
    }

    pub(super) fn presences(&self) -> Presences {
        Presences::from_sorted(&self.entries)
    }
}

/// A chunk of a topic's list, encoded.
pub(super) struct Chunk {
    /// One part, unless `fetch` added much or removed all. A part is replaced by another without
    /// the metas that have gone.
    parts: Vec<Mutex<Arc<Part>>>,
    next: Option<ListPlace>,
    moment: Moment,
    is_all: bool,
    /// The memory that the chunk takes.
    bytes: usize,
}

impl Chunk {
    /// Encodes what was read, with the fields of `fetch`.
    pub(super) async fn encode(
        read: Read,
        presences: Presences,
        is_first: bool,
        most: usize,
    ) -> Self {
        let Read {
            entries,
            next,
            moment,
            is_all,
        } = read;
        drop(entries);
        let whole = Diff {
            joins: presences,
            leaves: Presences::default(),
        };
        let mut diffs = whole.parts(most);
        if diffs.is_empty() && is_first {
            // A client waits for its first state, and gets it though it is empty.
            diffs.push(Diff::default());
        }
        let (mut parts, mut bytes) = (Vec::with_capacity(diffs.len()), 0);
        for diff in diffs {
            let part = Part::encode(diff.joins, is_first && parts.is_empty(), moment.taken);
            bytes += part.payload.bytes().len() + META_BYTES * part.presences.metas().count();
            parts.push(Mutex::new(Arc::new(part)));
            // Others of this thread have a turn between two large parts.
            tokio::task::coop::consume_budget().await;
        }
        Self {
            parts,
            next,
            moment,
            is_all,
            bytes,
        }
    }

    pub(super) fn part(&self, place: usize) -> Option<Arc<Part>> {
        self.parts.get(place).map(|part| Arc::clone(&part.lock()))
    }

    /// Replaces a part by one without the metas that are gone. `taken` is the number of the last
    /// diff before its other metas were seen. Another walk may have replaced the part already.
    pub(super) fn remove_from(&self, place: usize, part: &Arc<Part>, gone: &[PhxRef], taken: u64) {
        let Some(slot) = self.parts.get(place) else {
            return;
        };
        let mut held = slot.lock();
        if Arc::ptr_eq(&held, part) {
            let mut presences = part.presences.clone();
            let gone: std::collections::HashSet<_> = gone.iter().collect();
            presences.retain_metas(|_, meta| !gone.contains(&meta.reference()));
            *held = Arc::new(Part::encode(presences, part.is_first, taken));
        }
    }

    pub(super) fn next(&self) -> Option<&ListPlace> {
        self.next.as_ref()
    }

    /// Returns the moment at which the chunk was read.
    pub(super) fn moment(&self) -> Moment {
        self.moment
    }

    /// Returns whether the chunk is the whole list.
    pub(super) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Returns the number of parts.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A part of a topic's state, as clients get it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) presences: Presences,
    pub(super) payload: Payload,
    pub(super) is_first: bool,
    /// The number of the last diff before all the metas were seen.
    valid: AtomicU64,
}

impl Part {
    fn encode(presences: Presences, is_first: bool, valid: u64) -> Self {
        let (presences, payload) = match is_first {
            true => {
                let payload = Payload::from(&presences);
                (presences, payload)
            }
            false => {
                let joins = Diff {
                    joins: presences,
                    leaves: Presences::default(),
                };
                let payload = Payload::from(&joins);
                (joins.joins, payload)
            }
        };
        Self {
            presences,
            payload,
            is_first,
            valid: AtomicU64::new(valid),
        }
    }

    /// Returns whether a client need not get the part.
    pub(super) fn is_idle(&self) -> bool {
        self.presences.is_empty() && !self.is_first
    }

    pub(super) fn valid(&self) -> u64 {
        self.valid.load(Ordering::Acquire)
    }

    /// Notes that all the metas were here after the diff of this number.
    pub(super) fn set_valid(&self, taken: u64) {
        self.valid.fetch_max(taken, Ordering::AcqRel);
    }
}
