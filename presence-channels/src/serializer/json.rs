//! JSON text in and out of frames, which both versions share.

use bytes::Bytes;
use presence_core::pubsub::Payload;
use serde::Serialize;
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::FrameError;
use crate::message::{TopicRef, WireTopic};

/// Appends `value` as JSON. Strings and what was JSON before always have a form.
pub(super) fn put(body: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(body, value).expect("strings and JSON text can be written to memory");
}

pub(super) fn put_topic(body: &mut Vec<u8>, topic: TopicRef<'_>) {
    match topic {
        TopicRef::Text(topic) => put(body, topic),
        TopicRef::Raw(topic) => body.extend_from_slice(topic.get().as_bytes()),
    }
}

/// The JSON text of a payload, for the versions and frames that carry text.
pub(super) fn json(payload: &Payload) -> Result<&Bytes, FrameError> {
    match payload {
        Payload::Json(text) => Ok(text),
        Payload::Binary(_) => Err(FrameError::NoBinary),
    }
}

pub(super) fn put_response(body: &mut Vec<u8>, status: &str, response: &[u8]) {
    body.extend_from_slice(b"{\"status\":");
    put(body, status);
    body.extend_from_slice(b",\"response\":");
    body.extend_from_slice(response);
    body.push(b'}');
}

/// A part of the frame, without a copy.
pub(super) fn slice_of(text: &Bytes, part: &RawValue) -> Bytes {
    text.slice_ref(part.get().as_bytes())
}

pub(super) fn wire_topic(topic: &RawValue) -> WireTopic {
    match text(topic) {
        Some(topic) => WireTopic::Text(topic),
        None => WireTopic::Other(topic.to_owned()),
    }
}

/// An event that is not a string is an event that no channel knows.
pub(super) fn text_or_raw(event: &RawValue) -> SmolStr {
    text(event).unwrap_or_else(|| event.get().into())
}

/// The text of a JSON string; none for any other value.
fn text(json: &RawValue) -> Option<SmolStr> {
    let quoted = json.get().strip_prefix('"')?.strip_suffix('"')?;
    if quoted.contains('\\') {
        return serde_json::from_str::<String>(json.get())
            .ok()
            .map(SmolStr::from);
    }
    Some(quoted.into())
}
