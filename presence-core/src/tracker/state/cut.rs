//! The place at which a chunk of a list ends.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::replication::set::Entry;
use crate::replication::shard::ListPlace;
use crate::tracker::dispatcher::MAX_DIFF_BYTES;

/// The most bytes of a chunk, before `fetch`.
pub(super) const MOST: usize = MAX_DIFF_BYTES;
/// The least bytes of a chunk that others follow, unless its entries are few and large.
const LEAST: usize = MOST / 4;

/// Returns about how many bytes of JSON the entry takes.
pub(super) fn bytes(entry: &Entry) -> usize {
    const BESIDE: usize = r#""":{"metas":[]},"#.len();
    entry.key.len() + entry.meta.as_str().len() + BESIDE
}

/// Returns the number of entries of the chunk, and the place of the next one. `next` is the place
/// after all of `entries`.
///
/// A chunk ends after the key with the smallest hash of those at which it may end. So two walks
/// that begin at different places soon meet, and share the chunks from there on.
pub(super) fn cut(entries: &[Arc<Entry>], next: Option<ListPlace>) -> (usize, Option<ListPlace>) {
    let total: usize = entries.iter().map(|entry| bytes(entry)).sum();
    if total <= MOST && next.is_none() {
        return (entries.len(), None);
    }
    let (mut before, mut count) = (0, 0);
    let mut best: Option<(u64, usize)> = None;
    for key in entries.chunk_by(|one, other| one.key == other.key) {
        let after = before + key.iter().map(|entry| bytes(entry)).sum::<usize>();
        if after > MOST && count > 0 {
            break;
        }
        before = after;
        count += key.len();
        let hash = xxh3_64(key[0].key.as_bytes());
        if before >= LEAST && best.is_none_or(|(least, _)| hash <= least) {
            best = Some((hash, count));
        }
    }
    let count = best.map_or(count, |(_, count)| count);
    match entries.get(count.wrapping_sub(1)) {
        Some(last) if count < entries.len() => (count, Some(ListPlace::after(&last.key))),
        _ => (entries.len(), next),
    }
}
