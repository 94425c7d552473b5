//! The app's handle of a running node. The module `endpoint` starts it.

mod broadcasts;
mod supervised;
#[cfg(test)]
mod tests;

use std::{
    any::{Any, TypeId},
    sync::Arc,
};

use axum::Router;
use parking_lot::Mutex;
use presence_core::pubsub::{Broadcast, IntoPayload, Payload, PubSub};
use tokio::sync::OnceCell;

pub(crate) use supervised::Supervised;

use super::{BroadcastError, Node, topic::is_of_nodes};
use crate::{
    serializer::check_broadcast,
    telemetry,
    token::{MissingSecretKeyBase, Tokens},
};

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
/// use serde_json::json;
///
/// async fn announce(State(endpoint): State<Endpoint>, text: String) {
///     let _ = endpoint.broadcast("room:lobby", "announcement", json!({ "text": text }));
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
    running: Arc<Running>,
}

struct Running {
    node: Arc<Node>,
    mounts: Arc<dyn Mounts>,
    /// Stopped in reverse order. Empty after the stop: a presence may hold the endpoint.
    supervised: Mutex<Arc<[Box<dyn Supervised>]>>,
    /// Set when the stop has ended.
    stopped: OnceCell<()>,
}

/// The mounted sockets, of types that the node does not know.
pub(crate) trait Mounts: Send + Sync {
    /// Returns the routes of all sockets.
    fn router(&self, endpoint: &Endpoint) -> Router;

    /// Returns the first mount of this type.
    fn find(&self, mount: TypeId) -> Option<Arc<dyn Any + Send + Sync>>;
}

impl Endpoint {
    pub(crate) fn new(
        node: Arc<Node>,
        mounts: Arc<dyn Mounts>,
        supervised: Vec<Box<dyn Supervised>>,
    ) -> Self {
        let running = Running {
            node,
            mounts,
            supervised: Mutex::new(supervised.into()),
            stopped: OnceCell::new(),
        };
        Self {
            running: Arc::new(running),
        }
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
        Ok(self.node().pubsub().broadcast(message)?)
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
        self.node().flushers().after(sent)
    }

    /// As [`broadcast`](Self::broadcast), but only to this node's clients.
    ///
    /// # Errors
    /// [`BroadcastError::Encode`] or [`BroadcastError::Frame`], if the message has no form.
    /// [`BroadcastError::ReservedTopic`], if nodes send each other messages on the topic.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{BroadcastError, Endpoint, Payload};
    /// /// Each node has its own copy of the settings, and reads them again at its own time.
    /// fn settings_were_read(endpoint: &Endpoint) -> Result<(), BroadcastError> {
    ///     endpoint.local_broadcast("settings", "changed", Payload::empty())
    /// }
    /// # let _ = settings_were_read;
    /// ```
    pub fn local_broadcast(
        &self,
        topic: &str,
        event: &str,
        payload: impl IntoPayload,
    ) -> Result<(), BroadcastError> {
        let message = checked(topic, event, payload)?;
        let _span = telemetry::broadcast_span(&message);
        self.node().pubsub().local_broadcast(message);
        Ok(())
    }

    /// Closes every connection, on all nodes, of the socket whose [`id`](crate::UserSocket::id) is
    /// `id`, with code 1001. phoenix.js connects again, so `connect` must refuse a client that is
    /// to stay away.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{BroadcastError, Endpoint};
    /// /// Ends the connections of a user who logs out, where `UserSocket::id` is "user:" and the
    /// /// user's number.
    /// fn log_out(endpoint: &Endpoint, user: u64) -> Result<(), BroadcastError> {
    ///     endpoint.disconnect(&format!("user:{user}"))
    /// }
    /// # let _ = log_out;
    /// ```
    pub fn disconnect(&self, id: &str) -> Result<(), BroadcastError> {
        self.broadcast(id, "disconnect", Payload::empty())
    }

    /// Returns the PubSub that the endpoint was built over. Code that is no channel subscribes to
    /// topics by [`PubSub::receiver`], in a task, or by a
    /// [`Subscriber`](crate::pubsub::Subscriber), on the thread that broadcasts.
    ///
    /// # Examples
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
    ///
    /// use presence_channels::{
    ///     BroadcastError, Config, Endpoint, PubSub,
    ///     pubsub::{Dispatch, PubSubError, Subscriber, Subscription},
    /// };
    /// use serde_json::json;
    ///
    /// /// Counts the sales of all nodes.
    /// #[derive(Default)]
    /// struct Sales(AtomicUsize);
    ///
    /// impl Subscriber for Sales {
    ///     fn deliver(&self, dispatch: &mut Dispatch<'_>) {
    ///         if &*dispatch.message().event == "sold" {
    ///             self.0.fetch_add(1, Ordering::Relaxed);
    ///         }
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), presence_channels::StartError> {
    /// let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// let sales = Arc::<Sales>::default();
    /// let _counts: Subscription = endpoint.pubsub().subscribe("shop", sales.clone());
    /// endpoint.broadcast("shop", "sold", json!({ "item": "book" })).expect("the node runs");
    /// assert_eq!(sales.0.load(Ordering::Relaxed), 1);
    ///
    /// endpoint.stop().await;
    /// let late = endpoint.broadcast("shop", "sold", json!({ "item": "pen" }));
    /// assert!(matches!(late, Err(BroadcastError::PubSub(PubSubError::Stopped))));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn pubsub(&self) -> &PubSub {
        self.node().pubsub()
    }

    /// Returns the tokens of `salt`, with the endpoint's
    /// [secret](crate::Config::secret_key_base), as for a handler that signs a token for its page.
    /// A salt is a constant of the app. The keys of the first 64 salts are derived once and kept.
    /// The keys of further salts are derived at each call.
    ///
    /// # Errors
    /// [`MissingSecretKeyBase`] if the endpoint was started without a secret.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{Endpoint, SecretKeyBase};
    /// type Failure = Box<dyn std::error::Error>;
    ///
    /// fn token_for(endpoint: &Endpoint, user: &str) -> Result<String, Failure> {
    ///     Ok(endpoint.tokens("user socket")?.sign(user)?)
    /// }
    /// # let _ = token_for;
    /// ```
    pub fn tokens(&self, salt: &str) -> Result<Tokens, MissingSecretKeyBase> {
        self.node().tokens(salt)
    }

    /// Returns the number of clients that are connected to this node.
    ///
    /// # Examples
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use presence_channels::Endpoint;
    /// /// Tells a load balancer how full the node is.
    /// fn health(endpoint: Endpoint) -> Router {
    ///     Router::new().route("/health", get(async move || endpoint.connections().to_string()))
    /// }
    /// # let _ = health;
    /// ```
    #[must_use]
    pub fn connections(&self) -> usize {
        self.node().connections()
    }

    /// Stops in order. First channels end, and replies of their handlers are delivered. Each
    /// connection is then closed with code 1012, and its client connects again. Then presences
    /// stop, then the PubSub. From the beginning, new connections are refused with the status 503.
    ///
    /// Connections are closed one after another over
    /// [`Config::drain_spread`](crate::Config::drain_spread), so that not all clients connect to
    /// other nodes at once. Other nodes are told at the beginning. They keep the presences of this
    /// node for that time and the [grace](presence_core::tracker::TrackerOptions::leave_grace), so
    /// a client that connects to another node in time never shows as gone. After the spread the
    /// endpoint waits for the channels for at most
    /// [`Config::drain_timeout`](crate::Config::drain_timeout), and closes the connections of
    /// channels that have not ended.
    ///
    /// A second call waits for the first, and does nothing by itself. Dropping the future leaves
    /// the stop unfinished: a call that waits, or the next one, then stops what is left.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{Config, Endpoint, PubSub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), presence_channels::StartError> {
    /// let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// // In an app that is not served by `serve`, at the signal to end.
    /// endpoint.stop().await;
    /// assert_eq!(endpoint.connections(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stop(&self) {
        // Two stops at a time would have one end the PubSub while the other still needs it.
        let stopped = &self.running.stopped;
        stopped.get_or_init(|| self.running.stop()).await;
    }

    pub(crate) fn node(&self) -> &Node {
        &self.running.node
    }

    pub(crate) fn mounts(&self) -> &dyn Mounts {
        &*self.running.mounts
    }
}

impl Running {
    async fn stop(&self) {
        let node = &self.node;
        let supervised = self.supervised.lock().clone();
        let connections = node.refuse_new();
        // Before any client disconnects: otherwise other nodes would see its presences leave.
        for supervised in supervised.iter() {
            supervised.leave(node.config.drain_spread);
        }
        node.drain(connections).await;
        for supervised in supervised.iter().rev() {
            supervised.stop().await;
        }
        node.stop().await;
        *self.supervised.lock() = Arc::default();
    }
}

/// Makes a broadcast that every client can get.
fn checked(
    topic: &str,
    event: &str,
    payload: impl IntoPayload,
) -> Result<Broadcast, BroadcastError> {
    // An app may take the topic from a client.
    if is_of_nodes(topic) {
        return Err(BroadcastError::ReservedTopic(topic.to_owned()));
    }
    let message = Broadcast::new(topic, event, payload.into_payload()?);
    check_broadcast(&message)?;
    Ok(message)
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("pubsub", self.pubsub())
            .finish_non_exhaustive()
    }
}
