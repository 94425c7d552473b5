//! The place at which a chunk of a list ends.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::replication::set::Entry;
use crate::replication::shard::ListPlace;

/// Returns about how many bytes of JSON the entry takes.
pub(super) fn bytes(entry: &Entry) -> usize {
    const BESIDE: usize = r#""":{"metas":[]},"#.len();
    entry.key.len() + entry.meta.as_str().len() + BESIDE
}

/// Returns the number of entries of a chunk of at most `most` bytes, and the place of the next one.
/// `next` is the place after all of `entries`.
///
/// A chunk that others follow has at least a quarter of `most`, if the entries have. It ends after
/// the key with the smallest hash of those at which it may end. So two walks that begin at
/// different places soon meet, and share the chunks from there on.
pub(super) fn cut(
    entries: &[Arc<Entry>],
    next: Option<ListPlace>,
    most: usize,
) -> (usize, Option<ListPlace>) {
    let total: usize = entries.iter().map(|entry| bytes(entry)).sum();
    if total <= most && next.is_none() {
        return (entries.len(), None);
    }
    let (mut before, mut count) = (0, 0);
    let mut best: Option<(u64, usize)> = None;
    for key in entries.chunk_by(|one, other| one.key == other.key) {
        let after = before + key.iter().map(|entry| bytes(entry)).sum::<usize>();
        if after > most && count > 0 {
            break;
        }
        before = after;
        count += key.len();
        let hash = xxh3_64(key[0].key.as_bytes());
        if before >= most / 4 && best.is_none_or(|(least, _)| hash <= least) {
            best = Some((hash, count));
        }
    }
    let count = best.map_or(count, |(_, count)| count);
    match entries.get(count.wrapping_sub(1)) {
        Some(last) if count < entries.len() => (count, Some(ListPlace::after(&last.key))),
        _ => (entries.len(), next),
    }
}
