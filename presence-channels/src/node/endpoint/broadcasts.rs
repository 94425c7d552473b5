//! Broadcasts that leave one channel out, and the end of a user's channels on all nodes.

use presence_core::pubsub::{IntoPayload, SubscriberId};

use super::{Endpoint, checked};
use crate::{BroadcastError, node::kicks, telemetry};

impl Endpoint {
    /// As [`broadcast`](Self::broadcast), but not to the channel whose
    /// [`subscriber_id`](crate::Socket::subscriber_id) is `from`. For a job or a request that acts
    /// for a channel of this node: on other nodes all members of the topic get the event. A job
    /// that broadcasts without a pause calls
    /// [`broadcast_from_and_wait`](Self::broadcast_from_and_wait).
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # async fn convert(video: u64) {}
    /// # fn handler<C: Channel>(video: u64, socket: &Socket<C>) -> Option<()> {
    /// let (endpoint, topic) = (socket.endpoint().clone(), socket.topic().clone());
    /// let from = socket.subscriber_id()?;
    /// tokio::spawn(async move {
    ///     convert(video).await;
    ///     endpoint.broadcast_from(from, &topic, "converted", json!({ "video": video }))
    /// });
    /// # Some(())
    /// # }
    /// ```
    pub fn broadcast_from(
        &self,
        from: SubscriberId,
        topic: &str,
        event: &str,
        payload: impl IntoPayload,
    ) -> Result<(), BroadcastError> {
        let message = checked(topic, event, payload)?;
        let _span = telemetry::broadcast_span(&message);
        Ok(self.pubsub().broadcast_from(from, message)?)
    }

    /// As [`broadcast_from`](Self::broadcast_from), and then waits as
    /// [`broadcast_and_wait`](Self::broadcast_and_wait) does.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast), at once.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # fn handler<C: Channel>(frames: Vec<u32>, socket: &Socket<C>) -> Option<()> {
    /// let (endpoint, topic) = (socket.endpoint().clone(), socket.topic().clone());
    /// let from = socket.subscriber_id()?;
    /// tokio::spawn(async move {
    ///     for frame in frames {
    ///         let frame = json!({ "frame": frame });
    ///         endpoint.broadcast_from_and_wait(from, &topic, "frame", frame).await?;
    ///     }
    ///     Ok::<_, BroadcastError>(())
    /// });
    /// # Some(())
    /// # }
    /// ```
    pub fn broadcast_from_and_wait<P: IntoPayload>(
        &self,
        from: SubscriberId,
        topic: &str,
        event: &str,
        payload: P,
    ) -> impl Future<Output = Result<(), BroadcastError>> + Send + use<'_, P> {
        let sent = self.broadcast_from(from, topic, event, payload);
        self.node().flushers().after(sent)
    }

    /// As [`broadcast_from`](Self::broadcast_from), but only to this node's clients.
    ///
    /// # Errors
    /// As [`local_broadcast`](Self::local_broadcast).
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # fn handler<C: Channel>(socket: &Socket<C>) -> Result<(), BroadcastError> {
    /// if let Some(from) = socket.subscriber_id() {
    ///     socket.endpoint().local_broadcast_from(from, "room:1", "typing", Payload::empty())?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_broadcast_from(
        &self,
        from: SubscriberId,
        topic: &str,
        event: &str,
        payload: impl IntoPayload,
    ) -> Result<(), BroadcastError> {
        let message = checked(topic, event, payload)?;
        let _span = telemetry::broadcast_span(&message);
        self.pubsub().local_broadcast_from(from, message);
        Ok(())
    }

    /// Ends the channels of `topic`, on all nodes, of the user whose
    /// [`id`](crate::UserSocket::id) is `id`. The client gets `phx_close`, after which phoenix.js
    /// does not join again by itself. Other channels of the user go on. A client that asks again
    /// may join again, unless `join` refuses. A join that is under way is answered, and its channel
    /// ended at once.
    ///
    /// A presence whose connection was lost before the kick has no channel. It stays to the end of
    /// its [grace](crate::DisconnectGrace).
    ///
    /// The channel's [`terminate`](crate::Channel::terminate) gets
    /// [`TerminateReason::Kicked`](crate::TerminateReason::Kicked). Nodes send kicks on a
    /// PubSub topic that is reserved for them, so no broadcast of an endpoint ends a channel.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{BroadcastError, Endpoint};
    /// fn ban(endpoint: &Endpoint, room: u64, user: u64) -> Result<(), BroadcastError> {
    ///     // First in the database, so that `join` refuses the user from now on.
    ///     endpoint.kick(&format!("room:{room}"), &format!("user_socket:{user}"))
    /// }
    /// ```
    pub fn kick(&self, topic: &str, id: &str) -> Result<(), BroadcastError> {
        Ok(self.pubsub().broadcast(kicks::message(topic, id))?)
    }
}
