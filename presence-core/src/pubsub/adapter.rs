//! What a cluster engine implements to carry messages between nodes.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
};

use tokio::sync::broadcast;

use super::{Broadcast, registry::Registry};

/// Carries messages between the nodes of a cluster.
///
/// The methods are called from any thread and must not block: an engine queues and sends from tasks
/// of its own. Delivery is at most once; what is built on PubSub does not rely on more. What one
/// sender broadcasts on one topic keeps its order, and so does what it sends directly to one node;
/// between a broadcast and a direct message there is none.
///
/// [`Local`](crate::adapters::Local) is the engine of one node, [`Memory`](crate::adapters::Memory)
/// that of several nodes in one process. [`adapters`](crate::adapters) tells of the others. An
/// engine of your own can write its messages with [`wire`](super::wire).
pub trait Adapter: Send + Sync + 'static {
    /// This node's name, unique in the cluster. Asked once, before [`start`](Self::start).
    fn node_name(&self) -> &str;

    /// Returns whether there may be other nodes. Called once. A PubSub without other nodes skips
    /// the work that is only for them.
    fn is_clustered(&self) -> bool {
        true
    }

    /// The most bytes that one message may have as it travels, names included, if there is a limit.
    /// A tracker asks when it starts.
    ///
    /// Presence cuts what it sends other nodes to fit. What is longer all the same is
    /// [`AdapterError::TooLarge`].
    fn max_message_bytes(&self) -> Option<usize> {
        None
    }

    /// Called once, before anything else happens: what other nodes send goes into `inbox`.
    fn start(&self, inbox: Inbox);

    /// Sends `message` to all other nodes (or to those that have subscribers).
    ///
    /// # Errors
    /// [`AdapterError`] if it cannot be sent; it is then sent to nobody, or only to some.
    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError>;

    /// Sends `message` to the one node named `node`.
    ///
    /// # Errors
    /// [`AdapterError::UnknownNode`] if there is no such node, else as
    /// [`broadcast`](Self::broadcast).
    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError>;

    /// `topic` got its first subscriber on this node. An engine that can route by topic uses it.
    ///
    /// What this node sends afterwards must not overtake it: whoever answers is to be heard.
    fn subscribed(&self, topic: &str) {
        let _ = topic;
    }

    /// `topic` lost its last subscriber on this node.
    fn unsubscribed(&self, topic: &str) {
        let _ = topic;
    }

    /// Leaves the cluster, once what was handed over has been sent.
    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

/// Why an adapter did not carry a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// No node of that name is known.
    #[error("no node named {0:?} is known")]
    UnknownNode(String),
    /// The message is larger than the engine carries.
    #[error("a message of {bytes} bytes is over the engine's limit of {limit}")]
    TooLarge {
        /// The encoded message's size.
        bytes: usize,
        /// The most that the engine carries.
        limit: usize,
    },
    /// The engine's own error.
    #[error("the cluster engine failed: {0}")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What an engine noticed about another node. A hint and no more: it may be late, wrong or missing,
/// and most engines give none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerHint {
    /// The node of this name can be reached.
    Seen(Arc<str>),
    /// The node of this name has gone, or cannot be reached.
    Gone(Arc<str>),
}

/// Hints that a reader has not taken yet; the oldest are lost beyond.
pub(super) const HINTS: usize = 256;

/// Where an adapter delivers what other nodes sent.
#[derive(Clone)]
pub struct Inbox {
    /// Weak: an engine's tasks must not keep a dropped PubSub's subscribers alive.
    registry: Weak<Registry>,
    hints: broadcast::Sender<PeerHint>,
}

impl Inbox {
    pub(super) fn new(registry: &Arc<Registry>, hints: broadcast::Sender<PeerHint>) -> Self {
        Self {
            registry: Arc::downgrade(registry),
            hints,
        }
    }

    /// Tells those who asked by [`PubSub::peer_hints`](super::PubSub::peer_hints).
    pub fn hint(&self, hint: PeerHint) {
        // An error means that nobody asked.
        let _ = self.hints.send(hint);
    }

    /// Delivers `message` to this node's subscribers. Returns `false` if the PubSub has been
    /// dropped.
    pub fn deliver(&self, message: &Broadcast) -> bool {
        let registry = self.registry.upgrade();
        if let Some(registry) = &registry {
            registry.dispatch(message, None);
        }
        registry.is_some()
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}
