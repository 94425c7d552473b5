//! Topics and their subscribers: [`PubSub`], after `Phoenix.PubSub`.
//!
//! A topic is any string. A subscriber of a topic gets each message that is broadcast on it. It
//! runs on the thread that broadcasts, so a [`Subscriber`] only queues or writes, and never waits.
//! An [`Adapter`] carries messages to other nodes; [`PubSub::local`] has one node and needs no
//! network.
//!
//! Order: the messages that one task broadcasts on one topic reach each subscriber in that order.
//! Messages of different tasks, and messages on different topics, have no order.

mod adapter;
mod broadcast;
mod class;
mod interest;
mod payload;
mod receiver;
mod registry;
mod segments;
mod subscriber;
#[cfg(test)]
mod tests;
pub mod wire;

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

pub use adapter::{Adapter, AdapterError, EngineState, Inbox, PeerHint};
pub use broadcast::Broadcast;
pub use class::TrafficClass;
pub use interest::Interest;
#[doc(hidden)]
pub use payload::compact;
pub use payload::{DecodeError, EncodeError, IntoPayload, Payload, PayloadIndex};
pub use receiver::Receiver;
pub use subscriber::{Dispatch, Subscriber, SubscriberId, Subscription};

use crate::adapters::Local;
use registry::Registry;

/// The topics of a node and, by its [`Adapter`], those of the other nodes.
///
/// Cheap to clone; all clones are the same PubSub. Two PubSubs in one process are independent of
/// each other.
///
/// ```
/// use presence_core::pubsub::{Broadcast, Payload, PubSub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pubsub = PubSub::local();
/// let mut lobby = pubsub.receiver("room:lobby", 16);
/// pubsub.broadcast(Broadcast::new("room:lobby", "shout", Payload::encode("hi")?))?;
/// assert_eq!(&*lobby.recv().await.unwrap().event, "shout");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PubSub {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Arc<Registry>,
    adapter: Box<dyn Adapter>,
    node_name: Arc<str>,
    clustered: bool,
    hints: tokio::sync::broadcast::Sender<PeerHint>,
    state: tokio::sync::watch::Sender<EngineState>,
    /// Subscriber ids are never used twice, so a late unsubscribe cannot hit a newcomer.
    next_id: AtomicU64,
    stopped: AtomicBool,
}

/// A message did not leave this node. Except for [`Stopped`](Self::Stopped), the subscribers on
/// this node got it.
#[derive(Debug, thiserror::Error)]
pub enum PubSubError {
    /// [`PubSub::stop`] was called. Nothing was delivered, not even on this node.
    #[error("the PubSub has been stopped")]
    Stopped,
    /// The adapter did not take the message.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
}

impl PubSub {
    /// Creates a PubSub of one node: no network, no configuration.
    #[must_use]
    pub fn local() -> Self {
        Self::with_adapter(Local)
    }

    /// Creates a PubSub whose messages also travel to other nodes, by `adapter`.
    #[must_use]
    pub fn with_adapter(adapter: impl Adapter) -> Self {
        let registry = Arc::new(Registry::default());
        let node_name = Arc::from(adapter.node_name());
        let clustered = adapter.is_clustered();
        let hints = tokio::sync::broadcast::Sender::new(adapter::HINTS);
        let state = tokio::sync::watch::Sender::default();
        adapter.start(Inbox::new(&registry, hints.clone(), state.clone()));
        let inner = Inner {
            clustered,
            registry,
            adapter: Box::new(adapter),
            node_name,
            hints,
            state,
            next_id: AtomicU64::new(1),
            stopped: AtomicBool::new(false),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Returns the name of this node, which is unique in its cluster.
    #[must_use]
    pub fn node_name(&self) -> &str {
        &self.inner.node_name
    }

    /// Returns whether there may be other nodes.
    #[must_use]
    pub fn is_clustered(&self) -> bool {
        self.inner.clustered
    }

    /// Returns the size of the longest message that the engine carries, or `None` without a limit.
    pub(crate) fn max_message_bytes(&self) -> Option<usize> {
        self.inner.adapter.max_message_bytes()
    }

    /// Delivers each message on `topic` to `subscriber`, until the returned [`Subscription`] is
    /// dropped. Subscribing twice delivers twice, as in Phoenix.
    #[must_use = "dropping the subscription unsubscribes"]
    pub fn subscribe(&self, topic: &str, subscriber: Arc<dyn Subscriber>) -> Subscription {
        self.subscribe_as(topic, Interest::All, subscriber)
    }

    /// As [`subscribe`](Self::subscribe), for the messages that `interest` names.
    /// [`Subscription::set_interest`] changes it.
    ///
    /// # Examples
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
    ///
    /// use presence_core::pubsub::{Broadcast, Dispatch, Interest, Payload, PubSub, Subscriber};
    ///
    /// #[derive(Default)]
    /// struct Member(AtomicUsize);
    ///
    /// impl Subscriber for Member {
    ///     fn deliver(&self, _: &mut Dispatch<'_>) {
    ///         self.0.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// let (pubsub, member) = (PubSub::local(), Arc::<Member>::default());
    /// let _member = pubsub.subscribe_as("room:1", Interest::WithoutDiffs, member.clone());
    /// for event in ["shout", "presence_diff"] {
    ///     pubsub.local_broadcast(Broadcast::new("room:1", event, Payload::empty()));
    /// }
    /// assert_eq!(member.0.load(Ordering::Relaxed), 1);
    /// ```
    #[must_use = "dropping the subscription unsubscribes"]
    pub fn subscribe_as(
        &self,
        topic: &str,
        interest: Interest,
        subscriber: Arc<dyn Subscriber>,
    ) -> Subscription {
        let id = SubscriberId(self.inner.next_id.fetch_add(1, Ordering::Relaxed));
        let Inner {
            registry, adapter, ..
        } = &*self.inner;
        let first = |topic: &str| adapter.subscribed(topic);
        let topic = registry.insert(topic, id, interest, subscriber, first);
        Subscription {
            pubsub: self.clone(),
            topic,
            id,
            interest,
        }
    }

    /// Returns a queue of the messages on `topic`, for a task that waits for them.
    ///
    /// The queue holds at most `capacity` messages (at least 1). A message that comes while the
    /// queue is full is dropped, and counted in [`Receiver::missed`].
    #[must_use = "dropping the receiver unsubscribes"]
    pub fn receiver(&self, topic: &str, capacity: usize) -> Receiver {
        Receiver::subscribe(self, topic, capacity)
    }

    pub(crate) fn unsubscribe(&self, topic: &Arc<str>, id: SubscriberId, interest: Interest) {
        let Inner {
            registry, adapter, ..
        } = &*self.inner;
        registry.remove(topic, id, interest, |topic| adapter.unsubscribed(topic));
    }

    /// Sends `message` to every subscriber of its topic, on all nodes.
    ///
    /// # Errors
    /// [`PubSubError::Adapter`] if other nodes cannot be reached. The subscribers on this node
    /// get the message nevertheless. [`PubSubError::Stopped`] after [`stop`](Self::stop); then
    /// nobody gets the message.
    pub fn broadcast(&self, message: Broadcast) -> Result<(), PubSubError> {
        self.send(TrafficClass::Live, &message, None)
    }

    /// Sends `message` as [`broadcast`](Self::broadcast) does, but not to the subscriber `from`.
    ///
    /// # Errors
    /// The errors of [`broadcast`](Self::broadcast).
    pub fn broadcast_from(
        &self,
        from: SubscriberId,
        message: Broadcast,
    ) -> Result<(), PubSubError> {
        self.broadcast_from_as(TrafficClass::Live, from, &message)
    }

    /// Sends `message` as [`broadcast_from`](Self::broadcast_from) does, as traffic of `class`.
    pub(crate) fn broadcast_from_as(
        &self,
        class: TrafficClass,
        from: SubscriberId,
        message: &Broadcast,
    ) -> Result<(), PubSubError> {
        self.send(class, message, Some(from))
    }

    /// Sends `message` to the subscribers on this node only. Does nothing after
    /// [`stop`](Self::stop).
    pub fn local_broadcast(&self, message: Broadcast) {
        if !self.inner.stopped.load(Ordering::Acquire) {
            self.inner.registry.dispatch(&message, None);
        }
    }

    /// Sends a count to the subscribers of the topic on this node that want
    /// [counts](Interest::Counts).
    pub(crate) fn local_broadcast_count(&self, message: &Broadcast) {
        if !self.inner.stopped.load(Ordering::Acquire) {
            self.inner.registry.dispatch_count(message);
        }
    }

    /// Sends `message` as [`local_broadcast`](Self::local_broadcast) does, but not to the
    /// subscriber `from`.
    pub fn local_broadcast_from(&self, from: SubscriberId, message: Broadcast) {
        if !self.inner.stopped.load(Ordering::Acquire) {
            self.inner.registry.dispatch(&message, Some(from));
        }
    }

    /// Hands `signal` to the subscribers of `topic` on this node: to their
    /// [`Subscriber::signal`]. A signal is no message. Only code that knows its type can send or
    /// read it, whatever topics and events an app takes from its clients.
    ///
    /// # Examples
    /// ```
    /// use std::{any::Any, sync::{Arc, atomic::{AtomicBool, Ordering}}};
    ///
    /// use presence_core::pubsub::{Dispatch, PubSub, Subscriber};
    ///
    /// struct End;
    ///
    /// #[derive(Default)]
    /// struct Member(AtomicBool);
    ///
    /// impl Subscriber for Member {
    ///     fn deliver(&self, _: &mut Dispatch<'_>) {}
    ///
    ///     fn signal(&self, signal: &dyn Any) {
    ///         self.0.fetch_or(signal.is::<End>(), Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// let pubsub = PubSub::local();
    /// let member = Arc::new(Member::default());
    /// let _subscription = pubsub.subscribe("room:1", member.clone());
    /// pubsub.signal("room:1", &End);
    /// assert!(member.0.load(Ordering::Relaxed));
    /// ```
    pub fn signal(&self, topic: &str, signal: &dyn Any) {
        if !self.inner.stopped.load(Ordering::Acquire) {
            self.inner.registry.signal(topic, signal);
        }
    }

    /// Sends `message` to the subscribers on the node named `node` only (`direct_broadcast` in
    /// `Phoenix.PubSub`).
    ///
    /// # Errors
    /// [`PubSubError::Adapter`] if the node is not known or cannot be reached.
    /// [`PubSubError::Stopped`] after [`stop`](Self::stop).
    pub fn direct(&self, node: &str, message: Broadcast) -> Result<(), PubSubError> {
        self.direct_as(TrafficClass::Live, node, &message)
    }

    /// Sends `message` as [`direct`](Self::direct) does, as traffic of `class`.
    pub(crate) fn direct_as(
        &self,
        class: TrafficClass,
        node: &str,
        message: &Broadcast,
    ) -> Result<(), PubSubError> {
        self.running()?;
        if node == self.node_name() {
            self.inner.registry.dispatch(message, None);
            return Ok(());
        }
        let adapter = &self.inner.adapter;
        let sent = match class {
            TrafficClass::Live => adapter.direct(node, message),
            class => adapter.direct_as(class, node, message),
        };
        Ok(sent?)
    }

    /// Returns the number of subscribers of `topic` on this node.
    #[must_use]
    pub fn subscribers(&self, topic: &str) -> usize {
        self.inner.registry.count(topic)
    }

    /// Returns a receiver of the engine's hints about other nodes from now on. Some engines give no
    /// hints. A receiver that reads too slowly misses the oldest hints (`RecvError::Lagged`).
    #[must_use]
    pub fn peer_hints(&self) -> tokio::sync::broadcast::Receiver<PeerHint> {
        self.inner.hints.subscribe()
    }

    /// Returns whether the engine carries messages, as far as it knows: see [`EngineState`]. For
    /// the answer to a load balancer, or to an operator.
    ///
    /// ```
    /// use presence_core::{PubSub, adapters::MemoryCluster};
    ///
    /// let pubsub = PubSub::with_adapter(MemoryCluster::default().join("a"));
    /// assert!(pubsub.is_connected());
    /// ```
    #[must_use]
    pub fn is_connected(&self) -> bool {
        *self.inner.state.borrow() == EngineState::Connected
    }

    /// Returns a receiver of the engine's state, which has the present one at once.
    #[must_use]
    pub fn engine_state(&self) -> tokio::sync::watch::Receiver<EngineState> {
        self.inner.state.subscribe()
    }

    /// Leaves the cluster. Every later broadcast is an error. An endpoint stops its PubSub last,
    /// after its sockets and presences.
    ///
    /// A stop goes on if its future is dropped, and a further call waits for the same end.
    pub async fn stop(&self) {
        self.inner.stopped.store(true, Ordering::Release);
        self.inner.adapter.stop().await;
    }

    fn send(
        &self,
        class: TrafficClass,
        message: &Broadcast,
        from: Option<SubscriberId>,
    ) -> Result<(), PubSubError> {
        self.running()?;
        let adapter = &self.inner.adapter;
        let sent = match class {
            TrafficClass::Live => adapter.broadcast(message),
            class => adapter.broadcast_as(class, message),
        };
        self.inner.registry.dispatch(message, from);
        Ok(sent?)
    }

    fn running(&self) -> Result<(), PubSubError> {
        match self.inner.stopped.load(Ordering::Acquire) {
            true => Err(PubSubError::Stopped),
            false => Ok(()),
        }
    }
}

impl std::fmt::Debug for PubSub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PubSub")
            .field("node_name", &self.inner.node_name)
            .finish_non_exhaustive()
    }
}
