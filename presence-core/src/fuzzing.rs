//! What the fuzzer needs of the inside. No API: it changes without notice.

use std::sync::Arc;

use bytes::Bytes;

use crate::crdt::{Clock, Incarnation, Origin, ReplicaName};
use crate::wire::{Body, EntryRow, GoneRow, decode, encode};

/// Reads what a peer said, down to the entries that it stands for, and writes it down again. None of what is no
/// message.
///
/// # Panics
/// If what was written reads otherwise.
#[must_use]
pub fn rewrite_peer_message(bytes: &[u8]) -> Option<Bytes> {
    let (header, body) = decode(bytes).ok()?;
    match &body {
        Body::Delta {
            from, adds, gone, ..
        }
        | Body::Part {
            from, adds, gone, ..
        } => understand(*from, adds, gone),
        _ => {}
    }
    let written = encode(&header, &body).expect("what was read can be written");
    assert_eq!(decode(&written), Ok((header, body)));
    Some(written)
}

fn understand(from: u64, adds: &[EntryRow<'_>], gone: &GoneRow) {
    let origin = Arc::new(Origin {
        name: ReplicaName::new("peer"),
        incarnation: Incarnation {
            started_ms: 1,
            nonce: 1,
        },
    });
    if let Ok(entries) = EntryRow::entries(adds, &origin, Clock::new(from)) {
        assert_eq!(entries.len(), adds.len());
    }
    // Only whether it is one: what it means is the replica's business.
    let _ = gone.gone();
}
