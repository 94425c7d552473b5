//! The keys of one topic, in order.

use std::collections::BTreeMap;
use std::ops::Bound::{Included, Unbounded};
use std::sync::Arc;

/// The most values of a vector without chunks.
const FEW: usize = 2 * CHUNK;
/// The most values of a chunk.
const CHUNK: usize = 64;
/// A chunk with fewer values joins the one before it, if both fit into one.
const SMALL: usize = CHUNK / 4;
/// The places that a full chunk gets at once.
const STEP: usize = 8;

/// A value that has its key in itself.
pub(super) trait Keyed {
    fn key(&self) -> &Arc<str>;
}

/// The values of a topic, each of another key.
///
/// A topic with few keys has one sorted vector, a larger one has chunks of it. A value costs about
/// its own size. A `BTreeMap` would hold each key once more, leave its nodes half empty, and cost
/// 544 bytes for the first. The map of the chunks costs 456 bytes for the first chunk, so there is
/// none for two chunks' worth of values: in a topic of 100 keys it would be 5 bytes a key.
#[derive(Clone, Debug)]
pub(super) enum Keys<T> {
    /// At most [`FEW`] values, sorted.
    Few(Vec<T>),
    Many(Box<Chunks<T>>),
}

/// The sorted chunks of a topic with many keys.
#[derive(Clone, Debug)]
pub(super) struct Chunks<T> {
    /// Each under a key that is at most its first, and above the last of the chunk before. No chunk
    /// is empty.
    chunks: BTreeMap<Arc<str>, Vec<T>>,
    len: usize,
}

impl<T> Default for Keys<T> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<T: Keyed> Keys<T> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn get(&self, key: &str) -> Option<&T> {
        let chunk = match self {
            Self::Few(few) => few,
            Self::Many(many) => many.chunk(key)?,
        };
        place(chunk, key).ok().map(|place| &chunk[place])
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        let chunk = match self {
            Self::Few(few) => few,
            Self::Many(many) => many.chunk_mut(key)?.1,
        };
        let place = place(chunk, key).ok()?;
        Some(&mut chunk[place])
    }

    /// Adds a value, or replaces the one of its key.
    pub(super) fn insert(&mut self, value: T) {
        match self {
            Self::Few(few) if few.len() < FEW || place(few, value.key()).is_ok() => {
                put(few, value);
            }
            Self::Few(few) => {
                let len = few.len();
                let rest = few.split_off(CHUNK);
                few.shrink_to_fit();
                let chunks = [std::mem::take(few), rest];
                let chunks = chunks.map(|chunk| (Arc::clone(chunk[0].key()), chunk));
                let mut many = Chunks {
                    chunks: chunks.into(),
                    len,
                };
                many.insert(value);
                *self = Self::Many(Box::new(many));
            }
            Self::Many(many) => many.insert(value),
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        match self {
            Self::Few(few) => {
                if let Ok(place) = place(few, key) {
                    few.remove(place);
                }
            }
            Self::Many(many) => {
                many.remove(key);
                if many.len < SMALL {
                    let chunks = std::mem::take(&mut many.chunks).into_values();
                    *self = Self::Few(chunks.flatten().collect());
                }
            }
        }
    }

    /// Returns the values from the key `first` on, in the order of their keys. Without `first`, all
    /// values.
    pub(super) fn from<'a>(&'a self, first: Option<&str>) -> impl Iterator<Item = &'a T> {
        let (few, many) = match self {
            Self::Few(few) => (Some(few), None),
            Self::Many(many) => (None, Some(many.chunks_from(first))),
        };
        let chunks = few.into_iter().chain(many.into_iter().flatten());
        let mut chunks = chunks.map(Vec::as_slice);
        let head = chunks.next().unwrap_or_default();
        let start = first.map_or(0, |first| place(head, first).unwrap_or_else(|place| place));
        head[start..].iter().chain(chunks.flatten())
    }
}

impl<T: Keyed> Chunks<T> {
    /// Returns the chunk that has the key, if any has.
    fn chunk(&self, key: &str) -> Option<&Vec<T>> {
        let upto = (Unbounded, Included(key));
        let (_, chunk) = self.chunks.range::<str, _>(upto).next_back()?;
        Some(chunk)
    }

    /// Returns the chunks from the one that would have the key on.
    fn chunks_from<'a>(&'a self, key: Option<&str>) -> impl Iterator<Item = &'a Vec<T>> {
        let upto = key.map(|key| (Unbounded, Included(key)));
        let before = upto.and_then(|upto| self.chunks.range::<str, _>(upto).next_back());
        let start = before.map_or(Unbounded, |(first, _)| Included(&**first));
        let chunks = self.chunks.range::<str, _>((start, Unbounded));
        chunks.map(|(_, chunk)| chunk)
    }

    fn chunk_mut(&mut self, key: &str) -> Option<(Arc<str>, &mut Vec<T>)> {
        let upto = (Unbounded, Included(key));
        let (first, chunk) = self.chunks.range_mut::<str, _>(upto).next_back()?;
        Some((Arc::clone(first), chunk))
    }

    fn insert(&mut self, value: T) {
        let Some((_, chunk)) = self.chunk_mut(value.key()) else {
            // Below all others: it joins the first of them, or begins a chunk before it.
            let first = self.chunks.pop_first();
            let (mut chunk, full) = match first {
                Some((_, chunk)) if chunk.len() < CHUNK => (chunk, None),
                first => (Vec::new(), first),
            };
            self.chunks.extend(full);
            let key = Arc::clone(value.key());
            put(&mut chunk, value);
            self.chunks.insert(key, chunk);
            self.len += 1;
            return;
        };
        let place = match place(chunk, value.key()) {
            Ok(place) => {
                chunk[place] = value;
                return;
            }
            Err(place) => place,
        };
        if chunk.len() < CHUNK {
            put(chunk, value);
        } else {
            // Keys that come in order leave whole chunks behind.
            let half = if place == CHUNK { CHUNK } else { CHUNK / 2 };
            let mut rest = chunk.split_off(half);
            if place < half {
                put(chunk, value);
            } else {
                put(&mut rest, value);
            }
            chunk.shrink_to_fit();
            rest.shrink_to_fit();
            self.chunks.insert(Arc::clone(rest[0].key()), rest);
        }
        self.len += 1;
    }

    fn remove(&mut self, key: &str) {
        let Some((first, chunk)) = self.chunk_mut(key) else {
            return;
        };
        let Ok(place) = place(chunk, key) else {
            return;
        };
        chunk.remove(place);
        let left = chunk.len();
        self.len -= 1;
        if left == 0 {
            self.chunks.remove(&first);
        } else if left < SMALL {
            self.join_to_the_one_before(&first, left);
        }
    }

    fn join_to_the_one_before(&mut self, first: &Arc<str>, count: usize) {
        let before = self.chunks.range(..Arc::clone(first)).next_back();
        if before.is_none_or(|(_, before)| before.len() + count > CHUNK) {
            return;
        }
        if let Some(small) = self.chunks.remove(first)
            && let Some((_, before)) = self.chunks.range_mut(..Arc::clone(first)).next_back()
        {
            before.reserve_exact(count);
            before.extend(small);
        }
    }
}

/// Puts a value into a chunk that is not full, or in the place of the one of its key.
fn put<T: Keyed>(chunk: &mut Vec<T>, value: T) {
    match place(chunk, value.key()) {
        Ok(place) => chunk[place] = value,
        Err(place) => {
            if chunk.len() == chunk.capacity() {
                // Not the four that a vector begins with, nor twice as many as there are.
                chunk.reserve_exact(chunk.len().clamp(1, STEP));
            }
            chunk.insert(place, value);
        }
    }
}

fn place<T: Keyed>(chunk: &[T], key: &str) -> Result<usize, usize> {
    chunk.binary_search_by(|value| (**value.key()).cmp(key))
}

#[cfg(test)]
mod tests;
