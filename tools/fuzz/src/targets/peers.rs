//! Input from other nodes: frames of the engines, and messages of the replicated set.

use bytes::Bytes;
use presence_core::{
    fuzzing::rewrite_peer_message,
    pubsub::{Payload, wire},
    strict_json,
};

use crate::{Target, bounded};

pub(super) const TARGET: Target = Target { name: "peers", run };

/// The memory in bytes of a list that claims to be long. It is allocated for a megabyte of elements
/// at once, and its table doubles while it grows. Only one such list exists at a time.
const LISTS: usize = 3 * 1024 * 1024;

/// Reads a frame or a message, as the first byte of the input chooses.
fn run(input: &[u8]) {
    match input.split_first() {
        Some((way, rest)) if way % 2 == 0 => frame(rest),
        Some((_, rest)) => message(rest),
        None => {}
    }
}

/// Reads a frame, and writes it again. The payload is not copied; the names are.
fn frame(bytes: &[u8]) {
    let frame = Bytes::copy_from_slice(bytes);
    let decoded = bounded(4 * bytes.len() + 1024, || wire::decode(&frame));
    let Ok((origin, decoded)) = decoded else {
        return;
    };
    if let Payload::Json(text) = &decoded.message.payload {
        let text = std::str::from_utf8(text).expect("a JSON payload is UTF-8");
        strict_json::check(text).expect("a JSON payload is pasted into frames");
    }
    let written = wire::encode(&origin, decoded.kind, &decoded.message);
    let written = written.expect("a decoded message is not too long");
    assert_eq!(wire::decode(&written), Ok((origin, decoded)));
}

/// Reads a message and writes it. The written message is written the same again.
fn message(bytes: &[u8]) {
    // An empty row is 4 bytes encoded and 80 in the list, and is held twice while it is checked.
    let most = 256 * bytes.len() + LISTS;
    if let Some(written) = bounded(most, || rewrite_peer_message(bytes)) {
        assert_eq!(rewrite_peer_message(&written).as_ref(), Some(&written));
    }
}
