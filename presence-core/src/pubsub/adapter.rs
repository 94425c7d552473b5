//! The trait that a cluster engine implements to carry messages between nodes.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
};

use tokio::sync::{broadcast, watch};

use super::{Broadcast, TrafficClass, registry::Registry};

/// Carries messages between the nodes of a cluster.
///
/// The methods are called from any thread and must not block: an engine queues, and sends from
/// tasks of its own. A message is delivered at most once; code on top of PubSub relies on no more.
/// The broadcasts of one sender on one topic keep their order, and so do its direct messages to one
/// node, within one [class](TrafficClass). A broadcast and a direct message have no order between
/// them.
///
/// [`Local`](crate::adapters::Local) is the engine of one node, and
/// [`Memory`](crate::adapters::Memory) that of several nodes in one process.
/// [`adapters`](crate::adapters) lists the others. An engine of your own can encode its messages
/// with [`wire`](super::wire).
pub trait Adapter: Send + Sync + 'static {
    /// Returns the name of this node, which is unique in the cluster. Called once, before
    /// [`start`](Self::start).
    fn node_name(&self) -> &str;

    /// Returns whether there may be other nodes. Called once. A PubSub without other nodes skips
    /// the work that is only for them.
    fn is_clustered(&self) -> bool {
        true
    }

    /// Returns the largest size of an encoded message in bytes, names included, or `None` without a
    /// limit. A tracker calls it once, when it starts. An engine that does not know its limit yet
    /// returns a cautious guess.
    ///
    /// Presence cuts its messages to other nodes to fit. A message that is longer nevertheless is
    /// an [`AdapterError::TooLarge`].
    fn max_message_bytes(&self) -> Option<usize> {
        None
    }

    /// Starts the engine, which puts the messages from other nodes into `inbox`. Called once,
    /// before any message is sent.
    fn start(&self, inbox: Inbox);

    /// Sends `message` to all other nodes (or to those that have subscribers).
    ///
    /// # Errors
    /// [`AdapterError`] if the message cannot be sent. Then no node gets it, or only some do.
    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError>;

    /// Sends `message` to the one node named `node`.
    ///
    /// # Errors
    /// [`AdapterError::UnknownNode`] if there is no such node, else the errors of
    /// [`broadcast`](Self::broadcast).
    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError>;

    /// Sends `message` as [`broadcast`](Self::broadcast) does, as traffic of `class`. A tracker
    /// calls it for its own messages; the app's messages come by [`broadcast`](Self::broadcast),
    /// and are [`TrafficClass::Live`].
    ///
    /// An engine with queues implements it: it sends a lower class first, and bounds each class by
    /// itself. So a node that catches up costs no app message, and heartbeats wait for neither. The
    /// default ignores the class.
    ///
    /// # Errors
    /// The errors of [`broadcast`](Self::broadcast).
    fn broadcast_as(&self, class: TrafficClass, message: &Broadcast) -> Result<(), AdapterError> {
        let _ = class;
        self.broadcast(message)
    }

    /// Sends `message` as [`direct`](Self::direct) does, as traffic of `class`, like
    /// [`broadcast_as`](Self::broadcast_as). The default ignores the class.
    ///
    /// # Errors
    /// The errors of [`direct`](Self::direct).
    fn direct_as(
        &self,
        class: TrafficClass,
        node: &str,
        message: &Broadcast,
    ) -> Result<(), AdapterError> {
        let _ = class;
        self.direct(node, message)
    }

    /// Handles the first subscriber of `topic` on this node, for engines that route by topic.
    ///
    /// This method and [`unsubscribed`](Self::unsubscribed) are called in turn for a topic, in the
    /// order of the changes: an engine may keep a set of topics. Both are called with a lock, so
    /// they must not subscribe or unsubscribe. They may deliver messages.
    ///
    /// A later message of this node must not overtake the subscription, so that the node gets the
    /// answers to that message.
    fn subscribed(&self, topic: &str) {
        let _ = topic;
    }

    /// Handles the end of the last subscription to `topic` on this node.
    fn unsubscribed(&self, topic: &str) {
        let _ = topic;
    }

    /// Leaves the cluster, after the messages in the engine's queue have been sent.
    ///
    /// May be called again, also after the future of an earlier call was dropped: each call waits
    /// for the same end.
    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

/// An adapter did not carry a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// No node of this name is known.
    #[error("no node named {0:?} is known")]
    UnknownNode(String),
    /// The message is larger than the engine carries.
    #[error("a message of {bytes} bytes is over the engine's limit of {limit}")]
    TooLarge {
        /// The size of the encoded message.
        bytes: usize,
        /// The largest size that the engine carries.
        limit: usize,
    },
    /// The engine failed.
    #[error("the cluster engine failed: {0}")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A hint of an engine about another node. It may be late, wrong or missing, and most engines give
/// no hints.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerHint {
    /// The node of this name can be reached.
    Seen(Arc<str>),
    /// The node of this name has gone, or cannot be reached.
    Gone(Arc<str>),
}

/// The connection of an engine to its cluster, as far as the engine knows.
///
/// An engine that reports nothing counts as [`Connected`](Self::Connected).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineState {
    /// The engine carries messages.
    #[default]
    Connected,
    /// The engine has started, and has not found its broker yet, or the nodes that it knows of. A
    /// node in this state should not get clients: they would not see the presences of the other
    /// nodes. An engine that has been connected does not come back to this state.
    Connecting,
    /// The engine has lost its broker, so that no message of any node arrives. That says nothing
    /// about the other nodes: until the engine is connected again, a tracker takes no node for
    /// down.
    ///
    /// An engine reports it only if its own side or the broker is the cause. A node whose peers all
    /// fell silent cannot tell whether they died: this is not `Disconnected`.
    Disconnected,
}

/// The number of hints that wait for a slow reader. Beyond it, the oldest are lost.
pub(super) const HINTS: usize = 256;

/// The receiving end of a PubSub: an adapter delivers messages from other nodes here.
#[derive(Clone)]
pub struct Inbox {
    /// Weak: an engine's tasks must not keep a dropped PubSub's subscribers alive.
    registry: Weak<Registry>,
    hints: broadcast::Sender<PeerHint>,
    state: watch::Sender<EngineState>,
}

impl Inbox {
    pub(super) fn new(
        registry: &Arc<Registry>,
        hints: broadcast::Sender<PeerHint>,
        state: watch::Sender<EngineState>,
    ) -> Self {
        Self {
            registry: Arc::downgrade(registry),
            hints,
            state,
        }
    }

    /// Reports the state of the engine to the receivers of
    /// [`PubSub::engine_state`](super::PubSub::engine_state). Reporting a state again does nothing.
    pub fn engine_is(&self, state: EngineState) {
        self.state.send_if_modified(|present| {
            let changed = *present != state;
            *present = state;
            changed
        });
    }

    /// Sends a hint to the receivers of [`PubSub::peer_hints`](super::PubSub::peer_hints).
    pub fn hint(&self, hint: PeerHint) {
        // An error means that there is no receiver.
        let _ = self.hints.send(hint);
    }

    /// Delivers `message` to this node's subscribers. Returns `false` if the PubSub has been
    /// dropped.
    pub fn deliver(&self, message: &Broadcast) -> bool {
        let registry = self.registry.upgrade();
        if let Some(registry) = &registry {
            registry.dispatch_remote(message);
        }
        registry.is_some()
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}
