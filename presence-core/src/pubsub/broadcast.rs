//! A message on a topic.

use std::sync::Arc;

use super::Payload;

/// A message on a topic: `Phoenix.Socket.Broadcast`. Cheap to clone, whatever its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// The topic of the message.
    pub topic: Arc<str>,
    /// The name of the event.
    pub event: Arc<str>,
    /// The data, encoded once for all subscribers.
    pub payload: Payload,
}

impl Broadcast {
    /// Makes a message of its three parts.
    pub fn new(topic: impl Into<Arc<str>>, event: impl Into<Arc<str>>, payload: Payload) -> Self {
        Self {
            topic: topic.into(),
            event: event.into(),
            payload,
        }
    }
}
