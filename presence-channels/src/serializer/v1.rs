//! Version 1: a JSON object a message, `Phoenix.Socket.V1.JSONSerializer`.

use presence_core::pubsub::Payload;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Data, FrameError, MalformedFrame, Serializer,
    json::{json, put, put_response, put_topic, slice_of, text_or_raw, wire_topic},
};
use crate::{
    message::{Message, Outgoing, Ref, TopicRef},
    transport::{Frame, Opcode},
};

pub(crate) struct V1;

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    topic: &'a RawValue,
    #[serde(borrow)]
    event: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
    /// The key must be there; its value may be null.
    #[serde(borrow, rename = "ref")]
    reference: &'a RawValue,
    #[serde(borrow, default)]
    join_ref: Option<&'a RawValue>,
}

impl Serializer for V1 {
    fn decode(&self, data: Data) -> Result<Message, MalformedFrame> {
        let Data::Text(text) = data else {
            return Err(MalformedFrame::NoBinary);
        };
        // serde would take an array as a struct's fields in order.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(MalformedFrame::NoObject);
        }
        let object: Object<'_> = serde_json::from_slice(&text)?;
        Ok(Message {
            join_ref: Ref::from_json(object.join_ref),
            reference: Ref::from_json(Some(object.reference)),
            topic: wire_topic(object.topic),
            event: text_or_raw(object.event),
            payload: Payload::Json(slice_of(&text, object.payload)),
        })
    }

    fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError> {
        match message {
            Outgoing::Push {
                reference,
                topic,
                event,
                payload,
                ..
            } => {
                let payload = json(payload)?;
                Ok(object(
                    reference,
                    TopicRef::Text(topic),
                    event,
                    payload.len(),
                    |body| {
                        body.extend_from_slice(payload);
                    },
                ))
            }
            Outgoing::Broadcast {
                topic,
                event,
                payload,
            } => {
                let payload = json(payload)?;
                Ok(object(
                    &Ref::NULL,
                    TopicRef::Text(topic),
                    event,
                    payload.len(),
                    |body| {
                        body.extend_from_slice(payload);
                    },
                ))
            }
            Outgoing::Reply {
                reference,
                topic,
                status,
                payload,
                ..
            } => {
                let payload = json(payload)?;
                Ok(object(
                    reference,
                    *topic,
                    "phx_reply",
                    payload.len(),
                    |body| {
                        put_response(body, status, payload);
                    },
                ))
            }
        }
    }
}

fn object(
    reference: &Ref,
    topic: TopicRef<'_>,
    event: &str,
    capacity: usize,
    payload: impl FnOnce(&mut Vec<u8>),
) -> Frame {
    Frame::build(Opcode::Text, capacity + 128, |body| {
        body.extend_from_slice(b"{\"topic\":");
        put_topic(body, topic);
        body.extend_from_slice(b",\"event\":");
        put(body, event);
        body.extend_from_slice(b",\"ref\":");
        body.extend_from_slice(reference.as_json().as_bytes());
        body.extend_from_slice(b",\"payload\":");
        payload(body);
        body.push(b'}');
    })
}
