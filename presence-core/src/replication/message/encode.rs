//! From what this node means to bytes.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::{Body, DeltaMessage, EntryRow, GoneRow, Header, PartMessage, VERSION};
use crate::replication::set::{Clock, Delta, Entry, Gone};
use crate::replication::shard::Part;

/// Returns `None` if postcard cannot encode the message. No message of this crate fails.
pub(crate) fn encode(header: &Header, body: &Body<'_>) -> Option<Bytes> {
    let mut bytes = vec![VERSION];
    bytes = postcard::to_extend(header, bytes).ok()?;
    bytes = postcard::to_extend(body, bytes).ok()?;
    let tail = body.tail();
    if !tail.is_empty() {
        bytes = postcard::to_extend(&tail, bytes).ok()?;
    }
    Some(bytes.into())
}

pub(crate) fn body_of_delta(shard: u16, delta: &Delta) -> Body<'_> {
    Body::Delta(DeltaMessage {
        shard,
        from: delta.from,
        to: delta.to,
        adds: rows(&delta.adds, delta.from),
        gone: gone(&delta.gone),
    })
}

pub(crate) fn body_of_part(shard: u16, part: &Part) -> Body<'_> {
    Body::Part(PartMessage {
        shard,
        origin: part.origin.as_ref().clone(),
        from: part.from,
        to: part.to,
        id: part.id,
        index: part.index,
        of: part.of,
        adds: rows(&part.adds, part.from),
        gone: gone(&part.gone),
    })
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
            is_lost: entry.owner.is_lost(),
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
