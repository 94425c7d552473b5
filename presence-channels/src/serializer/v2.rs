//! Version 2: a JSON array a message, or a binary frame, `Phoenix.Socket.V2.JSONSerializer`.
//!
//! Text: `[join_ref, ref, topic, event, payload]`. Binary: a kind, then a byte of length for each
//! name, then the names, then the data.

use bytes::Bytes;
use presence_core::{
    pubsub::{Broadcast, Payload},
    strict_json,
};

use super::{
    Data, Frame, FrameError, MalformedFrame, Opcode, Serializer, Text,
    json::{
        check_is_object, part, put, put_response, put_topic, response_bytes, wire_event, wire_topic,
    },
};
use crate::message::{Message, Outgoing, Ref, TopicRef, WireTopic};

pub(crate) struct V2;

/// The kinds of binary frames.
const PUSH: u8 = 0;
const REPLY: u8 = 1;
const BROADCAST: u8 = 2;

impl Serializer for V2 {
    fn decode(&self, data: Data) -> Result<Message, MalformedFrame> {
        match data {
            Data::Text(text) => decode_text(&text),
            Data::Binary(bytes) => decode_binary(&bytes),
        }
    }

    fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError> {
        match message {
            Outgoing::Push {
                join_ref,
                reference,
                topic,
                event,
                payload,
            } => match payload {
                Payload::Json(text) => {
                    check_is_object(payload)?;
                    let topic = TopicRef::Text(topic);
                    Ok(array(join_ref, reference, topic, event, None, text))
                }
                Payload::Binary(data) => binary(
                    PUSH,
                    &[
                        ("join_ref", &join_ref.to_text()),
                        ("topic", topic),
                        ("event", event),
                    ],
                    data,
                ),
            },
            Outgoing::Broadcast {
                topic,
                event,
                payload,
            } => match payload {
                Payload::Json(text) => {
                    check_is_object(payload)?;
                    let topic = TopicRef::Text(topic);
                    Ok(array(&Ref::NULL, &Ref::NULL, topic, event, None, text))
                }
                Payload::Binary(data) => {
                    binary(BROADCAST, &[("topic", topic), ("event", event)], data)
                }
            },
            Outgoing::Reply {
                join_ref,
                reference,
                topic,
                status,
                payload,
            } => match payload {
                Payload::Json(payload) => Ok(array(
                    join_ref,
                    reference,
                    *topic,
                    "phx_reply",
                    Some(status),
                    payload,
                )),
                Payload::Binary(data) => {
                    let (join_ref, reference) = (join_ref.to_text(), reference.to_text());
                    let names = [
                        ("join_ref", &*join_ref),
                        ("ref", &reference),
                        ("topic", topic.as_str()),
                        ("status", status),
                    ];
                    binary(REPLY, &names, data)
                }
            },
        }
    }
}

fn decode_text(text: &Text) -> Result<Message, MalformedFrame> {
    let mut fields = [""; 5];
    let mut count = 0;
    strict_json::array(text, |number, element| {
        // Elements after the fifth are ignored.
        if let Some(field) = fields.get_mut(number) {
            *field = element;
        }
        count = number + 1;
    })?;
    if count < fields.len() {
        return Err(MalformedFrame::TooShort(count));
    }
    let [join_ref, reference, topic, event, payload] = fields;
    Ok(Message {
        join_ref: Ref::from_json(join_ref),
        reference: Ref::from_json(reference),
        topic: wire_topic(topic),
        event: wire_event(event),
        payload: Payload::Json(part(text.bytes(), payload.as_bytes())),
    })
}

fn decode_binary(bytes: &Bytes) -> Result<Message, MalformedFrame> {
    let (&kind, rest) = bytes.split_first().ok_or(MalformedFrame::Truncated)?;
    if kind != PUSH {
        return Err(MalformedFrame::Kind(kind));
    }
    let (lengths, mut rest) = rest.split_at_checked(4).ok_or(MalformedFrame::Truncated)?;
    let mut names = [&[][..]; 4];
    for (name, length) in names.iter_mut().zip(lengths) {
        (*name, rest) = rest
            .split_at_checked(usize::from(*length))
            .ok_or(MalformedFrame::Truncated)?;
    }
    let [join_ref, reference, topic, event] = names;
    let text = |name| std::str::from_utf8(name).map_err(|_| MalformedFrame::Utf8);
    Ok(Message {
        // An empty ref is the empty string, and not null.
        join_ref: Ref::string(text(join_ref)?),
        reference: Ref::string(text(reference)?),
        topic: WireTopic::Text(text(topic)?.into()),
        // An event that is not UTF-8 is an event that no channel knows, as in Phoenix.
        event: String::from_utf8_lossy(event).into(),
        payload: Payload::Binary(part(bytes, rest)),
    })
}

/// Builds the frame of a message in text: of a reply if there is a `status`.
fn array(
    join_ref: &Ref,
    reference: &Ref,
    topic: TopicRef<'_>,
    event: &str,
    status: Option<&str>,
    payload: &Bytes,
) -> Frame {
    let (join_ref, reference) = (join_ref.as_json(), reference.as_json());
    let topic_bytes = match topic {
        TopicRef::Text(topic) => topic.len() + 2,
        TopicRef::Raw(topic) => topic.get().len(),
    };
    // Exact where nothing has escapes: the frame then has no spare bytes, and one allocation less.
    let capacity = "[,,,\"\",".len()
        + join_ref.len()
        + reference.len()
        + topic_bytes
        + event.len()
        + status.map_or(0, response_bytes);
    let write = |body: &mut Vec<u8>| {
        body.push(b'[');
        body.extend_from_slice(join_ref.as_bytes());
        body.push(b',');
        body.extend_from_slice(reference.as_bytes());
        body.push(b',');
        put_topic(body, topic);
        body.push(b',');
        put(body, event);
        body.push(b',');
        if let Some(status) = status {
            put_response(body, status);
        }
    };
    let after: &[u8] = if status.is_some() { b"}]" } else { b"]" };
    Frame::around(Opcode::Text, capacity, write, payload, after)
}

/// Checks that a broadcast has a frame in version 2. The sender gets the error here, because it
/// would not notice that the broadcast is dropped for each subscriber.
pub(crate) fn check_broadcast(broadcast: &Broadcast) -> Result<(), FrameError> {
    match broadcast.payload {
        Payload::Json(_) => check_is_object(&broadcast.payload),
        Payload::Binary(_) => {
            check_names(&[("topic", &broadcast.topic), ("event", &broadcast.event)])
        }
    }
}

fn check_names(names: &[(&'static str, &str)]) -> Result<(), FrameError> {
    match names.iter().find(|(_, name)| name.len() > 255) {
        Some((field, name)) => Err(FrameError::TooLong {
            field,
            bytes: name.len(),
        }),
        None => Ok(()),
    }
}

fn binary(kind: u8, names: &[(&'static str, &str)], data: &Bytes) -> Result<Frame, FrameError> {
    check_names(names)?;
    let write = |body: &mut Vec<u8>| {
        body.push(kind);
        body.extend(names.iter().map(|(_, name)| name.len() as u8));
        for (_, name) in names {
            body.extend_from_slice(name.as_bytes());
        }
    };
    Ok(Frame::around(Opcode::Binary, 128, write, data, b""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push_of(data: &Bytes, topic: &str) -> Result<Frame, FrameError> {
        V2.encode(&Outgoing::Push {
            join_ref: &Ref::from_text("12"),
            reference: &Ref::NULL,
            topic,
            event: "bin_pushed",
            payload: &Payload::Binary(data.clone()),
        })
    }

    #[test]
    fn a_name_of_255_bytes_fits_and_one_more_is_an_error() {
        let data = Bytes::from_static(b"\x09\x08\x07");
        let frame = push_of(&data, "room:binpush").unwrap();
        assert_eq!(
            &frame.body()[..],
            b"\0\x02\x0c\x0a12room:binpushbin_pushed\x09\x08\x07"
        );
        assert!(push_of(&data, &"t".repeat(255)).is_ok());
        let error = push_of(&data, &"t".repeat(256)).unwrap_err();
        assert_eq!(
            error,
            FrameError::TooLong {
                field: "topic",
                bytes: 256
            }
        );
    }

    #[test]
    fn a_frame_has_no_spare_bytes_to_speak_of() {
        // An escape makes the frame longer than was foreseen.
        for topic in ["room:1", "room:\"", "room:\u{7}\u{7}"] {
            let allocated = allocation_counter::measure(|| {
                let payload = Payload::Json(format!("{{\"a\":\"{}\"}}", "x".repeat(8000)).into());
                let frame = V2.encode(&Outgoing::Push {
                    join_ref: &Ref::NULL,
                    reference: &Ref::NULL,
                    topic,
                    event: "e",
                    payload: &payload,
                });
                let frame = frame.unwrap();
                drop(payload);
                std::mem::forget(frame);
            });
            let kept = allocated.bytes_current;
            assert!((8000..8400).contains(&kept), "{topic:?}: {kept} bytes");
        }
    }

    fn text(text: &str) -> Result<Message, MalformedFrame> {
        V2.decode(Data::Text(text.into()))
    }

    #[test]
    fn elements_after_the_fifth_are_ignored() {
        let message = text(r#"["1","2","t","e",{"a":1},"more",{"x":1}]"#).unwrap();
        assert_eq!(message.payload.bytes(), &br#"{"a":1}"#[..]);
        assert_eq!(message.join_ref, Ref::from_text("1"));
        assert_eq!(message.reference, Ref::from_text("2"));
    }

    #[test]
    fn an_empty_name_of_a_binary_frame_is_an_empty_string() {
        let frame = Bytes::from_static(b"\0\0\0\0\0");
        let message = V2.decode(Data::Binary(frame)).unwrap();
        assert!(!message.join_ref.is_null() && !message.reference.is_null());
        assert_eq!(message.join_ref.as_json(), "\"\"");
        assert_eq!(message.event, "");
    }

    #[test]
    fn an_event_that_is_not_utf8_is_an_unknown_event() {
        let frame = Bytes::from_static(b"\0\0\0\x01\x02tp\xff");
        let message = V2.decode(Data::Binary(frame)).unwrap();
        assert_eq!(message.event, "p\u{fffd}");
    }

    #[test]
    fn only_objects_and_bytes_are_pushed_and_broadcast() {
        let (join_ref, reference) = (&Ref::NULL, &Ref::NULL);
        let (topic, event) = ("t", "e");
        for (json, sent) in [
            ("{}", true),
            (" \n{\"a\":1}", true),
            ("[]", false),
            ("null", false),
            ("1", false),
            ("\"{}\"", false),
            ("", false),
        ] {
            let payload = &Payload::Json(json.into());
            let push = Outgoing::Push {
                join_ref,
                reference,
                topic,
                event,
                payload,
            };
            let broadcast = Outgoing::Broadcast {
                topic,
                event,
                payload,
            };
            for message in [push, broadcast] {
                for serializer in [&V2 as &dyn Serializer, &super::super::V1] {
                    match serializer.encode(&message) {
                        Ok(_) => assert!(sent, "{json}"),
                        Err(error) => {
                            assert_eq!((error, sent), (FrameError::NotAnObject, false), "{json}");
                        }
                    }
                }
            }
            let broadcast = Broadcast::new(topic, event, payload.clone());
            assert_eq!(check_broadcast(&broadcast).is_ok(), sent, "{json}");
        }
    }

    #[test]
    fn malformed_frames_are_errors() {
        for malformed in [
            "",
            "{not json",
            "{}",
            r#"["1","1","t","e",{"a":"\ud83d"}]"#,
            r#"["\ud83d","1","t","e",{}]"#,
            r#"["1","1","t","e",{},1e999]"#,
            r#"["1","1","t","e",{}]]"#,
        ] {
            assert!(
                matches!(text(malformed), Err(MalformedFrame::Json(_))),
                "{malformed}"
            );
        }
        for (short, count) in [("[]", 0), (r#"["1","1","t","e"]"#, 4)] {
            let error = text(short).unwrap_err();
            assert!(
                matches!(error, MalformedFrame::TooShort(n) if n == count),
                "{error}"
            );
        }
        let binary = |bytes: &'static [u8]| V2.decode(Data::Binary(Bytes::from_static(bytes)));
        assert!(matches!(binary(b""), Err(MalformedFrame::Truncated)));
        assert!(matches!(
            binary(b"\0\x01\x01"),
            Err(MalformedFrame::Truncated)
        ));
        assert!(matches!(
            binary(b"\0\x01\x01\x08\x0411room"),
            Err(MalformedFrame::Truncated)
        ));
        assert!(matches!(
            binary(b"\x01\x01\x01\x01\x0111ab"),
            Err(MalformedFrame::Kind(1))
        ));
        assert!(matches!(
            binary(b"\0\x00\x00\x01\x00\xff"),
            Err(MalformedFrame::Utf8)
        ));
    }

    #[test]
    fn a_small_payload_keeps_no_large_frame() {
        let fill = "x".repeat(100_000);
        let text = Text::from(format!(r#"["1","2","room:1","say",{{"a":1}},"{fill}"]"#));
        let message = V2.decode(Data::Text(text.clone())).unwrap();
        assert_eq!(message.payload.bytes(), &br#"{"a":1}"#[..]);
        let frame = text.as_bytes().as_ptr_range();
        assert!(!frame.contains(&message.payload.bytes().as_ptr()));
    }

    #[test]
    fn a_payload_is_a_slice_of_its_frame() {
        let text = Text::from(r#"["1", null, "room:1", "say", {"a": [1, 2]}]"#);
        let message = V2.decode(Data::Text(text.clone())).unwrap();
        assert_eq!(message.payload.bytes(), &br#"{"a": [1, 2]}"#[..]);
        assert!(
            text.as_bytes()
                .as_ptr_range()
                .contains(&message.payload.bytes().as_ptr())
        );
        assert!(message.reference.is_null());
        assert_eq!(message.join_ref, Ref::from_text("1"));
    }
}
