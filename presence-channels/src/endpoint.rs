//! Starts and stops an app's PubSub, presences and sockets, in order.

mod admission;
mod broadcasts;
mod builder;
mod config;
mod connections;
mod drain;
mod kicks;
mod routes;
mod salts;
mod start_error;
mod watch;

use std::{any::Any, net::IpAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use presence_core::{
    Presence, Tracker,
    pubsub::{Broadcast, IntoPayload, Payload, PubSub, Subscription},
};
use tokio::runtime::Handle;

pub use builder::EndpointBuilder;
pub use config::Config;
pub use start_error::StartError;

pub(crate) use admission::{Admission, Full};
pub(crate) use connections::Registration;
pub(crate) use kicks::{Kick, RecentKicks, SinceMark, TOPIC as KICK_TOPIC};

use crate::{
    BroadcastError, Limits, UserSocket,
    serializer::check_broadcast,
    socket::{Expiry, Mount, Mounted},
    telemetry::{self, SocketMeter},
    token::{MissingSecretKeyBase, Tokens},
    transport::{Flushers, Outbox, Sink, close_code, longpoll::Longpoll},
};
use admission::Admissions;
use connections::Connections;
use salts::Salts;

/// The channels of a running application: the part of `Phoenix.Endpoint` that serves sockets.
///
/// An endpoint is cheap to clone, and usable as axum state: a POST handler or a job broadcasts,
/// counts presences, and disconnects users. Merge its [`router`](Self::router) into the app's own,
/// and serve the app with [`serve`](crate::serve), which stops the endpoint. An app that is served
/// otherwise calls [`stop`](Self::stop) itself, as soon as it is to end.
///
/// ```
/// use axum::{Router, extract::State, routing::post};
/// use presence_channels::{Config, Endpoint, PubSub};
///
/// async fn announce(State(endpoint): State<Endpoint>, text: String) {
///     let _ = endpoint.broadcast("room:lobby", "announcement", text);
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), presence_channels::StartError> {
/// let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
/// let app: Router = Router::new()
///     .route("/announce", post(announce))
///     .merge(endpoint.router())
///     .with_state(endpoint.clone());
/// # let _ = app;
/// endpoint.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<EndpointInner>,
}

struct EndpointInner {
    config: Config,
    pubsub: PubSub,
    mounts: Vec<MountPoint>,
    /// Stopped in reverse order, each once.
    supervised: Mutex<Vec<Box<dyn Supervised>>>,
    connections: Connections,
    admissions: Admissions,
    flushers: Arc<Flushers>,
    salts: Salts,
    recent_kicks: Arc<RecentKicks>,
    _kicks: Subscription,
    runtime: Handle,
}

/// A mounted socket, and its long-polling on this endpoint.
struct MountPoint {
    mount: Arc<dyn Mounted>,
    longpoll: Option<Arc<Longpoll>>,
}

/// A presence that is stopped with the endpoint, of whatever type.
trait Supervised: Send + Sync + 'static {
    /// Its name, unique in the endpoint.
    fn name(&self) -> &str;

    /// Tells other nodes that this one leaves, before its clients are disconnected over `spread`.
    fn leave(&self, spread: Duration);

    /// Ends it in order.
    fn stop(&self) -> BoxFuture<'_, ()>;
}

impl<P: Presence> Supervised for Tracker<P> {
    fn name(&self) -> &str {
        P::NAME
    }

    fn leave(&self, spread: Duration) {
        Tracker::leave(self, spread);
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(Tracker::stop(self))
    }
}

impl Endpoint {
    /// Begins an endpoint over `pubsub`: [`PubSub::local`] for one node, another adapter for a
    /// cluster.
    pub fn builder(pubsub: PubSub) -> EndpointBuilder {
        EndpointBuilder::new(pubsub)
    }

    /// Sends an event to all clients that have joined `topic`, on all nodes.
    ///
    /// # Errors
    /// Returns a [`BroadcastError`], whose variants say which clients get the event nevertheless.
    pub fn broadcast(
        &self,
        topic: &str,
        event: &str,
        payload: impl IntoPayload,
    ) -> Result<(), BroadcastError> {
        let message = checked(topic, event, payload)?;
        let _span = telemetry::broadcast_span(&message);
        Ok(self.inner.pubsub.broadcast(message)?)
    }

    /// As [`broadcast`](Self::broadcast), and then waits while broadcasts come faster than this
    /// node writes them: more than
    /// [`Config::max_unflushed_bytes`](crate::Config::max_unflushed_bytes) are queued. For a job
    /// that broadcasts without a pause. A client that reads slowly holds nothing up.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast), at once.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// async fn tick(endpoint: &Endpoint, prices: &[f64]) -> Result<(), BroadcastError> {
    ///     for price in prices {
    ///         let tick = serde_json::json!({ "price": price });
    ///         endpoint.broadcast_and_wait("prices", "tick", tick).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn broadcast_and_wait<P: IntoPayload>(
        &self,
        topic: &str,
        event: &str,
        payload: P,
    ) -> impl Future<Output = Result<(), BroadcastError>> + Send + use<'_, P> {
        let sent = self.broadcast(topic, event, payload);
        self.inner.flushers.after(sent)
    }

    /// As [`broadcast`](Self::broadcast), but only to this node's clients.
    ///
    /// # Errors
    /// [`BroadcastError::Encode`] or [`BroadcastError::Frame`], if the message has no form.
    pub fn local_broadcast(
        &self,
        topic: &str,
        event: &str,
        payload: impl IntoPayload,
    ) -> Result<(), BroadcastError> {
        let message = checked(topic, event, payload)?;
        let _span = telemetry::broadcast_span(&message);
        self.inner.pubsub.local_broadcast(message);
        Ok(())
    }

    /// Closes every connection, on all nodes, of the socket whose [`id`](UserSocket::id) is `id`,
    /// with code 1001. phoenix.js connects again, so `connect` must refuse a client that is to stay
    /// away.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    pub fn disconnect(&self, id: &str) -> Result<(), BroadcastError> {
        self.broadcast(id, "disconnect", Payload::empty())
    }

    /// Returns the PubSub that the endpoint was built over.
    #[must_use]
    pub fn pubsub(&self) -> &PubSub {
        &self.inner.pubsub
    }

    /// Returns the tokens of `salt`, with the endpoint's [secret](Config::secret_key_base), as for
    /// a handler that signs a token for its page. A salt is a constant of the app. The keys of the
    /// first 64 salts are derived once and kept. The keys of further salts are derived at each
    /// call.
    ///
    /// # Errors
    /// [`MissingSecretKeyBase`] if the endpoint was started without a secret.
    pub fn tokens(&self, salt: &str) -> Result<Tokens, MissingSecretKeyBase> {
        let secret = self.inner.config.secret_key_base.as_ref();
        let secret = secret.ok_or(MissingSecretKeyBase)?;
        Ok(self.inner.salts.tokens(secret, salt))
    }

    /// Returns the number of clients that are connected to this node.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.inner.connections.count()
    }

    /// Stops in order. First channels end, and replies of their handlers are delivered. Each
    /// connection is then closed with code 1012, and its client connects again. Then presences
    /// stop, then the PubSub. From the beginning, new connections are refused with the status 503.
    ///
    /// Connections are closed one after another over [`Config::drain_spread`], so that not all
    /// clients connect to other nodes at once. Other nodes are told at the beginning. They keep the
    /// presences of this node for that time and the
    /// [grace](presence_core::tracker::TrackerOptions::leave_grace), so a client that connects to
    /// another node in time never shows as gone. After the spread the endpoint waits for the
    /// channels for at most [`Config::drain_timeout`], and closes the connections of channels that
    /// have not ended. A second call does nothing. Dropping the future leaves the stop unfinished.
    pub async fn stop(&self) {
        let inner = &self.inner;
        let connections = inner.connections.stop();
        // Before any client disconnects: otherwise other nodes would see its presences leave.
        for supervised in inner.supervised.lock().iter() {
            supervised.leave(inner.config.drain_spread);
        }
        drain::tell(&connections, inner.config.drain_spread).await;
        let drained = inner.connections.drained();
        if tokio::time::timeout(inner.config.drain_timeout, drained)
            .await
            .is_err()
        {
            let left = self.connections();
            tracing::warn!(left, "stopped before all channels had ended");
        }
        for connection in connections {
            connection.close(close_code::RESTART, drain::REASON);
        }
        let supervised = std::mem::take(&mut *inner.supervised.lock());
        for supervised in supervised.iter().rev() {
            supervised.stop().await;
        }
        inner.pubsub.stop().await;
        inner.flushers.stop();
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn handler_timeout(&self) -> Duration {
        self.inner.config.handler_timeout
    }

    pub(crate) fn recent_kicks(&self) -> &RecentKicks {
        &self.inner.recent_kicks
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    /// Milliseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.inner.now()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.connections.is_stopping()
    }

    pub(crate) fn outbox(&self, sink: Sink, limits: &Limits, meter: SocketMeter) -> Arc<Outbox> {
        Outbox::new(sink, self.inner.flushers.clone(), limits, meter)
    }

    pub(crate) fn flushers(&self) -> &Arc<Flushers> {
        &self.inner.flushers
    }

    /// Takes a place for a client that wants to connect.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Result<Admission, Full> {
        let (config, admissions) = (self.config(), &self.inner.admissions);
        let per_address = config.max_connections_per_address;
        if per_address.is_some() && address.is_none() {
            admissions.warn_of_unknown_address();
        }
        admissions.admit(address, config.max_connections, per_address)
    }

    pub(crate) fn register(
        &self,
        outbox: &Arc<Outbox>,
        idle_limit: Duration,
        expiry: Option<Arc<Expiry>>,
    ) -> Registration {
        let connections = &self.inner.connections;
        let registration = connections.register(outbox, idle_limit, expiry);
        if self.is_stopping() {
            outbox.drain(close_code::RESTART, drain::REASON);
        }
        registration
    }

    /// The mount of the socket type `S`: the first, if there are several.
    pub(crate) fn mount_of<S: UserSocket>(&self) -> Option<Arc<Mount<S>>> {
        let mut mounts = self.inner.mounts.iter();
        mounts.find_map(|MountPoint { mount, .. }| {
            let mount: Arc<dyn Any + Send + Sync> = mount.clone().into_any();
            mount.downcast().ok()
        })
    }
}

/// Makes a broadcast that every client can get.
fn checked(
    topic: &str,
    event: &str,
    payload: impl IntoPayload,
) -> Result<Broadcast, BroadcastError> {
    let message = Broadcast::new(topic, event, payload.into_payload()?);
    check_broadcast(&message)?;
    Ok(message)
}

impl EndpointInner {
    fn now(&self) -> u64 {
        self.flushers.now()
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("pubsub", &self.inner.pubsub)
            .finish_non_exhaustive()
    }
}

impl Drop for EndpointInner {
    fn drop(&mut self) {
        self.flushers.stop();
    }
}
