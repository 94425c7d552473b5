//! Version 2: a JSON array a message, or a binary frame, `Phoenix.Socket.V2.JSONSerializer`.
//!
//! Text: `[join_ref, ref, topic, event, payload]`. Binary: a kind, then a byte of length for each
//! name, then the names, then the data.

use bytes::Bytes;
use presence_core::pubsub::{Broadcast, Payload};
use serde_json::value::RawValue;

use super::{
    Data, FrameError, MalformedFrame, Serializer,
    json::{put, put_response, put_topic, slice_of, text_or_raw, wire_topic},
};
use crate::{
    message::{Message, Outgoing, Ref, TopicRef, WireTopic},
    transport::{Frame, Opcode},
};

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
                Payload::Json(payload) => {
                    let topic = TopicRef::Text(topic);
                    Ok(array(
                        join_ref,
                        reference,
                        topic,
                        event,
                        payload.len(),
                        |body| {
                            body.extend_from_slice(payload);
                        },
                    ))
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
                Payload::Json(payload) => {
                    let topic = TopicRef::Text(topic);
                    Ok(array(
                        &Ref::NULL,
                        &Ref::NULL,
                        topic,
                        event,
                        payload.len(),
                        |body| {
                            body.extend_from_slice(payload);
                        },
                    ))
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
                    payload.len(),
                    |body| {
                        put_response(body, status, payload);
                    },
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

fn decode_text(text: &Bytes) -> Result<Message, MalformedFrame> {
    type Array<'a> = (
        Option<&'a RawValue>,
        Option<&'a RawValue>,
        &'a RawValue,
        &'a RawValue,
        &'a RawValue,
    );
    let (join_ref, reference, topic, event, payload): Array<'_> = serde_json::from_slice(text)?;
    Ok(Message {
        join_ref: Ref::from_json(join_ref),
        reference: Ref::from_json(reference),
        topic: wire_topic(topic),
        event: text_or_raw(event),
        payload: Payload::Json(slice_of(text, payload)),
    })
}

fn decode_binary(bytes: &Bytes) -> Result<Message, MalformedFrame> {
    let (&kind, rest) = bytes.split_first().ok_or(MalformedFrame::Truncated)?;
    if kind != PUSH {
        return Err(MalformedFrame::Kind(kind));
    }
    let (lengths, mut rest) = rest.split_at_checked(4).ok_or(MalformedFrame::Truncated)?;
    let mut name = |length: u8| {
        let (name, tail) = rest
            .split_at_checked(usize::from(length))
            .ok_or(MalformedFrame::Truncated)?;
        rest = tail;
        std::str::from_utf8(name).map_err(|_| MalformedFrame::Utf8)
    };
    let join_ref = Ref::from_text(name(lengths[0])?);
    let reference = Ref::from_text(name(lengths[1])?);
    let topic = WireTopic::Text(name(lengths[2])?.into());
    let event = name(lengths[3])?.into();
    let payload = Payload::Binary(bytes.slice_ref(rest));
    Ok(Message {
        join_ref,
        reference,
        topic,
        event,
        payload,
    })
}

fn array(
    join_ref: &Ref,
    reference: &Ref,
    topic: TopicRef<'_>,
    event: &str,
    capacity: usize,
    payload: impl FnOnce(&mut Vec<u8>),
) -> Frame {
    Frame::build(Opcode::Text, capacity + 96, |body| {
        body.push(b'[');
        body.extend_from_slice(join_ref.as_json().as_bytes());
        body.push(b',');
        body.extend_from_slice(reference.as_json().as_bytes());
        body.push(b',');
        put_topic(body, topic);
        body.push(b',');
        put(body, event);
        body.push(b',');
        payload(body);
        body.push(b']');
    })
}

/// Checks that a broadcast has a binary frame, if it needs one. The sender gets the error here,
/// because it would not notice that the broadcast is dropped for each subscriber.
pub(crate) fn check_broadcast(broadcast: &Broadcast) -> Result<(), FrameError> {
    match broadcast.payload {
        Payload::Json(_) => Ok(()),
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
    Ok(Frame::build(Opcode::Binary, data.len() + 128, |body| {
        body.push(kind);
        body.extend(names.iter().map(|(_, name)| name.len() as u8));
        for (_, name) in names {
            body.extend_from_slice(name.as_bytes());
        }
        body.extend_from_slice(data);
    }))
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
    fn malformed_frames_are_errors() {
        let text = |text: &'static str| V2.decode(Data::Text(Bytes::from_static(text.as_bytes())));
        for malformed in [
            "",
            "{not json",
            "{}",
            "[]",
            r#"["1","1","t","e"]"#,
            r#"[1,1,"t","e",1,2]"#,
        ] {
            assert!(
                matches!(text(malformed), Err(MalformedFrame::Json(_))),
                "{malformed}"
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
    fn a_payload_is_a_slice_of_its_frame() {
        let text = Bytes::from_static(br#"["1", null, "room:1", "say", {"a": [1, 2]}]"#);
        let message = V2.decode(Data::Text(text.clone())).unwrap();
        assert_eq!(message.payload.bytes(), &br#"{"a": [1, 2]}"#[..]);
        assert!(
            text.as_ptr_range()
                .contains(&message.payload.bytes().as_ptr())
        );
        assert!(message.reference.is_null());
        assert_eq!(message.join_ref, Ref::from_text("1"));
    }
}
