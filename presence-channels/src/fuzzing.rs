//! The internals that the fuzzer and the conformance tests need: each parser of messages from
//! clients, and the encoder beside it. Not an API: it changes without notice.

use bytes::Bytes;
use presence_core::pubsub::Payload;

pub use crate::{
    token::fuzzing::{
        Term, decrypt_term, encrypt_claims, rewrite_term, sign_claims, sign_term, verify_term,
    },
    transport::longpoll::fuzzing::{BodyOptions, read_body},
};

use crate::{
    Routes, UserSocket,
    message::WireTopic,
    serializer::{
        Data, Frame, FrameError, MalformedFrame, Opcode, Outgoing, Ref, Serializer, Text, V1, V2,
    },
};

/// A message as a client sent it.
#[derive(Debug)]
pub struct ReadMessage {
    /// Its join_ref.
    pub join_ref: Ref,
    /// Its ref.
    pub reference: Ref,
    /// Its topic; the JSON of one that is no text is an error.
    pub topic: Result<String, String>,
    /// Its event.
    pub event: String,
    /// Its payload.
    pub payload: Payload,
}

/// The routes of a socket, for the benchmark of how a topic finds its channel.
pub struct RouteTable<S: UserSocket>(Routes<S>);

impl<S: UserSocket> RouteTable<S> {
    /// Collects the routes of `S`.
    #[must_use]
    pub fn new() -> Self {
        Self(Routes::collect("/socket"))
    }

    /// Returns whether a channel serves the topic.
    #[must_use]
    pub fn has(&self, topic: &str) -> bool {
        self.0.find(topic).is_some()
    }
}

impl<S: UserSocket> Default for RouteTable<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: UserSocket> std::fmt::Debug for RouteTable<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RouteTable")
    }
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug)]
pub enum ProtocolVersion {
    /// Version 1.
    V1,
    /// Version 2.
    V2,
}

impl ProtocolVersion {
    fn serializer(self) -> &'static dyn Serializer {
        match self {
            Self::V1 => &V1,
            Self::V2 => &V2,
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// The error that a connection is closed for.
    pub fn read(self, data: Data) -> Result<ReadMessage, MalformedFrame> {
        let message = self.serializer().decode(data)?;
        Ok(ReadMessage {
            join_ref: message.join_ref,
            reference: message.reference,
            topic: match message.topic {
                WireTopic::Text(topic) => Ok(topic.into()),
                WireTopic::Other(topic) => Err(topic.get().to_owned()),
            },
            event: message.event.into(),
            payload: message.payload,
        })
    }

    /// Encodes a message, and returns the body of its frame.
    ///
    /// # Errors
    /// The error that the sender of the message gets.
    pub fn write(self, message: &Outgoing<'_>) -> Result<Data, FrameError> {
        self.serializer().encode(message).map(body)
    }
}

fn body(frame: Frame) -> Data {
    let body: Bytes = frame.body();
    match frame.opcode() {
        Opcode::Text => Data::Text(Text::try_from(body).expect("a text frame is UTF-8")),
        Opcode::Binary | Opcode::Close | Opcode::Pong => Data::Binary(body),
    }
}
