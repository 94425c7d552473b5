//! What clients and server say to each other, apart from how it is written down.

use std::fmt;

use presence_core::pubsub::Payload;
use serde_json::value::RawValue;
use smol_str::SmolStr;

/// A client's `ref` or `join_ref`, returned to it as it came.
///
/// Clients send strings or null. Phoenix returns any JSON value, so the JSON text is kept: in place,
/// since it is short.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Ref(Option<SmolStr>);

impl Ref {
    /// No ref: JSON's null.
    pub(crate) const NULL: Self = Self(None);

    /// The ref whose JSON text is `json`.
    pub(crate) fn from_json(json: Option<&RawValue>) -> Self {
        let json = json.map(RawValue::get).filter(|json| *json != "null");
        Self(json.map(SmolStr::new))
    }

    /// The ref that is the string `text`; null if it is empty, as in a binary frame.
    pub(crate) fn from_text(text: &str) -> Self {
        if text.is_empty() {
            return Self::NULL;
        }
        let json = serde_json::to_string(text).expect("a string has a JSON form");
        Self(Some(json.into()))
    }

    /// Is it null?
    pub(crate) fn is_null(&self) -> bool {
        self.0.is_none()
    }

    /// Its JSON text.
    pub(crate) fn as_json(&self) -> &str {
        self.0.as_deref().unwrap_or("null")
    }

    /// Its text without quotes: what a binary frame holds, empty for null.
    pub(crate) fn to_text(&self) -> String {
        match &self.0 {
            None => String::new(),
            Some(json) => serde_json::from_str(json).unwrap_or_else(|_| json.to_string()),
        }
    }
}

impl fmt::Debug for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

/// The topic of an incoming message, as far as it makes sense.
#[derive(Debug)]
pub(crate) enum WireTopic {
    Text(SmolStr),
    /// Something that is not a string. It matches no channel, and is returned as it came.
    Other(Box<RawValue>),
}

/// The topic of an outgoing message.
#[derive(Clone, Copy)]
pub(crate) enum TopicRef<'a> {
    Text(&'a str),
    Raw(&'a RawValue),
}

impl<'a> From<&'a WireTopic> for TopicRef<'a> {
    fn from(topic: &'a WireTopic) -> Self {
        match topic {
            WireTopic::Text(topic) => Self::Text(topic),
            WireTopic::Other(topic) => Self::Raw(topic),
        }
    }
}

/// A message from a client.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) join_ref: Ref,
    pub(crate) reference: Ref,
    pub(crate) topic: WireTopic,
    pub(crate) event: SmolStr,
    pub(crate) payload: Payload,
}

/// A message to a client.
pub(crate) enum Outgoing<'a> {
    Push {
        join_ref: &'a Ref,
        /// Null but for `phx_close` and `phx_error`, which carry the join's ref.
        reference: &'a Ref,
        topic: &'a str,
        event: &'a str,
        payload: &'a Payload,
    },
    Reply {
        join_ref: &'a Ref,
        reference: &'a Ref,
        topic: TopicRef<'a>,
        status: &'a str,
        payload: &'a Payload,
    },
    Broadcast {
        topic: &'a str,
        event: &'a str,
        payload: &'a Payload,
    },
}
