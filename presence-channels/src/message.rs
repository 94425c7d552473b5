//! Messages between clients and server, before and after their encoding.

mod ref_value;

use std::fmt;

use presence_core::pubsub::Payload;
use serde_json::value::RawValue;
use smol_str::SmolStr;

/// A client's `ref` or `join_ref`, returned to it as it came.
///
/// Clients send strings or null. Phoenix returns any JSON value, so the JSON text is kept: in
/// place, since it is short. Two refs are equal if they are the same JSON value, however it is
/// written.
#[derive(Clone, Default)]
pub struct Ref(Option<SmolStr>);

impl Ref {
    /// The ref that is JSON's null.
    pub const NULL: Self = Self(None);

    /// Creates the ref of a JSON text, which has been checked and has no blanks around it.
    pub(crate) fn from_json(json: &str) -> Self {
        match json {
            "null" => Self::NULL,
            json => Self(Some(json.into())),
        }
    }

    /// Creates the ref that is the string `text`. An empty string is null, as in a binary frame of
    /// the server.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "" => Self::NULL,
            text => Self::string(text),
        }
    }

    /// Creates the ref that is the string `text`, the empty string included.
    pub(crate) fn string(text: &str) -> Self {
        let json = serde_json::to_string(text).expect("a string has a JSON form");
        Self(Some(json.into()))
    }

    /// Returns whether the ref is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the ref's JSON text, for a serializer that writes it.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::serializer::Ref;
    ///
    /// assert_eq!(Ref::from_text("7").as_json(), "\"7\"");
    /// assert!(Ref::NULL.is_null() && Ref::NULL.as_json() == "null");
    /// ```
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.as_deref().unwrap_or("null")
    }

    /// Returns the length of the JSON text without quotes, and 0 for null. A binary frame's 255
    /// bytes of plain text are 255 by this count, too.
    fn bytes(&self) -> usize {
        let json = self.0.as_deref().unwrap_or_default();
        match json.starts_with('"') {
            true => json.len() - 2,
            false => json.len(),
        }
    }

    /// Returns the ref's text without quotes, as a binary frame holds it. Null is the empty string.
    #[must_use]
    pub fn to_text(&self) -> String {
        match &self.0 {
            None => String::new(),
            Some(json) => serde_json::from_str(json).unwrap_or_else(|_| json.to_string()),
        }
    }
}

impl PartialEq for Ref {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one == other || ref_value::is_same(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for Ref {}

impl fmt::Debug for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

/// The topic of an incoming message.
#[derive(Debug)]
pub(crate) enum WireTopic {
    Text(SmolStr),
    /// JSON that is not a string. It matches no channel, and is returned as it came.
    Other(Box<RawValue>),
}

/// The topic of a reply.
#[derive(Clone, Copy, Debug)]
pub enum TopicRef<'a> {
    /// A topic.
    Text(&'a str),
    /// JSON that is not a string, which a client of version 1 or 2 sent as a topic. Messages of
    /// other serializers do not have it.
    Raw(&'a RawValue),
}

impl<'a> TopicRef<'a> {
    /// Returns the topic, or the JSON that came in its place.
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

/// A message from a client. A channel gets its payload with a join or an event. [`Payload::encode`]
/// creates the payload from the values of your format.
#[derive(Debug)]
pub struct Message {
    pub(crate) join_ref: Ref,
    pub(crate) reference: Ref,
    pub(crate) topic: WireTopic,
    pub(crate) event: SmolStr,
    pub(crate) payload: Payload,
}

impl Message {
    /// Creates a message without refs.
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

    /// Returns about how many bytes the message holds while it waits, if it came in a frame of
    /// `frame_bytes`. Its payload is a slice of its frame, or separate memory if an app's
    /// serializer made it. Its ref is a copy.
    pub(crate) fn held_bytes(&self, frame_bytes: usize) -> usize {
        frame_bytes.max(self.payload.bytes().len()) + self.reference.as_json().len()
    }

    /// Returns the length of the longer ref.
    pub(crate) fn ref_bytes(&self) -> usize {
        self.join_ref.bytes().max(self.reference.bytes())
    }

    /// Sets the ref of the join that the message belongs to. Null stands for the client's current
    /// channel of the topic.
    #[must_use]
    pub fn join_ref(mut self, join_ref: Ref) -> Self {
        self.join_ref = join_ref;
        self
    }

    /// Sets the ref that the message's reply carries.
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
        /// The payload that phoenix.js passes to `receive(status, ...)`.
        payload: &'a Payload,
    },
    /// An event for all members of a topic. Its frame is sent to all clients of this serializer.
    Broadcast {
        /// Its topic.
        topic: &'a str,
        /// Its event.
        event: &'a str,
        /// Its payload.
        payload: &'a Payload,
    },
}
