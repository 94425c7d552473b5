//! Binary frames of version 2.

use bytes::Bytes;
use presence_channels::{
    Payload,
    fuzzing::{ProtocolVersion, ReadMessage},
    serializer::{Data, Outgoing, TopicRef},
};
use serde_json::json;

use crate::{Target, bounded};

pub(super) const TARGET: Target = Target {
    name: "v2_binary",
    run,
};

/// The memory in bytes for the names: four of 255 bytes. The two refs are JSON, with every byte
/// escaped, and are held beside the text that they were made from.
const NAMES: usize = 2 * 255 + 2 * 6 * 255 * 2 + 1024;

fn run(input: &[u8]) {
    let frame = Bytes::copy_from_slice(input);
    // The payload is not copied.
    let read = bounded(NAMES, || ProtocolVersion::V2.read(Data::Binary(frame)));
    let Ok(message) = read else { return };
    // An event that is not UTF-8 is read with loss: it is unknown in any case.
    if !message.event.contains('\u{fffd}') {
        assert_eq!(as_client(&message), input, "nothing is lost or added");
    }
    assert_as_text(&message);
    // The text for such bytes may be longer than a name may be.
    if message.event.len() <= 255 {
        assert_written(&message);
    }
}

fn topic(message: &ReadMessage) -> &str {
    message
        .topic
        .as_ref()
        .expect("a binary frame's topic is text")
}

/// Returns the frame that a client would send for this message.
fn as_client(message: &ReadMessage) -> Vec<u8> {
    let (join_ref, reference) = (message.join_ref.to_text(), message.reference.to_text());
    let names = [&*join_ref, &reference, topic(message), &message.event];
    let mut frame = vec![0];
    frame.extend(
        names
            .iter()
            .map(|name| u8::try_from(name.len()).expect("one byte")),
    );
    names.iter().for_each(|name| frame.extend(name.as_bytes()));
    frame.extend_from_slice(message.payload.bytes());
    frame
}

/// Asserts that a text frame with the same names is read as the same names.
fn assert_as_text(message: &ReadMessage) {
    let (join_ref, reference) = (message.join_ref.to_text(), message.reference.to_text());
    let text = json!([join_ref, reference, topic(message), message.event, {}]);
    let text = ProtocolVersion::V2.read(Data::Text(text.to_string().into()));
    let text = text.expect("the text is a message");
    assert_eq!(text.join_ref, message.join_ref);
    assert_eq!(text.reference, message.reference);
    assert_eq!(text.topic, message.topic);
    assert_eq!(text.event, message.event);
}

/// Asserts that written frames have the parts that clients read: kind, lengths, names, data.
fn assert_written(message: &ReadMessage) {
    let (join_ref, reference) = (&message.join_ref, &message.reference);
    let (topic, event, payload) = (topic(message), &*message.event, &message.payload);
    let push = Outgoing::Push {
        join_ref,
        reference,
        topic,
        event,
        payload,
    };
    assert_eq!(
        taken_apart(&push, 0),
        [
            join_ref.to_text().as_bytes(),
            topic.as_bytes(),
            event.as_bytes(),
            payload.bytes()
        ]
    );
    let broadcast = Outgoing::Broadcast {
        topic,
        event,
        payload,
    };
    assert_eq!(
        taken_apart(&broadcast, 2),
        [topic.as_bytes(), event.as_bytes(), payload.bytes()]
    );
    let reply = Outgoing::Reply {
        join_ref,
        reference,
        topic: TopicRef::Text(topic),
        status: "ok",
        payload,
    };
    let (join_ref, reference) = (join_ref.to_text(), reference.to_text());
    let names = [
        join_ref.as_bytes(),
        reference.as_bytes(),
        topic.as_bytes(),
        b"ok",
    ];
    assert_eq!(
        taken_apart(&reply, 1),
        [&names[..], &[payload.bytes()]].concat()
    );
    let no_binary = ProtocolVersion::V1.write(&broadcast);
    assert!(matches!(payload, Payload::Binary(_)) && no_binary.is_err());
}

/// Writes the message as a frame of this kind. Returns the frame's names and its data.
fn taken_apart(message: &Outgoing<'_>, kind: u8) -> Vec<Vec<u8>> {
    let Ok(Data::Binary(frame)) = ProtocolVersion::V2.write(message) else {
        panic!("names of 255 bytes have a form");
    };
    let names = match kind {
        0 => 3,
        1 => 4,
        _ => 2,
    };
    assert_eq!(frame[0], kind);
    let mut at = 1 + names;
    let mut parts = Vec::new();
    for length in &frame[1..=names] {
        let end = at + usize::from(*length);
        parts.push(frame[at..end].to_vec());
        at = end;
    }
    parts.push(frame[at..].to_vec());
    parts
}
