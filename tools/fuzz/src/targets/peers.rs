//! What other nodes send: frames of the engines, and messages of the replicated set.

use bytes::Bytes;
use presence_core::{
    fuzzing::rewrite_peer_message,
    pubsub::{Payload, wire},
};

use crate::{Target, bounded};

pub(super) const TARGET: Target = Target { name: "peers", run };

/// A list that says it is long is made for a megabyte of elements at once, and there is one such at
/// a time; its table doubles while it grows.
const LISTS: usize = 3 * 1024 * 1024;

/// The first byte says which of the two the rest is.
fn run(input: &[u8]) {
    match input.split_first() {
        Some((way, rest)) if way % 2 == 0 => frame(rest),
        Some((_, rest)) => message(rest),
        None => {}
    }
}

/// A frame. Its payload stays where it is; its names are copied.
fn frame(bytes: &[u8]) {
    let frame = Bytes::copy_from_slice(bytes);
    let decoded = bounded(4 * bytes.len() + 1024, || wire::decode(&frame));
    let Ok((origin, decoded)) = decoded else {
        return;
    };
    if let Payload::Json(text) = &decoded.message.payload {
        std::str::from_utf8(text).expect("it goes into frames for clients as it is");
        serde_json::from_slice::<&serde_json::value::RawValue>(text).expect("as does this");
    }
    let written = wire::encode(&origin, decoded.kind, &decoded.message);
    let written = written.expect("what was read is not too long");
    assert_eq!(wire::decode(&written), Ok((origin, decoded)));
}

/// A message. What is written of it is written the same again.
fn message(bytes: &[u8]) {
    // An empty row is four bytes on the way and 80 in the list, and is held twice while it is
    // checked.
    let most = 256 * bytes.len() + LISTS;
    if let Some(written) = bounded(most, || rewrite_peer_message(bytes)) {
        assert_eq!(rewrite_peer_message(&written).as_ref(), Some(&written));
    }
}
