//! Several nodes in one process, for tests of what crosses nodes.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    pin::Pin,
    sync::Arc,
};

use parking_lot::Mutex;

use crate::pubsub::{Adapter, AdapterError, Broadcast, EngineState, Inbox, PeerHint};

/// A cluster within one process. Messages arrive at once and in order, on the sender's thread.
///
/// ```
/// use presence_core::{adapters::MemoryCluster, PubSub};
///
/// let cluster = MemoryCluster::default();
/// let a = PubSub::with_adapter(cluster.join("a"));
/// let b = PubSub::with_adapter(cluster.join("b"));
/// cluster.part("a", "b"); // nothing passes between the two
/// cluster.heal("a", "b");
/// # let _ = (a, b);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryCluster {
    state: Arc<Mutex<ClusterState>>,
}

#[derive(Debug, Default)]
struct ClusterState {
    nodes: HashMap<Arc<str>, Member>,
    /// The number of nodes that have joined.
    joined: u64,
    /// From whom to whom nothing passes.
    parted: HashSet<(Arc<str>, Arc<str>)>,
    /// The nodes that have lost their broker.
    away: HashSet<Arc<str>>,
}

#[derive(Debug)]
struct Member {
    /// Tells a node from a later one of its name.
    id: u64,
    inbox: Inbox,
}

impl ClusterState {
    fn passes(&self, from: &str, to: &str) -> bool {
        let away = |node| !self.away.is_empty() && self.away.contains(node);
        let parted = !self.parted.is_empty() && self.parted.contains(&(from.into(), to.into()));
        !parted && !away(from) && !away(to)
    }

    /// The inboxes of all but `from` that something from there reaches.
    fn others(&self, from: &str) -> Vec<Inbox> {
        let others = self.nodes.iter();
        let others = others.filter(|(name, _)| ***name != *from && self.passes(from, name));
        others.map(|(_, node)| node.inbox.clone()).collect()
    }
}

impl MemoryCluster {
    /// Returns the adapter of a further node. The node replaces an earlier one of the same name, as
    /// after a restart: the earlier node is cut off.
    #[must_use]
    pub fn join(&self, node_name: impl Into<Arc<str>>) -> Memory {
        let mut state = self.state.lock();
        state.joined += 1;
        Memory {
            cluster: self.clone(),
            node_name: node_name.into(),
            id: state.joined,
        }
    }

    /// Cuts the link between two nodes. A message between them is lost, as on a network: the sender
    /// gets no error, and no node gets a hint.
    pub fn part(&self, one: &str, other: &str) {
        self.part_one_way(one, other);
        self.part_one_way(other, one);
    }

    /// Cuts the link in one direction. Messages in the other direction still arrive.
    pub fn part_one_way(&self, from: &str, to: &str) {
        self.state.lock().parted.insert((from.into(), to.into()));
    }

    /// Restores the link between two nodes, in both directions.
    pub fn heal(&self, one: &str, other: &str) {
        let mut state = self.state.lock();
        state.parted.remove(&(one.into(), other.into()));
        state.parted.remove(&(other.into(), one.into()));
    }

    /// Takes the broker away from a node, as if this cluster had one. No message reaches the node
    /// or leaves it, and its engine knows: [`PubSub::is_connected`](crate::PubSub::is_connected)
    /// returns `false`, and its tracker takes no other node for down. The other nodes get no hint.
    ///
    /// ```
    /// use presence_core::{adapters::MemoryCluster, PubSub};
    ///
    /// let cluster = MemoryCluster::default();
    /// let a = PubSub::with_adapter(cluster.join("a"));
    /// cluster.disconnect("a");
    /// assert!(!a.is_connected());
    /// cluster.reconnect("a");
    /// assert!(a.is_connected());
    /// ```
    pub fn disconnect(&self, node: &str) {
        self.set_away(node, true);
    }

    /// Gives a node its broker back.
    pub fn reconnect(&self, node: &str) {
        self.set_away(node, false);
    }

    fn set_away(&self, node: &str, away: bool) {
        let mut state = self.state.lock();
        match away {
            true => state.away.insert(node.into()),
            false => state.away.remove(node),
        };
        let member = state.nodes.get(node).map(|member| member.inbox.clone());
        drop(state);
        if let Some(inbox) = member {
            inbox.engine_is(match away {
                true => EngineState::Disconnected,
                false => EngineState::Connected,
            });
        }
    }

    /// Removes a node, as a crash would. The node receives and sends nothing more, and the others
    /// get [`PeerHint::Gone`].
    pub fn crash(&self, node: &str) {
        self.take_away(node, None);
    }

    /// Removes `node`, if it is the one of this id.
    fn take_away(&self, node: &str, id: Option<u64>) {
        let others = {
            let mut state = self.state.lock();
            match state.nodes.get(node) {
                Some(found) if id.is_none_or(|id| id == found.id) => {}
                _ => return,
            }
            state.nodes.remove(node);
            state.others(node)
        };
        for inbox in others {
            inbox.hint(PeerHint::Gone(node.into()));
        }
    }

    /// Returns the inbox of `node`, for tests of how an engine's frames are delivered.
    #[cfg(all(test, any(feature = "nats", feature = "redis", feature = "zenoh")))]
    pub(super) fn inbox(&self, node: &str) -> Option<Inbox> {
        let state = self.state.lock();
        Some(state.nodes.get(node)?.inbox.clone())
    }

    /// Gives `node` a hint, which may be false.
    pub fn hint(&self, node: &str, hint: PeerHint) {
        let inbox = self
            .state
            .lock()
            .nodes
            .get(node)
            .map(|node| node.inbox.clone());
        if let Some(inbox) = inbox {
            inbox.hint(hint);
        }
    }
}

/// One node of a [`MemoryCluster`].
#[derive(Debug)]
pub struct Memory {
    cluster: MemoryCluster,
    node_name: Arc<str>,
    id: u64,
}

impl Memory {
    /// Returns whether this node has started, and has not crashed, stopped or been replaced since.
    fn is_there(&self, state: &ClusterState) -> bool {
        let node = state.nodes.get(&self.node_name);
        node.is_some_and(|node| node.id == self.id)
    }
}

impl Adapter for Memory {
    fn node_name(&self) -> &str {
        &self.node_name
    }

    fn start(&self, inbox: Inbox) {
        let mut state = self.cluster.state.lock();
        for name in state.nodes.keys().filter(|name| **name != self.node_name) {
            inbox.hint(PeerHint::Seen(name.clone()));
        }
        let others = state.others(&self.node_name);
        let id = self.id;
        if state.away.contains(&self.node_name) {
            inbox.engine_is(EngineState::Disconnected);
        }
        state
            .nodes
            .insert(self.node_name.clone(), Member { id, inbox });
        drop(state);
        for inbox in others {
            inbox.hint(PeerHint::Seen(self.node_name.clone()));
        }
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        let others = {
            let state = self.cluster.state.lock();
            match self.is_there(&state) {
                true => state.others(&self.node_name),
                false => return Ok(()),
            }
        };
        for inbox in others {
            inbox.deliver(message);
        }
        Ok(())
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        let (inbox, passes) = {
            let state = self.cluster.state.lock();
            let passes = self.is_there(&state) && state.passes(&self.node_name, node);
            let node = state.nodes.get(node);
            (node.map(|node| node.inbox.clone()), passes)
        };
        match inbox {
            Some(_) if !passes => Ok(()),
            Some(inbox) if inbox.deliver(message) => Ok(()),
            _ => Err(AdapterError::UnknownNode(node.to_owned())),
        }
    }

    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.cluster.take_away(&self.node_name, Some(self.id));
        Box::pin(async {})
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.cluster.take_away(&self.node_name, Some(self.id));
    }
}
