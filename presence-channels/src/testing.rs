//! Tests channels without a network: `Phoenix.ChannelTest`.
//!
//! A [`TestSocket`] goes through everything a real client does but the bytes of the WebSocket: the
//! socket's `connect`, the routes, the channel, the encoding of each frame. Times are tokio's, so
//! under `#[tokio::test(start_paused = true)]` nothing waits for real.
//!
//! ```
//! # use presence_channels::*;
//! # struct UserSocket;
//! # impl presence_channels::UserSocket for UserSocket {
//! #     type State = ();
//! #     async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
//! #         Ok(UserSocket)
//! #     }
//! #     fn channels(routes: &mut Routes<Self>) {
//! #         routes.channel::<RoomChannel>("room:*");
//! #     }
//! # }
//! # struct RoomChannel;
//! # impl Channel for RoomChannel {
//! #     type Socket = UserSocket;
//! #     type Info = ();
//! #     async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
//! #         Ok(RoomChannel.into())
//! #     }
//! #     async fn handle_in(
//! #         &mut self, _: &str, payload: Payload, _: &mut Socket<Self>,
//! #     ) -> HandleResult {
//! #         reply_ok(payload)
//! #     }
//! # }
//! use presence_channels::{Config, Endpoint, PubSub, testing};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let endpoint = Endpoint::builder(PubSub::local())
//!     .socket::<UserSocket>("/socket", ())
//!     .start(Config::default())
//!     .await
//!     .unwrap();
//! let socket = testing::connect::<UserSocket>(&endpoint, json!({})).await.unwrap();
//! let (_, mut channel) = socket.join("room:lobby", json!({})).await.unwrap();
//!
//! let ping = channel.push("ping", json!({ "hello": "there" })).await;
//! channel.assert_reply(ping, "ok", json!({ "hello": "there" })).await;
//! # }
//! ```
//!
//! # Its verbs
//!
//! | `Phoenix.ChannelTest` | here |
//! | --- | --- |
//! | `connect` | [`connect`], and [`connect_with`] for headers and extensions |
//! | `socket` | [`socket()`]: connects a value of yours without a call of `connect` |
//! | `join`, `subscribe_and_join` | [`TestSocket::join`], which subscribes the test, too |
//! | `push` | [`TestChannel::push`], and [`TestSocket::push`] on a topic that is not joined |
//! | `leave`, `close` | [`TestChannel::leave`], [`TestSocket::close`] |
//! | `broadcast_from` | [`TestChannel::broadcast_from`] |
//! | `assert_reply`, `refute_reply` | [`TestChannel::assert_reply`], [`TestChannel::refute_reply`], [`TestChannel::refute_reply_with`] |
//! | `assert_push`, `refute_push` | [`TestChannel::assert_push`], [`TestChannel::refute_push`], [`TestChannel::refute_push_with`] |
//! | `assert_broadcast`, `refute_broadcast` | [`TestChannel::assert_broadcast`], [`TestChannel::refute_broadcast`], [`TestChannel::refute_broadcast_with`] |
//! | messages of the end | [`TestChannel::assert_closed`], [`TestChannel::assert_crashed`], [`TestSocket::closed`] |
//! | `send(channel_pid, ...)` | [`TestChannel::send_info`] |
//! | `:sys.get_state(channel_pid)` | [`TestChannel::inspect`], and [`TestSocket::user`] |
//! | `fetchers_pids` | [`Tracker::settled`](crate::Tracker::settled) |
//!
//! A pattern is JSON that the payload must include. An assertion takes the message that it has
//! seen, so that the next assertion sees the messages after it.
//!
//! # Time
//!
//! An assertion waits a second for what must come, a refutation watches for 100 ms, unless
//! [`Assertion::within`] says otherwise. A join, a leave, and all else that waits for the server
//! are assertions, too. On a paused clock their time is over as soon as nothing else is left to do,
//! and so are timers of the app: a test may sleep for a day. It needs tokio's feature `test-util`:
//!
//! ```
//! # use std::time::Duration;
//! #[tokio::test(start_paused = true)]
//! async fn an_hour_passes() {
//!     tokio::time::sleep(Duration::from_secs(3600)).await;
//! }
//! ```
//!
//! The wall clock (`SystemTime`) is not paused. An app that waits for something outside of tokio's
//! time, such as a database, needs a running clock, and a longer [`Assertion::within`] if that may
//! take more than a second.
//!
//! # Two nodes
//!
//! Several endpoints live in one process. Over a [`MemoryCluster`] they are nodes of a cluster, and
//! messages between them arrive at once:
//!
//! ```
//! use presence_channels::{Config, Endpoint, PubSub, testing::MemoryCluster};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = MemoryCluster::default();
//! let a = Endpoint::builder(PubSub::with_adapter(cluster.join("a")));
//! let b = Endpoint::builder(PubSub::with_adapter(cluster.join("b")));
//! let (a, b) = (a.start(Config::default()).await?, b.start(Config::default()).await?);
//!
//! let mut there = b.pubsub().receiver("room:lobby", 16);
//! a.broadcast("room:lobby", "news", json!({}))?;
//! assert_eq!(&*there.recv().await.expect("a message").event, "news");
//! # Ok(())
//! # }
//! ```
//!
//! Clients are connected to each as above; [`Endpoint::disconnect`] finds them on both. A client
//! that polls sends requests to [`Endpoint::router`] of either node, by
//! `tower::ServiceExt::oneshot`.

mod assertion;
mod channel;
mod client;
mod expect;
mod expected_payload;
mod inbox;
mod look;
mod params;
#[cfg(test)]
mod tests;

use std::{fmt, panic::Location, sync::Arc, time::Duration};

use http::Request;
use presence_core::pubsub::IntoPayload;
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

pub use assertion::Assertion;
pub use channel::{PushRef, TestChannel};
pub use inbox::Received;
pub use presence_core::adapters::MemoryCluster;

use crate::{
    ConnectError, Endpoint, UserSocket,
    outgoing::Sink,
    serializer::Version,
    socket::{AnyConnection, Mount, Mounted, Refusal, handshake},
    telemetry::Transport,
};
use client::Client;
use inbox::PATIENCE;

/// Connects a client with `params` to the socket `S` of `endpoint`.
///
/// `params` is anything that serializes to a JSON object. It reaches `connect` in the form in which
/// phoenix.js writes it into the URL:
///
/// | `params` | in the URL |
/// | --- | --- |
/// | `{"user": {"id": 7}}` | `user[id]=7` |
/// | `{"tags": ["a", "b"]}` | `tags[0]=a&tags[1]=b` |
/// | `{"user": null, "tags": []}` | nothing |
///
/// A list of pairs can hold a name several times: `[("tags[]", "a"), ("tags[]", "b")]`.
///
/// # Errors
/// The socket's refusal.
///
/// # Panics
/// If `S` is not mounted in `endpoint`, if `params` is neither an object nor a list of pairs, or if
/// it is nested deeper than 32 levels, which the server refuses.
///
/// # Examples
/// ```
/// # use presence_channels::{Endpoint, UserSocket, testing};
/// # use serde_json::json;
/// # async fn test<S: UserSocket>(endpoint: &Endpoint) {
/// let params = json!({ "user": { "id": 7, "name": "Ann" } });
/// let socket = testing::connect::<S>(endpoint, params).await.unwrap();
/// # }
/// ```
pub async fn connect<S: UserSocket>(
    endpoint: &Endpoint,
    params: impl Serialize,
) -> Result<TestSocket, ConnectError> {
    connect_with::<S>(endpoint, params, Request::new(())).await
}

/// As [`connect`], with a request whose headers and extensions `connect` sees. Where the mount asks
/// for an [auth token](crate::SocketOptions::auth_token), it comes in the header
/// `X-Phoenix-AuthToken`, as by long-polling.
///
/// # Errors
/// The socket's refusal.
///
/// # Panics
/// As [`connect`].
///
/// # Examples
/// ```
/// # use presence_channels::{Endpoint, UserSocket, testing};
/// # use serde_json::json;
/// # async fn test<S: UserSocket>(endpoint: &Endpoint) {
/// let request = http::Request::builder().header("cookie", "session=expired").body(()).unwrap();
/// let refused = testing::connect_with::<S>(endpoint, json!({}), request).await.unwrap_err();
/// assert_eq!(refused.http_status(), 403);
/// # }
/// ```
pub async fn connect_with<S: UserSocket>(
    endpoint: &Endpoint,
    params: impl Serialize,
    request: Request<()>,
) -> Result<TestSocket, ConnectError> {
    let mount = mount_of::<S>(endpoint);
    let params = params::read(params);
    let (parts, ()) = request.into_parts();
    let candidate = handshake::admit(&*mount, endpoint.node(), params, parts, Transport::Longpoll);
    let connected = async {
        let mut candidate = candidate?;
        candidate.version = Version::V2;
        mount.connect_queue(endpoint.clone(), &mut candidate).await
    };
    let connection = connected.await.map_err(Refusal::into_connect_error)?;
    Ok(TestSocket::of(endpoint, connection))
}

/// Returns a client that is connected as `user`, without a call of `connect`: `socket/3` of
/// `Phoenix.ChannelTest`.
///
/// # Panics
/// If `S` is not mounted in `endpoint`.
pub fn socket<S: UserSocket>(endpoint: &Endpoint, user: S) -> TestSocket {
    let mount = mount_of::<S>(endpoint);
    let connection = mount.open_for(
        user,
        None,
        endpoint.clone(),
        Sink::Queue,
        Version::V2,
        Duration::MAX,
    );
    TestSocket::of(endpoint, Box::new(connection))
}

fn mount_of<S: UserSocket>(endpoint: &Endpoint) -> Arc<Mount<S>> {
    endpoint.mount_of::<S>().unwrap_or_else(|| {
        panic!("the endpoint has no socket {}", std::any::type_name::<S>());
    })
}

/// A connected client of a test. It disconnects when it and its channels are dropped.
///
/// # Examples
/// ```
/// # use presence_channels::{Endpoint, testing::TestSocket};
/// # async fn test(endpoint: &Endpoint, phone: TestSocket, tab: TestSocket) {
/// phone.close();
/// tab.refute_push("room:1", "presence_diff").await;
/// // 1001: the server sends the user's other clients away.
/// endpoint.disconnect("user:ann").unwrap();
/// assert_eq!(tab.closed().await, 1001);
/// # }
/// ```
#[derive(Clone)]
pub struct TestSocket {
    client: Arc<Client>,
}

/// A refused join.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinRefused {
    /// The payload of the refusal.
    pub response: Value,
}

impl TestSocket {
    fn of(endpoint: &Endpoint, connection: Box<dyn AnyConnection>) -> Self {
        let outbox = connection.outbox().clone();
        let client = Client::new(endpoint, outbox, connection);
        Self {
            client: Arc::new(client),
        }
    }

    /// Joins `topic` with `payload`. Returns the reply and the channel.
    ///
    /// # Errors
    /// The refusal.
    ///
    /// # Panics
    /// If the join is not answered within a second, or `payload` has no JSON form.
    ///
    /// # Examples
    /// A `join` that asks a database:
    ///
    /// ```
    /// # use presence_channels::testing::TestSocket;
    /// # use serde_json::json;
    /// # use std::time::Duration;
    /// # async fn test(socket: TestSocket) {
    /// let joined = socket.join("room:1", json!({})).within(Duration::from_secs(10)).await;
    /// let (_, channel) = joined.unwrap();
    /// # drop(channel);
    /// # }
    /// ```
    #[track_caller]
    pub fn join<'a>(
        &'a self,
        topic: &'a str,
        payload: impl IntoPayload,
    ) -> Assertion<'a, Result<(Value, TestChannel), JoinRefused>> {
        let at = Location::caller();
        let payload = payload.into_payload();
        let payload = payload.unwrap_or_else(|error| panic!("{error}"));
        Assertion::new(PATIENCE, move |time| async move {
            // Before the join, so that what the channel broadcasts at once is seen.
            let broadcasts = self.client.endpoint.pubsub().receiver(topic, 1024);
            let join_ref = self.client.next_ref();
            self.client
                .send(&join_ref, &join_ref, topic, "phx_join", payload)
                .await;
            let reply = self.client.inbox.reply(&join_ref, topic);
            let Ok(reply) = timeout(time, reply).await else {
                panic!("{at}: no reply to the join of {topic:?} within {time:?}; {self:?}");
            };
            match reply.status() {
                "ok" => {
                    let channel = TestChannel::new(self.clone(), topic, join_ref, broadcasts);
                    Ok((reply.response(), channel))
                }
                _ => Err(JoinRefused {
                    response: reply.response(),
                }),
            }
        })
    }

    /// Returns the endpoint that the client is connected to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.client.endpoint
    }

    /// Disconnects, as a client that goes away. Its channels end.
    pub fn close(&self) {
        self.client.disconnect();
    }

    /// Waits until the server has closed the connection. Returns the close code.
    ///
    /// # Panics
    /// If it is still open after a second.
    ///
    /// # Examples
    /// An endpoint that stops, and waits for its channels:
    ///
    /// ```
    /// # use presence_channels::{Endpoint, testing::TestSocket};
    /// # use std::time::Duration;
    /// # async fn test(endpoint: Endpoint, socket: TestSocket) {
    /// tokio::spawn(async move { endpoint.stop().await });
    /// assert_eq!(socket.closed().within(Duration::from_secs(10)).await, 1012);
    /// # }
    /// ```
    #[track_caller]
    pub fn closed(&self) -> Assertion<'_, u16> {
        let at = Location::caller();
        Assertion::new(PATIENCE, move |time| async move {
            let closed = timeout(time, self.client.inbox.closed()).await;
            closed.unwrap_or_else(|_| panic!("{at}: still connected after {time:?}"))
        })
    }
}

impl fmt::Debug for TestSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSocket")
            .field("received", &self.client.inbox)
            .finish_non_exhaustive()
    }
}
