//! Encodings of messages: `Phoenix.Socket.Serializer`.
//!
//! A client chooses an encoding by the `vsn` parameter of its connection: version 1 for `1.0.x` and
//! for clients without the parameter, version 2 for `2.0.x`. A mount may have more of them:
//! [`SocketOptions::serializer`](crate::SocketOptions::serializer) adds a [`Serializer`] of the
//! app, which defines the form of a frame and nothing else. Joins, refs, replies and limits stay as
//! they are. Members of one topic may use different serializers. A broadcast is encoded once for
//! each serializer that a node's members use.
//!
//! ```
//! use presence_channels::{
//!     FrameError, Payload, SocketOptions,
//!     serializer::{Data, Frame, MalformedFrame, Message, Outgoing, Ref, Serializer},
//! };
//! use serde_json::{Value, json};
//!
//! /// The arrays of version 2, with their JSON in binary frames: put MessagePack or CBOR here.
//! struct Packed;
//!
//! impl Serializer for Packed {
//!     fn decode(&self, data: Data) -> Result<Message, MalformedFrame> {
//!         let Data::Binary(bytes) = data else {
//!             return Err(MalformedFrame::new("only binary frames"));
//!         };
//!         let message: Result<(String, String, String, String, Value), _> =
//!             serde_json::from_slice(&bytes);
//!         let (join_ref, reference, topic, event, payload) =
//!             message.map_err(MalformedFrame::new)?;
//!         let payload = Payload::encode(&payload).map_err(MalformedFrame::new)?;
//!         Ok(Message::new(&topic, &event, payload)
//!             .join_ref(Ref::from_text(&join_ref))
//!             .reference(Ref::from_text(&reference)))
//!     }
//!
//!     fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError> {
//!         let json = |payload: &Payload| {
//!             let value = payload.value();
//!             value.map_err(|_| FrameError::NoForm("no binary payloads".into()))
//!         };
//!         let array = match message {
//!             Outgoing::Push { join_ref, reference, topic, event, payload } => {
//!                 json!([join_ref.to_text(), reference.to_text(), topic, event, json(payload)?])
//!             }
//!             Outgoing::Broadcast { topic, event, payload } => {
//!                 json!(["", "", topic, event, json(payload)?])
//!             }
//!             Outgoing::Reply { join_ref, reference, topic, status, payload } => {
//!                 let reply = json!({ "status": status, "response": json(payload)? });
//!                 let (join_ref, reference) = (join_ref.to_text(), reference.to_text());
//!                 json!([join_ref, reference, topic.as_str(), "phx_reply", reply])
//!             }
//!         };
//!         Ok(Frame::binary(array.to_string()))
//!     }
//! }
//!
//! let options = SocketOptions::default().serializer("~> 3.0.0", Packed);
//! # let _ = options;
//! ```
//!
//! **Long-polling** has no binary frames. A client publishes a binary message as a line of base64
//! (a line that begins with `[` or `{` is a text message). It gets the binary frames of an app's
//! serializer as base64, too.

mod error;
mod frame;
mod json;
mod requirement;
mod text;
mod v1;
mod v2;
mod version;

use bytes::Bytes;

pub use error::{FrameError, MalformedFrame};
pub use frame::Frame;
pub use text::Text;

pub(crate) use frame::Opcode;
pub(crate) use v1::V1;
pub(crate) use v2::{V2, check_broadcast};
pub(crate) use version::{Added, Version};

pub use crate::message::{Message, Outgoing, Ref, TopicRef};

/// One message as it arrived, at most [`max_message_bytes`](crate::Limits::max_message_bytes) long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Text. Derefs to `str`.
    Text(Text),
    /// Bytes.
    Binary(Bytes),
}

impl Data {
    pub(crate) fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// Turns frames into messages and back. See the [module](self).
///
/// Both methods run within a connection's work, and [`encode`](Self::encode) of a broadcast within
/// the sender's, so they must not block. A panic in them is caught. A panic in `decode` closes the
/// connection that sent the frame. A panic in `encode` is [`FrameError::Panicked`] for the caller
/// that pushes or replies; a broadcast is dropped for the clients of this serializer, and logged.
pub trait Serializer: Send + Sync + 'static {
    /// Decodes a client's frame: a message with its refs. The client chose the refs, and gets them
    /// back with the reply.
    ///
    /// # Errors
    /// A [`MalformedFrame`] is logged, and the connection is closed with code 1011.
    fn decode(&self, data: Data) -> Result<Message, MalformedFrame>;

    /// Encodes a message for a client, in one frame.
    ///
    /// # Errors
    /// A [`FrameError`] if this serializer has no form for the message; nothing is sent then. The
    /// caller that pushes or replies gets the error. A broadcast is dropped for the clients of this
    /// serializer, and logged. The protocol's own messages (replies to heartbeats, `phx_close` and
    /// such, all in JSON) must have a form: otherwise the connection is closed with the code 1011.
    fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError>;
}
