//! Several nodes in one process, for tests of what crosses nodes.

mod road;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    pin::Pin,
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{
    pubsub::{Adapter, AdapterError, Broadcast, EngineState, Inbox, PeerHint},
    weather::{Bandwidth, Weather},
};
use road::Roads;

/// A cluster within one process. Messages arrive at once and in order, on the sender's thread,
/// unless the network is told to misbehave.
///
/// | to test | call |
/// | --- | --- |
/// | a netsplit | [`part`](Self::part), [`part_one_way`](Self::part_one_way), [`heal`](Self::heal) |
/// | loss, delay, doubled and late messages | [`set_weather`](Self::set_weather) |
/// | a slow link | [`limit`](Self::limit) |
/// | a crash | [`crash`](Self::crash) |
/// | a broker that is away | [`disconnect`](Self::disconnect), [`reconnect`](Self::reconnect) |
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
    /// The roads of a network that has misbehaved at least once.
    roads: Option<Roads>,
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

    /// Returns the inbox of this start of a node, if it is still there.
    fn inbox_of(&self, node: &str, id: u64) -> Option<Inbox> {
        let member = self.nodes.get(node).filter(|member| member.id == id);
        Some(member?.inbox.clone())
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

    /// Changes how the network treats messages from now on. `None` lets all arrive at once again.
    /// Messages on their way arrive as they would have. Hints do not go by this network.
    ///
    /// A message may overtake another one if the delays differ, or if it is late. No engine of this
    /// crate lets that happen within a topic: for a test of code that relies on the order, choose
    /// equal delays, and none late.
    ///
    /// Delays are on tokio's clock, so they pass at once in a test with `start_paused`. The k-th
    /// message from one node to another has the same fate in each run.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime, whose task then delivers the messages.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use presence_core::{PubSub, adapters::{MemoryCluster, Weather}};
    /// use presence_core::pubsub::{Broadcast, Payload};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::time::pause();
    /// let cluster = MemoryCluster::default();
    /// let a = PubSub::with_adapter(cluster.join("a"));
    /// let b = PubSub::with_adapter(cluster.join("b"));
    /// let mut on_b = b.receiver("t", 16);
    /// cluster.set_weather(Some(Weather {
    ///     least_delay: Duration::from_millis(40),
    ///     longest_delay: Duration::from_millis(40),
    ///     ..Weather::CALM
    /// }));
    /// a.broadcast(Broadcast::new("t", "slow", Payload::empty()))?;
    /// assert!(on_b.try_recv().is_none());
    /// let sent = tokio::time::Instant::now();
    /// on_b.recv().await;
    /// assert!(sent.elapsed() >= Duration::from_millis(40));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_weather(&self, weather: Option<Weather>) {
        self.roads(|roads| roads.set_weather(weather));
    }

    /// Gives the link of a node a bandwidth, in each direction, from now on. `None` takes it away.
    /// Messages wait for the link in order, and those that do not fit into its queue are lost.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime, as [`set_weather`](Self::set_weather) does.
    ///
    /// # Examples
    /// ```
    /// use presence_core::adapters::{Bandwidth, MemoryCluster};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cluster = MemoryCluster::default();
    /// // 10 Mbit/s, and at most half a second of messages that wait.
    /// cluster.limit("a", Some(Bandwidth {
    ///     bytes_a_second: 1_250_000,
    ///     queue_bytes: 625_000,
    /// }));
    /// # }
    /// ```
    pub fn limit(&self, node: &str, bandwidth: Option<Bandwidth>) {
        self.roads(|roads| roads.limit(node.into(), bandwidth));
    }

    fn roads(&self, change: impl FnOnce(&mut Roads)) {
        let mut state = self.state.lock();
        if state.roads.as_ref().is_none_or(Roads::is_closed) {
            state.roads = Some(Roads::open(&self.state));
        }
        state.roads.as_mut().map(change);
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
            let mut state = self.cluster.state.lock();
            if !self.is_there(&state) {
                return Ok(());
            }
            match state.roads.take() {
                None => state.others(&self.node_name),
                Some(mut roads) => {
                    for (name, member) in &state.nodes {
                        if *name != self.node_name && state.passes(&self.node_name, name) {
                            roads.send(&self.node_name, (name, member.id), message);
                        }
                    }
                    state.roads = Some(roads);
                    return Ok(());
                }
            }
        };
        for inbox in others {
            inbox.deliver(message);
        }
        Ok(())
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        let (inbox, passes) = {
            let mut state = self.cluster.state.lock();
            let passes = self.is_there(&state) && state.passes(&self.node_name, node);
            let ClusterState { nodes, roads, .. } = &mut *state;
            let member = nodes.get_key_value(node);
            if let (Some((name, member)), Some(roads), true) = (member, roads, passes) {
                roads.send(&self.node_name, (name, member.id), message);
                return Ok(());
            }
            (member.map(|(_, member)| member.inbox.clone()), passes)
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
