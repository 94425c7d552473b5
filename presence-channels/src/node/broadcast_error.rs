use presence_core::pubsub::{EncodeError, PubSubError};

use crate::serializer::FrameError;

/// A broadcast was not sent everywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The payload has no encoding; nothing was sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The payload is JSON and not an object, or it is binary and the topic or the event is longer
    /// than 255 bytes, which a binary message counts in one byte each, or the event is reserved;
    /// nothing was sent.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// This node's subscribers have it, others may not: see [`PubSubError`].
    #[error(transparent)]
    PubSub(#[from] PubSubError),
    /// Nodes send each other messages on the topic, such as a [kick](crate::Endpoint::kick), so an
    /// app broadcasts nothing on it; nothing was sent.
    #[error("the topic {0:?} is reserved for messages between nodes; broadcast on another topic")]
    ReservedTopic(String),
    /// The join has not been answered yet; nothing was sent. Leave a message with
    /// [`Socket::notify`](crate::Socket::notify) in `join`, and broadcast in `handle_info`.
    #[error(
        "`broadcast` was called in `join`, where the client is no member of the topic yet; call \
         `socket.notify(..)` in `join`, and broadcast in `handle_info`"
    )]
    NotJoined,
}
