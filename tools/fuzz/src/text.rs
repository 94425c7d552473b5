//! Checks of the properties that hold for text frames of both versions.

use bytes::Bytes;
use presence_channels::{
    fuzzing::{ProtocolVersion, ReadMessage},
    serializer::{Data, Outgoing, Text, TopicRef},
};
use presence_core::strict_json;
use serde_json::{Value, value::RawValue};

use crate::bounded;

/// The fields of a message, as another parser reads them.
pub(crate) struct Fields {
    pub(crate) join_ref: Value,
    pub(crate) reference: Value,
    pub(crate) topic: Value,
    pub(crate) event: Value,
    pub(crate) payload: Value,
}

/// Reads `input` and writes it again. Compares the message with the fields that `fields` returns
/// for the value that `serde_json` parses.
pub(crate) fn check(
    wire: ProtocolVersion,
    input: &[u8],
    fields: impl FnOnce(Value) -> Option<Fields>,
) {
    // The transport rejects text that is not UTF-8.
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let frame = Text::try_from(Bytes::copy_from_slice(input)).expect("checked above");
    // Names are copied out of the frame, the payload is not. A text with escapes in place of
    // another type costs most: it is unescaped in a buffer that doubles, then quoted in the error.
    let most = 8 * input.len() + 1024;
    let read = bounded(most, || wire.read(Data::Text(frame)));
    let expected = serde_json::from_slice(input).map(fields);
    let is_strict = strict_json::check(text).is_ok();
    match (&read, &expected) {
        (Ok(message), _) if !is_strict => panic!("{message:?} is not strict JSON"),
        (Ok(message), Ok(Some(expected))) => assert_same(message, expected),
        (Ok(message), Ok(None)) => panic!("{message:?} is not a message"),
        (Err(error), Ok(Some(_))) => panic!("not read: {error}"),
        (Err(_), Ok(None)) => {}
        // `serde_json` does not parse the deepest JSON.
        (_, Err(_)) => {}
    }
    if let Ok(message) = &read {
        assert_written(wire, message);
    }
}

fn assert_same(message: &ReadMessage, expected: &Fields) {
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("a field is JSON");
    assert_eq!(json(message.join_ref.as_json()), expected.join_ref);
    assert_eq!(json(message.reference.as_json()), expected.reference);
    match (&message.topic, &expected.topic) {
        (Ok(topic), Value::String(expected)) => assert_eq!(topic, expected),
        (Err(topic), expected) => assert_eq!(json(topic), *expected),
        (Ok(topic), expected) => panic!("{topic:?} for {expected}"),
    }
    match &expected.event {
        Value::String(expected) => assert_eq!(message.event, *expected),
        expected => assert_eq!(json(&message.event), *expected),
    }
    let payload = message.payload.value().expect("the payload is JSON");
    assert_eq!(payload, expected.payload);
}

/// Asserts that the message can be sent to clients, and that a written push is read as the same
/// message.
fn assert_written(wire: ProtocolVersion, message: &ReadMessage) {
    let ReadMessage {
        join_ref,
        reference,
        topic,
        event,
        payload,
    } = message;
    let raw;
    let topic_ref = match topic {
        Ok(topic) => TopicRef::Text(topic),
        Err(topic) => {
            raw = RawValue::from_string(topic.clone()).expect("a topic is JSON");
            TopicRef::Raw(&raw)
        }
    };
    let reply = Outgoing::Reply {
        join_ref,
        reference,
        topic: topic_ref,
        status: "ok",
        payload,
    };
    let Ok(Data::Text(reply)) = wire.write(&reply) else {
        panic!("a reply in JSON is text");
    };
    strict_json::check(&reply).expect("every client can read a reply");

    let Ok(topic) = topic else { return };
    // Phoenix pushes and broadcasts objects only.
    if !payload.is_object() {
        return;
    }
    let broadcast = Outgoing::Broadcast {
        topic,
        event,
        payload,
    };
    let push = Outgoing::Push {
        join_ref,
        reference,
        topic,
        event,
        payload,
    };
    for (outgoing, has_refs) in [(broadcast, false), (push, true)] {
        let written = wire.write(&outgoing).expect("JSON can be written");
        let again = wire.read(written).expect("a written frame can be read");
        assert_eq!(again.topic.as_ref(), Ok(topic));
        assert_eq!(again.event, *event);
        assert_eq!(again.payload, *payload);
        if has_refs {
            assert_eq!(again.reference, *reference);
            // Version 1 sends no join_ref.
            let is_kept = matches!(wire, ProtocolVersion::V2);
            assert!(!is_kept || again.join_ref == *join_ref);
        }
    }
}
