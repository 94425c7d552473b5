//! Bodies that clients post by long-polling: a message, or lines of JSON and base64.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use presence_channels::{
    fuzzing::{BodyOptions, ProtocolVersion, read_body},
    serializer::Data,
};

use crate::{Target, bounded};

pub(super) const TARGET: Target = Target {
    name: "longpoll",
    run,
};

/// The limits on a body, small enough for the fuzzer to reach them.
const LIMITS: BodyOptions = BodyOptions {
    is_batch: true,
    max_bytes: 2048,
    max_message_bytes: 256,
    max_messages: 6,
};

/// Reads a body. The first byte of the input chooses the kind of body that the rest is.
fn run(input: &[u8]) {
    let Some((kind, body)) = input.split_first() else {
        return;
    };
    let body = Bytes::copy_from_slice(body);
    let limits = BodyOptions {
        is_batch: kind % 2 == 0,
        ..LIMITS
    };
    // Each message is copied out of its line. The last one may exceed a limit.
    let most = 2 * body.len().min(limits.max_bytes) + 1024;
    let Some(messages) = bounded(most, || read_body(body.clone(), limits)) else {
        return;
    };
    if !limits.is_batch {
        assert!(matches!(&messages[..], [Data::Text(text)] if text.as_bytes() == body));
    }
    assert!(messages.len() <= limits.max_messages);
    let mut lines = Vec::new();
    for message in &messages {
        let bytes = match message {
            Data::Text(text) => text.len(),
            Data::Binary(bytes) => bytes.len(),
        };
        assert!(bytes <= limits.max_message_bytes);
        lines.push(match message {
            Data::Text(text) => text.to_string(),
            Data::Binary(bytes) => BASE64_STANDARD.encode(bytes),
        });
        let _ = ProtocolVersion::V2.read(message.clone());
        let _ = ProtocolVersion::V1.read(message.clone());
    }
    // Joined with `\r\n`: with `\n`, a message that ends in `\r` would lose it.
    if limits.is_batch {
        let wide = BodyOptions {
            max_bytes: usize::MAX,
            ..limits
        };
        let again = read_body(lines.join("\r\n").into(), wide);
        assert_eq!(again.as_ref(), Some(&messages));
    }
}
