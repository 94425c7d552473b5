//! From what this node means to bytes.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::{Body, EntryRow, GoneRow, Header, VERSION};
use crate::replication::set::{Clock, Delta, Entry, Gone};
use crate::replication::shard::Part;

/// Writes a message down. `None`: it is one that cannot be, which none of this crate's is.
pub(crate) fn encode(header: &Header<'_>, body: &Body<'_>) -> Option<Bytes> {
    let mut bytes = vec![VERSION];
    bytes = postcard::to_extend(header, bytes).ok()?;
    bytes = postcard::to_extend(body, bytes).ok()?;
    Some(bytes.into())
}

pub(crate) fn body_of_delta(shard: u16, delta: &Delta) -> Body<'_> {
    Body::Delta {
        shard,
        from: delta.from.get(),
        to: delta.to.get(),
        adds: rows(&delta.adds, delta.from),
        gone: gone(&delta.gone),
    }
}

pub(crate) fn body_of_part(shard: u16, part: &Part) -> Body<'_> {
    Body::Part {
        shard,
        name: part.origin.name.as_str().into(),
        started_ms: part.origin.incarnation.started_ms,
        nonce: part.origin.incarnation.nonce,
        from: part.from.get(),
        to: part.to.get(),
        id: part.id,
        index: part.index,
        of: part.of,
        adds: rows(&part.adds, part.from),
        gone: gone(&part.gone),
    }
}

fn rows(adds: &[Arc<Entry>], from: Clock) -> Vec<EntryRow<'_>> {
    let (mut last, mut topic) = (from, "");
    let rows = adds.iter().map(|entry| {
        let step = entry.tag.clock.get() - last.get();
        last = entry.tag.clock;
        // The first row has no row before it, whatever its topic is.
        let same = topic == &*entry.topic && !topic.is_empty();
        topic = &entry.topic;
        EntryRow {
            step,
            topic: (!same).then(|| Cow::from(&*entry.topic)),
            key: Cow::from(&*entry.key),
            meta: Cow::from(entry.meta.as_str()),
        }
    });
    rows.collect()
}

fn gone(gone: &Gone) -> GoneRow {
    let mut last = 0;
    match gone {
        Gone::Tags(tags) => GoneRow::Tags(
            tags.iter()
                .map(|tag| {
                    let step = tag.get() - last;
                    last = tag.get();
                    step
                })
                .collect(),
        ),
        Gone::Except(runs) => GoneRow::Except(
            runs.iter()
                .map(|run| {
                    let step = run.first.get() - last;
                    last = run.last.get();
                    (step, run.last.get() - run.first.get())
                })
                .collect(),
        ),
    }
}
