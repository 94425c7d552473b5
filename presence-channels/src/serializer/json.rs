//! JSON text in and out of frames, which both versions share.

use bytes::Bytes;
use presence_core::pubsub::Payload;
use serde::Serialize;
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

/// Returns an error if a push or a broadcast cannot have this payload.
pub(super) fn check_is_object(payload: &Payload) -> Result<(), FrameError> {
    match payload {
        Payload::Json(_) if !payload.is_object() => Err(FrameError::NotAnObject),
        _ => Ok(()),
    }
}

/// The JSON text of a payload, for the versions and frames that carry text.
pub(super) fn json(payload: &Payload) -> Result<&Bytes, FrameError> {
    match payload {
        Payload::Json(text) => Ok(text),
        Payload::Binary(_) => Err(FrameError::NoBinary),
    }
}

/// Appends what comes before the response of a reply. A `}` comes after it.
pub(super) fn put_response(body: &mut Vec<u8>, status: &str) {
    let known: &[u8] = match status {
        "ok" => b"{\"status\":\"ok\",\"response\":",
        "error" => b"{\"status\":\"error\",\"response\":",
        _ => {
            body.extend_from_slice(b"{\"status\":");
            put(body, status);
            b",\"response\":"
        }
    };
    body.extend_from_slice(known);
}

/// The bytes that [`put_response`] appends, if the status has no escapes.
pub(super) fn response_bytes(status: &str) -> usize {
    br#"{"status":"","response":"#.len() + status.len()
}

/// A slice of a message may keep this many bytes of memory that are not in the slice.
const KEPT_BESIDE: usize = 4 * 1024;

/// Returns the part of a message that is its payload, without a copy. A payload that is the lesser
/// part of a large message is copied: as long as it waits in a queue it counts with its own length,
/// and must not keep the whole message.
pub(super) fn part(message: &Bytes, payload: &[u8]) -> Bytes {
    if message.len() - payload.len() > payload.len().max(KEPT_BESIDE) {
        return Bytes::copy_from_slice(payload);
    }
    message.slice_ref(payload)
}

/// Makes a topic of checked JSON text.
pub(super) fn wire_topic(topic: &str) -> WireTopic {
    match unquoted(topic) {
        Some(topic) => WireTopic::Text(topic),
        None => WireTopic::Other(
            serde_json::from_str(topic).expect("a part of JSON text that was checked is JSON"),
        ),
    }
}

/// Makes an event of checked JSON text. An event that is not a string keeps its JSON text, which no
/// channel knows as an event.
pub(super) fn wire_event(event: &str) -> SmolStr {
    unquoted(event).unwrap_or_else(|| event.into())
}

/// Returns the text of a JSON string, and `None` for any other value.
pub(super) fn unquoted(json: &str) -> Option<SmolStr> {
    let quoted = json.strip_prefix('"')?.strip_suffix('"')?;
    if quoted.contains('\\') {
        return serde_json::from_str::<String>(json).ok().map(SmolStr::from);
    }
    Some(quoted.into())
}
