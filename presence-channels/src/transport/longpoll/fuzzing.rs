//! Access for the fuzzer.

use bytes::Bytes;

use super::batch::{BatchLimits, BodyKind};
use crate::serializer::Data;

/// The format of a body, and the limits on it.
#[derive(Clone, Copy, Debug)]
pub struct BodyOptions {
    /// Set for messages in lines, unset for one message.
    pub is_batch: bool,
    /// The largest body, in bytes.
    pub max_bytes: usize,
    /// The largest message, in bytes.
    pub max_message_bytes: usize,
    /// The most messages.
    pub max_messages: usize,
}

/// Returns the messages of a publish, and `None` if the body is refused.
#[must_use]
pub fn read_body(bytes: Bytes, body: BodyOptions) -> Option<Vec<Data>> {
    let kind = match body.is_batch {
        true => BodyKind::Batch,
        false => BodyKind::Message,
    };
    let limits = BatchLimits {
        body_bytes: body.max_bytes,
        message_bytes: body.max_message_bytes,
        messages: body.max_messages,
    };
    kind.read(bytes, limits).ok()
}
