//! What clients and server say to each other, apart from how it is written down.

use std::fmt;

use presence_core::pubsub::Payload;
use serde_json::value::RawValue;
use smol_str::SmolStr;

/// A client's `ref` or `join_ref`, returned to it as it came.
///
/// Clients send strings or null. Phoenix returns any JSON value, so the JSON text is kept: in
/// place, since it is short.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Ref(Option<SmolStr>);

impl Ref {
    /// No ref: JSON's null.
    pub const NULL: Self = Self(None);

    /// The ref whose JSON text is `json`.
    pub(crate) fn from_json(json: Option<&RawValue>) -> Self {
        let json = json.map(RawValue::get).filter(|json| *json != "null");
        Self(json.map(SmolStr::new))
    }

    /// The ref that is the string `text`; null if it is empty, as in a binary frame.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        if text.is_empty() {
            return Self::NULL;
        }
        let json = serde_json::to_string(text).expect("a string has a JSON form");
        Self(Some(json.into()))
    }

    /// Is it null?
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0.is_none()
    }

    /// Its JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.as_deref().unwrap_or("null")
    }

    /// How long it is: its JSON text without quotes, and nothing for null. A binary frame's 255
    /// bytes of plain text are 255 by this count, too.
    fn bytes(&self) -> usize {
        let json = self.0.as_deref().unwrap_or_default();
        match json.starts_with('"') {
            true => json.len() - 2,
            false => json.len(),
        }
    }

    /// Its text without quotes: what a binary frame holds, empty for null.
    #[must_use]
    pub fn to_text(&self) -> String {
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

/// The topic of a reply.
#[derive(Clone, Copy, Debug)]
pub enum TopicRef<'a> {
    /// A topic.
    Text(&'a str),
    /// What a client of version 1 or 2 sent for one: JSON that is no string. No message of another
    /// serializer has it.
    Raw(&'a RawValue),
}

impl<'a> TopicRef<'a> {
    /// The topic, or the JSON that came for one.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        match self {
            Self::Text(topic) => topic,
            Self::Raw(topic) => topic.get(),
        }
    }
}

impl<'a> From<&'a WireTopic> for TopicRef<'a> {
    fn from(topic: &'a WireTopic) -> Self {
        match topic {
            WireTopic::Text(topic) => Self::Text(topic),
            WireTopic::Other(topic) => Self::Raw(topic),
        }
    }
}

/// A message from a client. The payload of a join, or of an event, is what a channel gets:
/// [`Payload::encode`] makes it of what your format holds.
#[derive(Debug)]
pub struct Message {
    pub(crate) join_ref: Ref,
    pub(crate) reference: Ref,
    pub(crate) topic: WireTopic,
    pub(crate) event: SmolStr,
    pub(crate) payload: Payload,
}

impl Message {
    /// A message without refs.
    #[must_use]
    pub fn new(topic: &str, event: &str, payload: Payload) -> Self {
        Self {
            join_ref: Ref::NULL,
            reference: Ref::NULL,
            topic: WireTopic::Text(topic.into()),
            event: event.into(),
            payload,
        }
    }

    /// About how many bytes it holds while it waits, if it came in a frame of `frame_bytes`: a
    /// payload is a slice of its frame, or memory of its own by a serializer of the app's; a ref is
    /// a copy.
    pub(crate) fn held_bytes(&self, frame_bytes: usize) -> usize {
        frame_bytes.max(self.payload.bytes().len()) + self.reference.as_json().len()
    }

    /// How long the longer of its refs is.
    pub(crate) fn ref_bytes(&self) -> usize {
        self.join_ref.bytes().max(self.reference.bytes())
    }

    /// Sets the ref of the join that it belongs to. Null means whatever channel the client has of
    /// the topic.
    #[must_use]
    pub fn join_ref(mut self, join_ref: Ref) -> Self {
        self.join_ref = join_ref;
        self
    }

    /// Sets the ref that its reply will carry.
    #[must_use]
    pub fn reference(mut self, reference: Ref) -> Self {
        self.reference = reference;
        self
    }
}

/// A message to a client.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a> {
    /// An event for this client alone, or the end of a channel (`phx_close`, `phx_error`).
    Push {
        /// The join of the channel that pushes.
        join_ref: &'a Ref,
        /// Null but for `phx_close` and `phx_error`, which carry the join's ref.
        reference: &'a Ref,
        /// Its topic.
        topic: &'a str,
        /// Its event.
        event: &'a str,
        /// Its payload.
        payload: &'a Payload,
    },
    /// The answer to a message of the client's: `phx_reply`.
    Reply {
        /// The join of the channel that answers, null if none does.
        join_ref: &'a Ref,
        /// The message that is answered.
        reference: &'a Ref,
        /// Its topic.
        topic: TopicRef<'a>,
        /// `ok`, `error`, or a status of the channel's own.
        status: &'a str,
        /// What phoenix.js hands to `receive(status, ...)`.
        payload: &'a Payload,
    },
    /// An event for all members of a topic. Its frame goes to all who speak this serializer.
    Broadcast {
        /// Its topic.
        topic: &'a str,
        /// Its event.
        event: &'a str,
        /// Its payload.
        payload: &'a Payload,
    },
}
