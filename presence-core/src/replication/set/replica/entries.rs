//! The entries of a replica, by clock.

use std::collections::BTreeMap;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::sync::Arc;

use crate::replication::set::{Clock, Entry};

/// The most entries of a chunk.
const CHUNK: usize = 64;
/// A chunk with fewer entries joins the one before it, if both fit into one.
const SMALL: usize = CHUNK / 4;

/// Entries by clock, in chunks.
///
/// Clocks grow, so nearly every new entry is the last. A `BTreeMap` of entries leaves its nodes
/// half empty then, and holds each clock once more: 30 bytes an entry, where these chunks take 9.
#[derive(Clone, Debug, Default)]
pub(in crate::replication::set) struct Entries {
    /// Sorted chunks, each under a clock at or below its first entry's, and above the last entry's
    /// of the chunk before. No chunk is empty.
    chunks: BTreeMap<Clock, Vec<Arc<Entry>>>,
    len: usize,
}

impl Entries {
    pub(in crate::replication::set) fn len(&self) -> usize {
        self.len
    }

    pub(in crate::replication::set) fn get(&self, clock: Clock) -> Option<&Arc<Entry>> {
        let (_, chunk) = self.chunks.range(..=clock).next_back()?;
        place(chunk, clock).ok().map(|place| &chunk[place])
    }

    /// Adds an entry. One with the same clock is replaced.
    pub(in crate::replication::set) fn insert(&mut self, entry: Arc<Entry>) {
        let clock = entry.tag.clock;
        let Some((_, chunk)) = self.chunks.range_mut(..=clock).next_back() else {
            // Below all others.
            self.len += 1;
            self.chunks.insert(clock, vec![entry]);
            return;
        };
        match place(chunk, clock) {
            Ok(place) => chunk[place] = entry,
            Err(place) if chunk.len() < CHUNK => {
                self.len += 1;
                if chunk.len() == chunk.capacity() {
                    // Exactly the room of a whole chunk, or less while there are few.
                    chunk.reserve_exact((chunk.len()).clamp(1, CHUNK - chunk.len()));
                }
                chunk.insert(place, entry);
            }
            Err(place) => {
                self.len += 1;
                // The last of all begins a chunk, and leaves a whole one behind.
                let rest = match place == chunk.len() {
                    true => vec![entry],
                    false => {
                        let mut rest = chunk.split_off(place);
                        chunk.push(entry);
                        chunk.shrink_to_fit();
                        rest.shrink_to_fit();
                        rest
                    }
                };
                self.chunks.insert(rest[0].tag.clock, rest);
            }
        }
    }

    pub(in crate::replication::set) fn remove(&mut self, clock: Clock) -> Option<Arc<Entry>> {
        let (first, chunk) = self.chunks.range_mut(..=clock).next_back()?;
        let first = *first;
        let place = place(chunk, clock).ok()?;
        let removed = chunk.remove(place);
        self.len -= 1;
        if chunk.is_empty() {
            self.chunks.remove(&first);
        } else if chunk.len() < SMALL {
            self.join_to_the_one_before(first);
        }
        Some(removed)
    }

    pub(in crate::replication::set) fn last(&self) -> Option<&Arc<Entry>> {
        self.chunks.values().next_back()?.last()
    }

    /// Returns the entries after `clock`, in order.
    pub(in crate::replication::set) fn after(
        &self,
        clock: Clock,
    ) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        let first = self.chunks.range(..=clock).next_back();
        let first = first.map_or(&[][..], |(_, chunk)| {
            &chunk[chunk.partition_point(|entry| entry.tag.clock <= clock)..]
        });
        let rest = self.chunks.range((Excluded(clock), Unbounded));
        first.iter().chain(rest.flat_map(|(_, chunk)| chunk))
    }

    /// Returns the entries up to `clock`, in order.
    pub(in crate::replication::set) fn up_to(
        &self,
        clock: Clock,
    ) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        let whole: (Bound<Clock>, Bound<Clock>) = (Unbounded, Included(clock));
        let mut whole = self.chunks.range(whole);
        let last = whole.next_back();
        let last = last.map_or(&[][..], |(_, chunk)| {
            &chunk[..chunk.partition_point(|entry| entry.tag.clock <= clock)]
        });
        whole.flat_map(|(_, chunk)| chunk).chain(last)
    }

    /// Takes out and returns the entries up to `clock`. Visits these.
    pub(in crate::replication::set) fn split_off_up_to(&mut self, clock: Clock) -> Self {
        let above = self.chunks.split_off(&clock.next());
        let mut upto = Self {
            chunks: std::mem::replace(&mut self.chunks, above),
            len: 0,
        };
        // The last chunk may go on above the clock.
        if let Some(mut last) = upto.chunks.last_entry() {
            let chunk = last.get_mut();
            let rest = chunk.split_off(chunk.partition_point(|entry| entry.tag.clock <= clock));
            if chunk.is_empty() {
                last.remove();
            }
            if let Some(first) = rest.first() {
                self.chunks.insert(first.tag.clock, rest);
            }
        }
        upto.len = upto.chunks.values().map(Vec::len).sum();
        self.len -= upto.len;
        upto
    }

    /// Adds entries that are all above those that are held. Returns the number of chunks that were
    /// moved.
    pub(in crate::replication::set) fn append(&mut self, above: Self) -> usize {
        let moved = above.chunks.len();
        self.len += above.len;
        self.chunks.extend(above.chunks);
        moved
    }

    fn join_to_the_one_before(&mut self, first: Clock) {
        let Some(small) = self.chunks.get(&first).map(Vec::len) else {
            return;
        };
        let Some((_, before)) = self.chunks.range_mut(..first).next_back() else {
            return;
        };
        if before.len() + small > CHUNK {
            return;
        }
        before.reserve_exact(small);
        if let Some(small) = self.chunks.remove(&first)
            && let Some((_, before)) = self.chunks.range_mut(..first).next_back()
        {
            before.extend(small);
        }
    }
}

fn place(chunk: &[Arc<Entry>], clock: Clock) -> Result<usize, usize> {
    // Most often it is asked for the end.
    match chunk.last() {
        Some(last) if last.tag.clock < clock => Err(chunk.len()),
        _ => chunk.binary_search_by_key(&clock, |entry| entry.tag.clock),
    }
}

#[cfg(test)]
mod tests;
