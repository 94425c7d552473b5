//! What travels on a topic.

use std::sync::Arc;

use super::Payload;

/// One message: `Phoenix.Socket.Broadcast`. Cheap to clone, whatever its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The topic it is broadcast on.
    pub topic: Arc<str>,
    /// What happened.
    pub event: Arc<str>,
    /// The data, encoded once for all who get it.
    pub payload: Payload,
}

impl Message {
    /// A message with its three parts.
    pub fn new(topic: impl Into<Arc<str>>, event: impl Into<Arc<str>>, payload: Payload) -> Self {
        Self {
            topic: topic.into(),
            event: event.into(),
            payload,
        }
    }
}
