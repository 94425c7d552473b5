//! The node of a tracker on tokio: it carries out the node's effects.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{SetOnce, mpsc};
use tokio::time::Instant;

use super::found::Found;
use super::last_events::LastEvents;
use super::messenger::Messenger;
use super::turn::AtOnce;
use super::work::WorkUnderWay;
use super::{DisconnectGrace, Page, TrackerOptions};
use crate::presence::Presences;
use crate::pubsub::{EngineState, PubSub};
use crate::replication::membership::Roll;
use crate::replication::node::{Node, NodeConfig, NodeEffect, ReplicaEvent, ReplicaView};
use crate::replication::set::{Incarnation, MetaBody, OwnerId, PhxRef, ReplicaName};
use crate::replication::shard::{TopicDiff, TrackRefused, UpdateRefused, Which};
use crate::sync::{Mutex, Notify};
use crate::telemetry::LagMeter;

/// The time by which a heartbeat may be late.
const HEARTBEAT_SLACK: Duration = Duration::from_millis(500);

/// The state that all parts of a tracker share, without the presence's type.
pub(crate) struct Host {
    node: Node,
    /// Sends messages to other nodes.
    pub(super) messenger: Messenger,
    last_events: Mutex<LastEvents>,
    /// The moment that the node's times count from.
    started: Instant,
    broadcast_period: Duration,
    found: Found,
    pub(super) disconnect_grace: DisconnectGrace,
    /// To the dispatcher. Unbounded, but a topic has at most one diff in it. Sending needs no
    /// runtime, so that an owner can be dropped anywhere.
    pub(super) diffs: mpsc::UnboundedSender<TopicDiff>,
    /// Sends small diffs at the end of a turn. Set at the start, if the presence has no code of the
    /// app.
    pub(super) at_once: OnceLock<Weak<dyn AtOnce>>,
    /// Wakes the driver when something is due earlier than it waits for.
    deadline: Notify,
    /// Wakes those who wait for the last diffs of a stopping tracker.
    finished: Notify,
    work: WorkUnderWay,
    /// Wakes those who wait until this node has caught up.
    changed: Notify,
    is_clustered: bool,
    /// Set once `Presence::init` has run: nothing of the presence is called before.
    pub(super) initialised: SetOnce<()>,
    /// Set when the tasks shall end.
    pub(super) closed: SetOnce<()>,
}

impl Host {
    pub(super) fn new(
        presence: &'static str,
        pubsub: &PubSub,
        options: &TrackerOptions,
        diffs: mpsc::UnboundedSender<TopicDiff>,
    ) -> Self {
        let config = NodeConfig {
            name: ReplicaName::new(pubsub.node_name()),
            incarnation: Incarnation {
                started_ms: unix_ms(),
                nonce: random(),
            },
            seed: random(),
            clustered: pubsub.is_clustered(),
            options: options.node.clone(),
        };
        Self {
            node: Node::new(config, Duration::ZERO),
            messenger: Messenger::new(presence, pubsub, options),
            last_events: Mutex::new(LastEvents::default()),
            started: Instant::now(),
            broadcast_period: options.node.broadcast_period,
            found: Found::new(*pubsub.engine_state().borrow()),
            disconnect_grace: options.disconnect_grace,
            diffs,
            at_once: OnceLock::new(),
            deadline: Notify::new(),
            finished: Notify::new(),
            work: WorkUnderWay::new(),
            changed: Notify::new(),
            is_clustered: pubsub.is_clustered(),
            initialised: SetOnce::new(),
            closed: SetOnce::new(),
        }
    }

    /// Tracks a presence, in [`and_then_carry_out`](Self::and_then_carry_out).
    pub(super) fn track(
        &self,
        which: Which<'_>,
        meta: &MetaBody,
        effects: &mut Vec<NodeEffect>,
    ) -> Result<PhxRef, TrackRefused> {
        self.node.track(which, meta, effects)
    }

    pub(super) fn update(
        &self,
        which: Which<'_>,
        expected: Option<PhxRef>,
        meta: &MetaBody,
    ) -> Result<PhxRef, UpdateRefused> {
        self.drive(|node, _, out| node.update(which, expected, meta, out))
    }

    /// Untracks a presence, in [`and_then_carry_out`](Self::and_then_carry_out). Returns whether
    /// there was one.
    pub(super) fn untrack(&self, which: Which<'_>, effects: &mut Vec<NodeEffect>) -> bool {
        self.node.untrack(which, effects)
    }

    pub(super) fn meta(
        &self,
        which: Which<'_>,
    ) -> Result<crate::replication::set::Meta, UpdateRefused> {
        self.node.meta(which)
    }

    /// Reports to the topic's shard that its diff has been dispatched.
    pub(super) fn dispatched(&self, topic: &Arc<str>) {
        self.drive(|node, now, out| node.dispatched(topic, now, out));
        self.finished.notify_waiters();
        self.ends();
    }

    /// Counts something under way until [`Host::ends`].
    pub(super) fn begins(&self) {
        self.work.call_begins();
    }

    pub(super) fn ends(&self) {
        self.work.call_ends();
    }

    /// Waits until no diff and no list is under way.
    pub(super) async fn settled(&self) {
        tokio::select! {
            () = self.work.settled() => {}
            // The runtime that the tasks ran on is gone.
            () = self.diffs.closed() => {}
        }
    }

    /// Ends all presences of an owner, in [`and_then_carry_out`](Self::and_then_carry_out).
    pub(super) fn owner_gone(&self, owner: OwnerId, effects: &mut Vec<NodeEffect>) {
        self.node.owner_gone(owner, self.started.elapsed(), effects);
    }

    /// Has all presences of an owner stay for the grace, in
    /// [`and_then_carry_out`](Self::and_then_carry_out).
    pub(super) fn owner_lost(
        &self,
        owner: OwnerId,
        grace: Duration,
        effects: &mut Vec<NodeEffect>,
    ) {
        self.node
            .owner_lost(owner, grace, self.started.elapsed(), effects);
    }

    pub(super) fn tick(&self) {
        self.drive(Node::tick);
        self.changed.notify_waiters();
    }

    pub(super) fn beat(&self) {
        self.drive(Node::beat);
    }

    /// Handles a message of a peer.
    pub(super) fn receive(&self, message: &[u8]) {
        self.drive(|node, now, out| node.receive(message, now, out));
        self.changed.notify_waiters();
    }

    /// Handles an engine's hint that a peer has ended.
    pub(super) fn peer_lost(&self, name: &str) {
        self.drive(|node, now, out| node.peer_lost(name, now, out));
    }

    /// Handles an engine's hint that a peer can be reached.
    pub(super) fn peer_seen(&self, name: &str) {
        self.drive(|node, _, out| node.peer_seen(name, out));
    }

    /// Handles an engine's report of its state.
    pub(super) fn engine_is(&self, state: EngineState) {
        self.found.engine_is(state);
        let away = state == EngineState::Disconnected;
        self.drive(|node, now, out| node.engine_is_away(away, now, out));
    }

    pub(super) fn leave(&self, grace: Duration) {
        self.drive(|node, _, out| node.leave(grace, out));
    }

    /// Ends all presences, and waits until the last diffs have been dispatched.
    pub(super) async fn stop(&self) {
        self.drive(Node::stop);
        loop {
            let finished = self.finished.notified();
            tokio::pin!(finished);
            // Registered before the look, else a diff that ends in between wakes nobody.
            finished.as_mut().enable();
            if self.node.is_finished() {
                return;
            }
            tokio::select! {
                () = finished => {}
                // The runtime that the tasks ran on is gone: no diff will ever be out.
                () = self.diffs.closed() => return,
            }
        }
    }

    /// Waits until `Presence::init` has run, or never will.
    pub(super) async fn ready(&self) {
        tokio::select! {
            _ = self.initialised.wait() => {}
            () = self.diffs.closed() => {}
        }
    }

    /// Returns the time at which the driver is needed next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        Some(self.started + self.node.next_deadline()?)
    }

    /// Returns the time at which the next heartbeat is due.
    pub(super) fn next_beat(&self) -> Option<Instant> {
        Some(self.started + self.node.next_beat()?)
    }

    /// Waits until [`Host::next_deadline`] may have become another.
    pub(super) async fn deadline_changed(&self) {
        self.deadline.notified().await;
    }

    pub(super) fn last_diff(&self, topic: &str) -> u64 {
        self.node.last_diff(topic)
    }

    /// Waits until this node shows all that the nodes around it have.
    pub(super) async fn caught_up(&self) {
        if !self.is_clustered {
            return;
        }
        // Each node that can be reached has told of itself by then.
        let acquainted = self
            .found
            .for_at_least(self.broadcast_period + HEARTBEAT_SLACK);
        tokio::select! {
            () = acquainted => {}
            _ = self.closed.wait() => return,
        }
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, else a change in between wakes nobody.
            changed.as_mut().enable();
            if self.node.is_caught_up() {
                return;
            }
            tokio::select! {
                () = changed => {}
                _ = self.closed.wait() => return,
            }
        }
    }

    pub(crate) fn list(&self, topic: &str) -> Presences {
        Presences::from_sorted(&self.node.list(topic))
    }

    /// Returns the key's presences, empty if the key is not present.
    pub(crate) fn get_by_key(&self, topic: &str, key: &str) -> Presences {
        Presences::from_sorted(&self.node.get_by_key(topic, key))
    }

    pub(super) fn get_many(&self, topic: &str, keys: &BTreeSet<Arc<str>>) -> Presences {
        let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
        Presences::from_sorted(&self.node.get_many(topic, &keys))
    }

    pub(super) fn page(&self, topic: &str, after: Option<&str>, keys: usize) -> Page {
        let (entries, has_more) = self.node.page(topic, after, keys);
        let last = entries.last().filter(|_| has_more);
        Page {
            next: last.map(|entry| Arc::clone(&entry.key)),
            presences: Presences::from_sorted(&entries),
        }
    }

    /// Returns the node, for reads of a topic's state.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn count(&self, topic: &str) -> usize {
        self.node.count(topic)
    }

    /// Returns the number of distinct keys in the topic, and seals as a list does: if the number
    /// becomes another, a diff follows.
    pub(super) fn sealed_count(&self, topic: &str) -> usize {
        let mut shard = self.node.shard_of(topic).lock();
        // Without metas to look for, it only seals.
        shard.gone(topic, std::iter::empty());
        shard.count(topic)
    }

    pub(super) fn topics(&self) -> Vec<(Arc<str>, usize)> {
        self.node.topics()
    }

    /// Returns the time by the node's clock.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns a time of the node's clock by tokio's.
    pub(super) fn at(&self, time: Duration) -> Instant {
        self.started + time
    }

    /// From now on, diffs tell which keys came and went. For a node that holds nothing.
    pub(super) fn tell_keys(&self) {
        self.node.tell_keys();
    }

    pub(super) fn roll(&self) -> Roll {
        self.node.roll()
    }

    pub(super) fn replicas(&self) -> Vec<ReplicaView> {
        self.node.replicas()
    }

    pub(super) fn behind(&self) -> BTreeSet<ReplicaName> {
        self.node.behind()
    }

    pub(super) fn lag_meter(&self) -> LagMeter {
        LagMeter::new(self.messenger.presence(), self.broadcast_period)
    }

    #[cfg(test)]
    pub(super) fn counters(&self) -> crate::replication::node::NodeCounters {
        self.node.counters()
    }

    fn drive<T>(&self, run: impl FnOnce(&Node, Duration, &mut Vec<NodeEffect>) -> T) -> T {
        self.and_then_carry_out(|effects| run(&self.node, self.started.elapsed(), effects))
    }

    /// Runs changes, and carries out their effects when no lock of the changes is held any more.
    pub(super) fn and_then_carry_out<T>(
        &self,
        changes: impl FnOnce(&mut Vec<NodeEffect>) -> T,
    ) -> T {
        let _change = self.work.change();
        let mut effects = Vec::new();
        let answer = changes(&mut effects);
        for effect in effects {
            match effect {
                NodeEffect::TopicDiff(diff) => self.hand_over(diff),
                NodeEffect::Wake => self.deadline.notify_one(),
                NodeEffect::Broadcast(class, bytes) => self.messenger.broadcast(class, bytes),
                NodeEffect::Direct(to, class, bytes) => self.messenger.direct(&to, class, bytes),
                NodeEffect::Replica(event) => self.became(event),
                NodeEffect::Rejected(rejected) => self.messenger.rejected(&rejected),
            }
        }
        answer
    }

    /// Reports what became of a node, unless it is over.
    fn became(&self, event: ReplicaEvent) {
        // Held until the event is out: the roll is read in the order of the events.
        let mut last = self.last_events.lock();
        if last.admit(&event, || self.node.roll()) {
            self.messenger.became(event);
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// A random number from the keys that the standard library draws for its maps.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Returns the wall-clock time. It passes with tokio's clock, so that nodes of a test with a paused
/// clock start at different times too.
pub(super) fn wall_clock() -> SystemTime {
    let (tokio, real) = (Instant::now().into_std(), std::time::Instant::now());
    let wall = SystemTime::now();
    let ahead = wall.checked_add(tokio.saturating_duration_since(real));
    let behind = real.saturating_duration_since(tokio);
    ahead
        .and_then(|wall| wall.checked_sub(behind))
        .unwrap_or(wall)
}

fn unix_ms() -> u64 {
    let since = wall_clock().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
