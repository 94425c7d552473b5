//! Conversations on a topic: `Phoenix.Channel`.

mod callback_future;
mod error;
mod join;
mod letter;
mod notifier;
mod presence_watch;
mod reply;
mod server;
mod socket;
mod terminate;
#[cfg(test)]
mod tests;

use presence_core::pubsub::Payload;

pub use callback_future::{HandleFuture, InfoFuture, JoinFuture};
pub use error::{ChannelError, PushError};
pub use join::{Accepted, JoinError, JoinResult};
pub use notifier::{FromBroadcast, Notifier, NotifyError, Timer};
pub use presence_watch::PresenceWatch;
pub use reply::{
    HandleResult, InfoResult, Reply, ReplyRef, no_reply, reply, reply_error, reply_ok, stop,
    stop_with_error, stop_with_reply, unhandled,
};
pub use socket::Socket;
pub use terminate::TerminateReason;

pub(crate) use join::Join;
pub(crate) use server::{AnyChannel, Started, Visited, Work, start, visit};

use crate::{DisconnectGrace, Topic, UserSocket, telemetry::Level};

/// One client in one topic. `cargo phx gen channel Room` writes one.
///
/// The value is the channel's own state, made by [`join`](Self::join) and gone when the client
/// leaves. Its callbacks run one at a time, in the order in which messages came; different channels
/// of one client run side by side. A callback that has begun runs to its end, even if the client
/// has gone meanwhile, up to [`Config::handler_timeout`](crate::Config::handler_timeout); then
/// comes [`terminate`](Self::terminate).
///
/// A panic in a callback ends this channel (the client gets `phx_error` and joins again) and
/// nothing else.
///
/// `Socket` is the kind of client that may join; a channel for several kinds is generic over it.
/// `Info` is the type of the messages that [`Socket::notify`] and similar methods send to the
/// channel. A channel without such messages has `()`.
///
/// # Compile errors
/// A callback is an `async fn`, and its future must be `Send`: it may run on another thread after
/// each `.await`. Where the compiler says "future returned by `handle_in` is not `Send`", it marks
/// the value that is held and the `.await`. Drop that value before, or hold one that is `Send`: a
/// guard of `tokio::sync::Mutex`, an `Arc` in place of an `Rc`.
///
/// Where it says that `socket` escapes the method body, the socket was moved into a task: see
/// [`Socket`]. Where it expects `Result<Reply, ChannelError>` and finds `()`, an arm of
/// [`handle_in`](Self::handle_in) ends without a reply: see [`HandleResult`].
///
/// # Examples
/// ```
/// # use presence_channels::*;
/// # struct UserSocket;
/// # impl presence_channels::UserSocket for UserSocket {
/// #     type State = ();
/// #     async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
/// #         Ok(UserSocket)
/// #     }
/// #     fn channels(routes: &mut Routes<Self>) {
/// #         routes.channel::<RoomChannel>("room:*");
/// #     }
/// # }
/// struct RoomChannel;
///
/// impl Channel for RoomChannel {
///     type Socket = UserSocket;
///     type Info = ();
///
///     async fn join(topic: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
///         if topic.subtopic() == "private" {
///             return Err(JoinError::new("unauthorized"));
///         }
///         Ok(RoomChannel.into())
///     }
///
///     async fn handle_in(
///         &mut self,
///         event: &str,
///         payload: Payload,
///         socket: &mut Socket<Self>,
///     ) -> HandleResult {
///         match event {
///             "ping" => reply_ok(payload),
///             "shout" => {
///                 socket.broadcast("shout", payload)?;
///                 no_reply()
///             }
///             _ => unhandled(event),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a channel",
    note = "implement `presence_channels::Channel` for `{Self}`; `cargo phx gen channel` writes one"
)]
pub trait Channel: Sized + Send + 'static {
    /// The kind of client that may join.
    type Socket: UserSocket;
    /// The messages that the channel's own side sends it. See [`handle_info`](Self::handle_info).
    type Info: Send + 'static;

    /// Broadcast events that go through [`handle_out`](Self::handle_out) instead of straight to the
    /// client. Each costs a call and an encoding a member of the topic: name only those that need
    /// it.
    const INTERCEPTS: &'static [&'static str] = &[];

    /// The time for which this channel's presences stay when the client's connection is lost.
    /// `None` leaves it to the [options of the
    /// presence](presence_core::tracker::TrackerOptions::disconnect_grace), which give no time by
    /// default.
    ///
    /// A connection is lost if it ends without a close frame, falls silent or reads too slowly, if
    /// a long-polling client stops polling, and if a handler of this channel crashes. A second join
    /// of the topic counts as lost, too, so that it takes the place of the first. A presence ends
    /// at once if the client leaves, is kicked or disconnected, or lets its token expire. If the
    /// client closes its connection, [`DisconnectGrace::on_close`] decides.
    ///
    /// A long-polling session ends one second after its client gave up a poll, if presences of it
    /// have a grace. Otherwise the presences would still belong to the old session when the client
    /// opens its next one.
    ///
    /// ```
    /// # use presence_channels::*;
    /// # struct Client;
    /// # impl UserSocket for Client {
    /// #     type State = ();
    /// #     async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
    /// #         Ok(Client)
    /// #     }
    /// #     fn channels(_: &mut Routes<Self>) {}
    /// # }
    /// use std::time::Duration;
    ///
    /// struct CallChannel;
    ///
    /// impl Channel for CallChannel {
    ///     type Socket = Client;
    ///     type Info = ();
    ///
    ///     const DISCONNECT_GRACE: Option<DisconnectGrace> =
    ///         Some(DisconnectGrace::of(Duration::from_secs(15)));
    ///
    ///     async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
    ///         Ok(CallChannel.into())
    ///     }
    /// }
    /// ```
    const DISCONNECT_GRACE: Option<DisconnectGrace> = None;

    /// Events whose messages replace each other, such as the positions of cursors. A client that
    /// reads too slowly misses the oldest broadcasts of them, and only those. So they may share a
    /// topic with presences, which no client misses.
    ///
    /// A broadcast waits for a slow client, in full, within
    /// [`Limits::max_outgoing_bytes`](crate::Limits::max_outgoing_bytes). Beyond that limit the
    /// oldest messages of these events are dropped first. If the channel
    /// [intercepts](Self::INTERCEPTS) the event, the messages are those that
    /// [`handle_out`](Self::handle_out) pushes for it, presences apart.
    ///
    /// ```
    /// # use presence_channels::*;
    /// # struct Client;
    /// # impl UserSocket for Client {
    /// #     type State = ();
    /// #     async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
    /// #         Ok(Client)
    /// #     }
    /// #     fn channels(_: &mut Routes<Self>) {}
    /// # }
    /// struct Board;
    ///
    /// impl Channel for Board {
    ///     type Socket = Client;
    ///     type Info = ();
    ///
    ///     const DROPPABLE: &'static [&'static str] = &["cursor"];
    ///
    ///     async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
    ///         Ok(Board.into())
    ///     }
    /// }
    /// ```
    const DROPPABLE: &'static [&'static str] = &[];

    /// The level at which joins are logged, with their payloads. `None` logs no joins. Phoenix
    /// calls it `log_join`. See [`telemetry`](crate::telemetry).
    const LOG_JOIN: Option<Level> = Some(Level::INFO);

    /// The level at which the client's messages are logged, with their payloads. `None` logs no
    /// messages. Phoenix calls it `log_handle_in`.
    const LOG_HANDLE_IN: Option<Level> = Some(Level::DEBUG);

    /// Accepts the client's join of `topic` or refuses it. `payload` comes with the join.
    ///
    /// The channel cannot push or broadcast yet, because the client knows of no channel before the
    /// reply: both return an error then, which names the way out. [`Socket::notify`] leaves a
    /// message, and [`handle_info`](Self::handle_info) gets it right after the reply.
    ///
    /// # Errors
    /// A [`JoinError`] refuses the join, and is sent to the client. `?` converts every error to it;
    /// [`UserSocket::error_reply`] chooses what the client gets of an app's error.
    fn join(
        topic: &Topic,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> impl JoinFuture<Self> + Send;

    /// Handles a message from the client. By default no event is known: see [`unhandled`].
    ///
    /// # Errors
    /// A [`ChannelError`] is answered with an error reply; the channel goes on. `?` converts every
    /// error to it; [`UserSocket::error_reply`] chooses what the client gets of an app's error.
    fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> impl HandleFuture + Send {
        let _ = (payload, socket);
        std::future::ready(unhandled(event))
    }

    /// Handles a message that is not from the client. It comes from [`Socket::notify`], after a
    /// time from [`Socket::notify_after`], from another task by a [`Notifier`], or from a topic
    /// that the channel subscribed to with [`Socket::subscribe`].
    ///
    /// # Errors
    /// A [`ChannelError`] is logged; the channel goes on.
    fn handle_info(
        &mut self,
        info: Self::Info,
        socket: &mut Socket<Self>,
    ) -> impl InfoFuture + Send {
        let _ = (info, socket);
        std::future::ready(Ok(()))
    }

    /// Handles a broadcast that [`INTERCEPTS`](Self::INTERCEPTS) names, on its way to this client.
    /// By default the broadcast is pushed as it is.
    ///
    /// # Errors
    /// A [`ChannelError`] is logged; the channel goes on.
    fn handle_out(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> impl InfoFuture + Send {
        std::future::ready(socket.push(event, payload).map_err(ChannelError::from))
    }

    /// The channel's last callback, whatever ended it. Its presences are still tracked and its
    /// subscriptions still there; both go right after, but for presences with a
    /// [grace](Self::DISCONNECT_GRACE).
    fn terminate(
        &mut self,
        reason: &TerminateReason,
        socket: &mut Socket<Self>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, socket);
        std::future::ready(())
    }
}
