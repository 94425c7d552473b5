//! Version 1: a JSON object a message, `Phoenix.Socket.V1.JSONSerializer`.

use bytes::Bytes;
use presence_core::{pubsub::Payload, strict_json};

use super::{
    Data, Frame, FrameError, MalformedFrame, Opcode, Serializer, Text,
    json::{
        check_is_object, json, part, put, put_response, put_topic, unquoted, wire_event, wire_topic,
    },
};
use crate::message::{Message, Outgoing, Ref, TopicRef};

pub(crate) struct V1;

/// The members of a message, as JSON text. Of several members of one name, the last counts.
#[derive(Default)]
struct Members<'a> {
    topic: Option<&'a str>,
    event: Option<&'a str>,
    payload: Option<&'a str>,
    reference: Option<&'a str>,
    join_ref: Option<&'a str>,
}

impl<'a> Members<'a> {
    fn read(text: &'a str) -> Result<Self, MalformedFrame> {
        let mut members = Self::default();
        strict_json::object(text, |name, value| members.set(name, value))?;
        Ok(members)
    }

    /// Sets the member of this name, which has quotes and may have escapes.
    fn set(&mut self, name: &str, value: &'a str) {
        let member = match name {
            "\"topic\"" => &mut self.topic,
            "\"event\"" => &mut self.event,
            "\"payload\"" => &mut self.payload,
            "\"ref\"" => &mut self.reference,
            "\"join_ref\"" => &mut self.join_ref,
            escaped if escaped.contains('\\') => {
                if let Some(name) = unquoted(escaped).filter(|name| !name.contains('\\')) {
                    self.set(&format!("\"{name}\""), value);
                }
                return;
            }
            _ => return,
        };
        *member = Some(value);
    }
}

impl Serializer for V1 {
    fn decode(&self, data: Data) -> Result<Message, MalformedFrame> {
        // Phoenix does not look at the kind of the frame either.
        let text = match data {
            Data::Text(text) => text,
            Data::Binary(bytes) => Text::try_from(bytes).map_err(|_| MalformedFrame::Utf8)?,
        };
        let members = Members::read(&text)?;
        let required = |member: Option<_>, name| member.ok_or(MalformedFrame::Missing(name));
        let payload: &str = required(members.payload, "payload")?;
        Ok(Message {
            join_ref: Ref::from_json(members.join_ref.unwrap_or("null")),
            // The member must be there; its value may be null.
            reference: Ref::from_json(required(members.reference, "ref")?),
            topic: wire_topic(required(members.topic, "topic")?),
            event: wire_event(required(members.event, "event")?),
            payload: Payload::Json(part(text.bytes(), payload.as_bytes())),
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
                check_is_object(payload)?;
                let payload = json(payload)?;
                Ok(object(
                    reference,
                    TopicRef::Text(topic),
                    event,
                    |_| {},
                    payload,
                    b"}",
                ))
            }
            Outgoing::Broadcast {
                topic,
                event,
                payload,
            } => {
                check_is_object(payload)?;
                let payload = json(payload)?;
                Ok(object(
                    &Ref::NULL,
                    TopicRef::Text(topic),
                    event,
                    |_| {},
                    payload,
                    b"}",
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
                    |body| put_response(body, status),
                    payload,
                    b"}}",
                ))
            }
        }
    }
}

fn object(
    reference: &Ref,
    topic: TopicRef<'_>,
    event: &str,
    before: impl FnOnce(&mut Vec<u8>),
    payload: &Bytes,
    after: &'static [u8],
) -> Frame {
    let write = |body: &mut Vec<u8>| {
        body.extend_from_slice(b"{\"topic\":");
        put_topic(body, topic);
        body.extend_from_slice(b",\"event\":");
        put(body, event);
        body.extend_from_slice(b",\"ref\":");
        body.extend_from_slice(reference.as_json().as_bytes());
        body.extend_from_slice(b",\"payload\":");
        before(body);
    };
    Frame::around(Opcode::Text, 128, write, payload, after)
}
