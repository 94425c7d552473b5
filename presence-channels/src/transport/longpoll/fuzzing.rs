//! The way in for the fuzzer.

use bytes::Bytes;

use super::batch::{BatchLimits, BodyKind};
use crate::serializer::Data;

/// How a body is read, and up to where.
#[derive(Clone, Copy, Debug)]
pub struct BodyOptions {
    /// Messages in lines, or one message?
    pub is_batch: bool,
    /// The largest body, in bytes.
    pub max_bytes: usize,
    /// The largest message, in bytes.
    pub max_message_bytes: usize,
    /// How many messages at the most.
    pub max_messages: usize,
}

/// The messages of a publish; none of a body that is refused.
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
