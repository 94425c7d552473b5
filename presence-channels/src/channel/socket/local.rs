//! Broadcasts to this node alone, and the id that leaves a channel out of them.

use presence_core::pubsub::{IntoPayload, SubscriberId};

use super::Socket;
use crate::{BroadcastError, Channel, telemetry};

impl<C: Channel> Socket<C> {
    /// Returns the id by which [`Endpoint::broadcast_from`](crate::Endpoint::broadcast_from)
    /// leaves this channel out, for a task that acts for it. Returns `None` in `join`.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # async fn thumbnail(image: Payload) -> Payload { image }
    /// # fn handle_in<C: Channel>(image: Payload, socket: &mut Socket<C>) -> HandleResult {
    /// let (endpoint, topic) = (socket.endpoint().clone(), socket.topic().clone());
    /// if let Some(id) = socket.subscriber_id() {
    ///     tokio::spawn(async move {
    ///         let small = thumbnail(image).await;
    ///         if let Err(error) = endpoint.broadcast_from(id, &topic, "image", small) {
    ///             tracing::warn!(%error, "the image was not sent");
    ///         }
    ///     });
    /// }
    /// no_reply()
    /// # }
    /// ```
    #[must_use]
    pub fn subscriber_id(&self) -> Option<SubscriberId> {
        Some(self.subscription.as_ref()?.id())
    }

    /// As [`broadcast`](Self::broadcast), but only to this node's clients, this client included.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast), but for other nodes.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # fn handler<C: Channel>(socket: &Socket<C>) -> HandleResult {
    /// socket.local_broadcast("node_stops_soon", Payload::empty())?;
    /// no_reply()
    /// # }
    /// ```
    pub fn local_broadcast(
        &self,
        event: &str,
        payload: impl IntoPayload,
    ) -> Result<(), BroadcastError> {
        self.joined()?;
        let broadcast = self.make_broadcast(event, payload)?;
        let _span = telemetry::broadcast_span(&broadcast);
        self.endpoint().pubsub().local_broadcast(broadcast);
        Ok(())
    }

    /// As [`local_broadcast`](Self::local_broadcast), but not to this client.
    ///
    /// # Errors
    /// As [`local_broadcast`](Self::local_broadcast).
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # fn handler<C: Channel>(payload: Payload, socket: &Socket<C>) -> HandleResult {
    /// socket.local_broadcast_from("cursor", payload)?;
    /// no_reply()
    /// # }
    /// ```
    pub fn local_broadcast_from(
        &self,
        event: &str,
        payload: impl IntoPayload,
    ) -> Result<(), BroadcastError> {
        let from = self.joined()?.id();
        let broadcast = self.make_broadcast(event, payload)?;
        let _span = telemetry::broadcast_span(&broadcast);
        let pubsub = self.endpoint().pubsub();
        pubsub.local_broadcast_from(from, broadcast);
        Ok(())
    }
}
