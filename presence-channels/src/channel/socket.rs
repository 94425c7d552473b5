mod info;
mod local;
mod state;
mod watch;

use std::{fmt, sync::Arc};

use presence_core::{
    Presence, Tracker,
    pubsub::{Broadcast, Interest, IntoPayload, Payload, Subscription},
    tracker::{Counting, Owner, Tracked},
};
use tokio::task::AbortHandle;

use super::{Channel, PushError, ReplyRef, TerminateReason, server::ChannelServer};
use crate::{
    BroadcastError, Endpoint, HasPresence, Topic, UserSocket,
    message::{Outgoing, Ref},
    serializer::check_broadcast,
    telemetry,
};

/// A channel's handle: its client, its topic, and the state that it shares with other channels.
///
/// It is borrowed for a callback, and cannot move into a task: the compiler then says that `socket`
/// escapes the method body. A task gets what it needs from the socket before it starts: a
/// [`notifier`](Self::notifier) to send the channel a message, a [`reply_ref`](Self::reply_ref) to
/// answer, or a clone of the [`endpoint`](Self::endpoint) and of the [`topic`](Self::topic) to
/// broadcast.
///
/// # Examples
/// ```
/// # use presence_channels::*;
/// # use serde_json::json;
/// # async fn render() -> String { String::new() }
/// # fn handle_in<C: Channel>(socket: &mut Socket<C>) -> HandleResult {
/// let (endpoint, topic) = (socket.endpoint().clone(), socket.topic().clone());
/// tokio::spawn(async move {
///     let page = render().await;
///     if let Err(error) = endpoint.broadcast(&topic, "page", json!({ "html": page })) {
///         tracing::warn!(%error, "the page was not sent");
///     }
/// });
/// no_reply()
/// # }
/// ```
pub struct Socket<C: Channel> {
    server: Arc<ChannelServer<C>>,
    /// The channel's own topic, `None` until it has joined.
    pub(super) subscription: Option<Subscription>,
    /// The other topics that the channel subscribes to.
    subscriptions: Vec<Subscription>,
    /// The messages of its own topic that the channel wants.
    interest: Interest,
    /// Has the count of the topic's presence sent, if the member counts.
    counting: Option<Counting>,
    /// The messages that the channel gets later. They are cancelled with the channel.
    timers: Vec<AbortHandle>,
    /// The ref of the message that is being handled.
    pub(super) reference: Option<Ref>,
    /// Set by [`stop`](Self::stop), seen after the callback.
    pub(super) stopping: Option<TerminateReason>,
    /// Set while a broadcast is handled that a slow client may miss.
    pub(super) may_drop_pushes: bool,
    /// The owner of the channel's presences, which are untracked when the channel ends. Lists have
    /// the metas of a key in the order of their owners, so it is created with the channel.
    owner: Owner,
}

impl<C: Channel> Socket<C> {
    pub(super) fn new(server: Arc<ChannelServer<C>>) -> Self {
        Self {
            server,
            subscription: None,
            subscriptions: Vec::new(),
            interest: Interest::All,
            counting: None,
            timers: Vec::new(),
            reference: None,
            stopping: None,
            may_drop_pushes: false,
            owner: Owner::new(),
        }
    }

    /// Returns the topic that was joined.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.server.topic
    }

    /// Returns the connected client, as [`connect`](UserSocket::connect) created it.
    #[must_use]
    pub fn user(&self) -> &C::Socket {
        &self.server.shared.user
    }

    /// Returns the state that the application shares with all channels: the `type State` of its
    /// socket, with a field for each [`Tracker`]. Where the compiler finds no field `presence`, the
    /// app has no presence yet: `cargo phx gen presence` writes it and adds the field.
    #[must_use]
    pub fn state(&self) -> &<C::Socket as UserSocket>::State {
        &self.server.shared.mount.state
    }

    /// Returns the presence `P` of the application, for channels that several sockets share. The
    /// state of each such socket [has](HasPresence) that presence. In other channels
    /// `socket.state().presence` reads better.
    #[must_use]
    pub fn presence<P: Presence>(&self) -> &Tracker<P>
    where
        <C::Socket as UserSocket>::State: HasPresence<P>,
    {
        self.state().presence()
    }

    /// Returns the endpoint that serves this client.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.server.shared.endpoint
    }

    /// Sends an event to this client alone.
    ///
    /// The event is queued, not awaited. The server closes a client that reads nothing for
    /// [`slow_reader_timeout`](crate::Limits::slow_reader_timeout) while more than
    /// [`max_outgoing_bytes`](crate::Limits::max_outgoing_bytes) wait for it. So push a long
    /// history by [`push_and_wait`](Self::push_and_wait). A disconnected client gets nothing, and
    /// its channel ends soon.
    ///
    /// # Errors
    /// A [`PushError`] if the payload cannot be encoded for this client, or the channel has not
    /// joined yet.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # fn handler<C: Channel>(socket: &Socket<C>) -> HandleResult {
    /// socket.push("welcome", json!({ "room": &**socket.topic() }))?;
    /// # no_reply()
    /// # }
    /// ```
    pub fn push(&self, event: &str, payload: impl IntoPayload) -> Result<(), PushError> {
        if self.subscription.is_none() {
            return Err(PushError::NotJoined);
        }
        let payload = payload.into_payload()?;
        let push = Outgoing::Push {
            join_ref: &self.server.effective_join_ref,
            reference: &Ref::NULL,
            topic: self.topic(),
            event,
            payload: &payload,
        };
        let shared = &self.server.shared;
        let mut frame = shared.version.encode(&push)?;
        if self.may_drop_pushes && !event.starts_with("presence_") {
            frame = frame.droppable();
        }
        shared.outbox.send(frame);
        Ok(())
    }

    /// As [`push`](Self::push), and then waits until no more than a quarter of
    /// [`Limits::max_outgoing_bytes`](crate::Limits::max_outgoing_bytes) waits for this client, or
    /// the client has gone. A handler that pushes much thus goes at its client's pace:
    /// [`Config::handler_timeout`](crate::Config::handler_timeout) begins anew with each message.
    /// If the client makes no room for that long, the channel ends with `phx_error`.
    ///
    /// # Errors
    /// As [`push`](Self::push), at once.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # async fn handler<C: Channel>(history: &[String], socket: &mut Socket<C>) -> HandleResult {
    /// for message in history {
    ///     socket.push_and_wait("message", json!({ "text": message })).await?;
    /// }
    /// # no_reply()
    /// # }
    /// ```
    pub fn push_and_wait<P: IntoPayload>(
        &self,
        event: &str,
        payload: P,
    ) -> impl Future<Output = Result<(), PushError>> + Send + use<'_, C, P> {
        let pushed = self.push(event, payload);
        async move {
            pushed?;
            self.server.room().await;
            Ok(())
        }
    }

    /// Sends an event to all clients that have joined this topic, on all nodes, this client
    /// included.
    ///
    /// The event is queued for each client, not awaited: see
    /// [`broadcast_and_wait`](Self::broadcast_and_wait) for a loop with many broadcasts. While
    /// broadcasts come faster than this node writes them, or than channels of others
    /// [handle](Channel::handle_out) them, a client whose messages cause that is not read.
    ///
    /// # Errors
    /// Returns a [`BroadcastError`], whose variants say which clients get the event nevertheless.
    pub fn broadcast(&self, event: &str, payload: impl IntoPayload) -> Result<(), BroadcastError> {
        self.joined()?;
        let broadcast = self.make_broadcast(event, payload)?;
        let _span = telemetry::broadcast_span(&broadcast);
        Ok(self.endpoint().pubsub().broadcast(broadcast)?)
    }

    /// As [`broadcast`](Self::broadcast), and then waits while broadcasts come faster than this
    /// node writes them, as [`Endpoint::broadcast_and_wait`] does. Others may cause that, so
    /// [`Config::handler_timeout`](crate::Config::handler_timeout) begins anew with each message.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast), at once.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # async fn handler<C: Channel>(moves: Vec<u32>, socket: &mut Socket<C>) -> HandleResult {
    /// for step in moves {
    ///     socket.broadcast_and_wait("step", json!({ "to": step })).await?;
    /// }
    /// # no_reply()
    /// # }
    /// ```
    pub fn broadcast_and_wait<P: IntoPayload>(
        &self,
        event: &str,
        payload: P,
    ) -> impl Future<Output = Result<(), BroadcastError>> + Send + use<'_, C, P> {
        let sent = self.broadcast(event, payload);
        self.after(sent)
    }

    /// As [`broadcast`](Self::broadcast), but not to this client.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # fn handler<C: Channel>(user: &str, socket: &Socket<C>) -> HandleResult {
    /// socket.broadcast_from("typing", json!({ "user": user }))?;
    /// # no_reply()
    /// # }
    /// ```
    pub fn broadcast_from(
        &self,
        event: &str,
        payload: impl IntoPayload,
    ) -> Result<(), BroadcastError> {
        let from = self.joined()?.id();
        let broadcast = self.make_broadcast(event, payload)?;
        let _span = telemetry::broadcast_span(&broadcast);
        Ok(self.endpoint().pubsub().broadcast_from(from, broadcast)?)
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
    /// # async fn handler<C: Channel>(strokes: Vec<Payload>, socket: &Socket<C>) -> HandleResult {
    /// for stroke in strokes {
    ///     socket.broadcast_from_and_wait("stroke", stroke).await?;
    /// }
    /// # no_reply()
    /// # }
    /// ```
    pub fn broadcast_from_and_wait<P: IntoPayload>(
        &self,
        event: &str,
        payload: P,
    ) -> impl Future<Output = Result<(), BroadcastError>> + Send + use<'_, C, P> {
        let sent = self.broadcast_from(event, payload);
        self.after(sent)
    }

    async fn after(&self, sent: Result<(), BroadcastError>) -> Result<(), BroadcastError> {
        self.endpoint().node().flushers().after(sent).await?;
        self.server.progress.made();
        Ok(())
    }

    fn joined(&self) -> Result<&Subscription, BroadcastError> {
        self.subscription.as_ref().ok_or(BroadcastError::NotJoined)
    }

    fn make_broadcast(
        &self,
        event: &str,
        payload: impl IntoPayload,
    ) -> Result<Broadcast, BroadcastError> {
        let payload: Payload = payload.into_payload()?;
        let broadcast = Broadcast::new(self.topic().shared().clone(), event, payload);
        check_broadcast(&broadcast)?;
        Ok(broadcast)
    }

    /// Returns a handle that replies to the current message later, from anywhere. Returns `None`
    /// outside of [`handle_in`](Channel::handle_in).
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # async fn search(_: Payload) -> Vec<String> { Vec::new() }
    /// # fn handle_in<C: Channel>(payload: Payload, socket: &mut Socket<C>) -> HandleResult {
    /// // Other messages of the client are handled meanwhile.
    /// if let Some(reply_ref) = socket.reply_ref() {
    ///     tokio::spawn(async move {
    ///         let found = search(payload).await;
    ///         if let Err(error) = reply_ref.ok(json!({ "found": found })) {
    ///             tracing::warn!(%error, "the reply was not sent");
    ///         }
    ///     });
    /// }
    /// no_reply()
    /// # }
    /// ```
    #[must_use]
    pub fn reply_ref(&self) -> Option<ReplyRef> {
        Some(ReplyRef {
            outbox: self.server.shared.outbox.clone(),
            version: self.server.shared.version.clone(),
            topic: self.topic().clone(),
            join_ref: self.server.effective_join_ref.clone(),
            reference: self.reference.clone()?,
        })
    }

    /// Ends the channel after this callback. The client gets `phx_close`.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # fn handle_info<C: Channel>(winner: &str, socket: &mut Socket<C>) -> InfoResult {
    /// socket.push("game_over", json!({ "winner": winner }))?;
    /// socket.stop();
    /// Ok(())
    /// # }
    /// ```
    pub fn stop(&mut self) {
        self.stopping = Some(TerminateReason::Stopped);
    }

    /// Ends the channel after this callback, because of an error. The reason is logged. The client
    /// gets `phx_error`, and phoenix.js joins again.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # fn handle_info<C: Channel>(price: Option<u64>, socket: &mut Socket<C>) -> InfoResult {
    /// match price {
    ///     Some(price) => socket.push("price", json!({ "price": price }))?,
    ///     None => socket.stop_with_error("the feed of prices ended"),
    /// }
    /// Ok(())
    /// # }
    /// ```
    pub fn stop_with_error(&mut self, reason: impl Into<String>) {
        self.stopping = Some(TerminateReason::Failed(reason.into()));
    }
}

impl<C: Channel> Drop for Socket<C> {
    fn drop(&mut self) {
        for timer in &self.timers {
            timer.abort();
        }
    }
}

impl<C: Channel> Tracked for Socket<C> {
    fn owner(&self) -> &Owner {
        &self.owner
    }

    fn topic(&self) -> &str {
        self.topic()
    }
}

impl<C: Channel> fmt::Debug for Socket<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("topic", self.topic())
            .finish_non_exhaustive()
    }
}
