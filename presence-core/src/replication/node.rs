//! One node of a cluster, without I/O: its shards, and its judgement of the others.
//!
//! A [`Node`] reads no clock, draws no random number and sends nothing. Its runtime gives it the
//! time and the messages of peers, and carries out its [`NodeEffect`]s in order. A
//! [`Tracker`](crate::Tracker) runs one node on tokio; the simulator runs many on virtual time.
//!
//! `now` is the time since any fixed moment of that node, and never goes backwards.
//!
//! # Locks
//!
//! All methods take `&self`. Every shard has a lock of its own. Another lock puts messages of peers
//! and deadlines into one order. A read takes one shard's lock for one bounded piece of work. A
//! [heartbeat](Node::beat) waits for no shard: for a busy shard, it sends the last known state.

mod beat;
mod compare;
#[cfg(any(test, feature = "sim"))]
mod counters;
mod effect;
mod pull;
mod pulls;
mod reads;
mod receive;
mod shard_lock;
#[cfg(any(test, feature = "sim"))]
mod snapshot;
mod speech;
mod view;

use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use beat::Beats;
#[cfg(any(test, feature = "sim"))]
pub(crate) use counters::NodeCounters;
pub(crate) use effect::{NodeEffect, Rejected};
pub(crate) use pulls::Answerer;
use pulls::Pulls;
pub(crate) use reads::Stale;
pub(crate) use receive::MAX_GRACE;
use shard_lock::ShardLock;
use speech::millis;
pub use view::{ReplicaView, ShardView};

#[cfg(any(test, feature = "sim"))]
pub(crate) use crate::replication::membership::MembershipCounts;
pub use crate::replication::membership::{ReplicaEvent, Status};

use crate::replication::membership::{Membership, MembershipEvent};
use crate::replication::message::{self, Body};
pub(crate) use crate::replication::options::NodeOptions;
use crate::replication::set::{Incarnation, Meta, MetaBody, Origin, OwnerId, PhxRef, ReplicaName};
use crate::replication::shard::{
    Effect, Input, Shard, ShardConfig, TrackRefused, UpdateRefused, Which,
};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// The parameters of a node.
#[derive(Clone, Debug)]
pub(crate) struct NodeConfig {
    /// The name of the node. Two live nodes must not share one.
    pub(crate) name: ReplicaName,
    /// This start of it: the wall clock, and a random nonce.
    pub(crate) incarnation: Incarnation,
    /// A random number: all that is random here depends on it.
    pub(crate) seed: u64,
    /// Set if there may be other nodes. Otherwise the node sends nothing.
    pub(crate) clustered: bool,
    /// The options. A node does not check their bounds; a tracker does.
    pub(crate) options: NodeOptions,
}

/// One node. See the [module](self) for how it works.
#[derive(Debug)]
pub(crate) struct Node {
    /// A topic's shard is its `xxh3_64`, modulo their number. Nodes must agree on that.
    shards: Box<[ShardLock]>,
    /// The membership of the other nodes. The lock is not held while waiting for a shard.
    membership: Mutex<Membership>,
    /// The state of each shard for heartbeats, from when the shard was last free.
    beats: Mutex<Beats>,
    /// Held while what peers or the clock say is carried to the shards: a node that goes down and
    /// comes back must be hidden and shown in this order.
    order: Mutex<MessageCounts>,
    /// The answers that this node waits for. The lock is held while a shard is looked at, and never
    /// taken by one who holds a shard.
    pulls: Mutex<Pulls>,
    /// Set if a heartbeat was sent since nodes were last compared.
    compare: AtomicBool,
    /// The bound of a message's changes, and of a vector.
    chunk_bytes: usize,
    clustered: bool,
}

/// The counts of messages, of all senders.
#[derive(Clone, Copy, Debug, Default)]
struct MessageCounts {
    malformed: u64,
    vectors: u64,
    /// The row with which the next vector begins.
    next_row: usize,
}

impl Node {
    /// Creates a node without presences and peers. Its first heartbeat is due at once.
    #[must_use]
    pub(crate) fn new(config: NodeConfig, now: Duration) -> Self {
        let origin = Origin {
            name: config.name,
            incarnation: config.incarnation,
        };
        let mut seeds = fastrand::Rng::with_seed(config.seed);
        let options = Arc::new(config.options);
        let shard = |_| {
            ShardLock::new(Shard::new(ShardConfig {
                origin: origin.clone(),
                ref_nonce: seeds.u64(..),
                seed: seeds.u64(..),
                diff_interval: options.diff_interval,
                delta_interval: options.delta_interval,
                chunk_bytes: options.chunk_bytes,
                removal_log_bytes: options.removal_log_bytes,
                batch: options.batch,
                max_hidden: options.max_hidden,
                max_answers: options.max_answers,
            }))
        };
        let shards: Box<[_]> = (0..options.pool_size).map(shard).collect();
        let beats = Beats::new(shards.len(), &origin);
        let chunk_bytes = options.chunk_bytes;
        let pulls = Pulls::new(chunk_bytes);
        Self {
            shards,
            membership: Mutex::new(Membership::new(origin, options, seeds.u64(..), now)),
            beats: Mutex::new(beats),
            order: Mutex::new(MessageCounts::default()),
            pulls: Mutex::new(pulls),
            compare: AtomicBool::new(false),
            chunk_bytes,
            clustered: config.clustered,
        }
    }

    /// Adds a presence. Returns the reference of its meta.
    ///
    /// # Errors
    ///
    /// If the owner has one there already, or the node was stopped. Nothing has changed then.
    pub(crate) fn track(
        &self,
        which: Which<'_>,
        meta: &MetaBody,
        out: &mut Vec<NodeEffect>,
    ) -> Result<PhxRef, TrackRefused> {
        self.change(which.topic, out, |shard, effects| {
            shard.track(which, meta, effects)
        })
    }

    /// Replaces the meta of a presence, in one step. Returns the new reference. With `expected`, it
    /// does so only if the present meta has that reference.
    ///
    /// # Errors
    ///
    /// If there is no such presence, it is not the one expected, or the node was stopped. Nothing
    /// has changed then.
    pub(crate) fn update(
        &self,
        which: Which<'_>,
        expected: Option<PhxRef>,
        meta: &MetaBody,
        out: &mut Vec<NodeEffect>,
    ) -> Result<PhxRef, UpdateRefused> {
        self.change(which.topic, out, |shard, effects| {
            shard.update(which, expected, meta, effects)
        })
    }

    /// Removes a presence. Returns whether there was one.
    pub(crate) fn untrack(&self, which: Which<'_>, out: &mut Vec<NodeEffect>) -> bool {
        self.change(which.topic, out, |shard, effects| {
            shard.untrack(which, effects)
        })
    }

    /// Returns the meta of a presence, for an update.
    ///
    /// # Errors
    ///
    /// If there is no such presence, or the node was stopped.
    pub(crate) fn meta(&self, which: Which<'_>) -> Result<Meta, UpdateRefused> {
        self.shard_of(which.topic).lock().meta(which)
    }

    /// Ends all that an owner tracked on this node.
    pub(crate) fn owner_gone(&self, owner: OwnerId, now: Duration, out: &mut Vec<NodeEffect>) {
        self.tell_all(&Input::OwnerGone(owner), now, out);
    }

    /// The connection of an owner was lost: all that it tracked on this node stays for the grace,
    /// or until the same key is tracked again in the same topic, on any node.
    pub(crate) fn owner_lost(
        &self,
        owner: OwnerId,
        grace: Duration,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        self.tell_all(&Input::OwnerLost(owner, now + grace), now, out);
    }

    /// Returns the number of the last diff of the topic's shard.
    #[must_use]
    pub(crate) fn last_diff(&self, topic: &str) -> u64 {
        self.shard_of(topic).lock().last_diff()
    }

    /// Returns whether all is shown here that nodes that are up have told of.
    #[must_use]
    pub(crate) fn is_caught_up(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().is_caught_up())
    }

    /// Reports that the topic's last [`NodeEffect::TopicDiff`] has been carried out.
    pub(crate) fn dispatched(&self, topic: &Arc<str>, now: Duration, out: &mut Vec<NodeEffect>) {
        let input = Input::Dispatched(Arc::clone(topic));
        self.tell(self.place(topic), input, now, out);
    }

    /// An engine tells that the node of this name has ended, or cannot be reached. It is believed
    /// no longer than it takes to ask that node, directly and through others.
    pub(crate) fn peer_lost(&self, name: &str, now: Duration, out: &mut Vec<NodeEffect>) {
        let _order = self.order.lock();
        let mut events = Vec::new();
        let name = ReplicaName::new(name);
        self.membership.lock().lost(&name, now, &mut events);
        // Nothing else makes a judgement due earlier than it was.
        out.push(NodeEffect::Wake);
        self.carry(events, now, out);
    }

    /// An engine tells that the node of this name can be reached now. It is greeted, so that it
    /// need not wait for the next heartbeat to know this one.
    pub(crate) fn peer_seen(&self, name: &str, out: &mut Vec<NodeEffect>) {
        self.greet(ReplicaName::new(name), out);
    }

    /// Handles the engine's report that it has lost its broker, or is connected again. In between,
    /// no node goes down.
    pub(crate) fn engine_is_away(&self, away: bool, now: Duration, out: &mut Vec<NodeEffect>) {
        let _order = self.order.lock();
        self.membership.lock().engine_is_away(away, now);
        out.push(NodeEffect::Wake);
    }

    /// Takes leave: other nodes show what this one tracks for `grace` longer, or until the same key
    /// is tracked elsewhere. From now on this node tells others nothing and believes nothing.
    pub(crate) fn leave(&self, grace: Duration, out: &mut Vec<NodeEffect>) {
        let _order = self.order.lock();
        if !self.clustered || self.membership.lock().has_left() {
            return;
        }
        let body = Body::Leave {
            grace_ms: millis(grace),
        };
        // Under one lock: with a message after it, a leave that the other message overtakes would
        // be old, and be ignored.
        let mut membership = self.membership.lock();
        let last = self.next_message(&mut membership);
        membership.leave();
        drop(membership);
        let bytes = last.and_then(|last| last.encode(&body));
        out.extend(bytes.map(|bytes| NodeEffect::Broadcast(body.class(), bytes)));
        self.shards.iter().for_each(|shard| shard.lock().linger());
    }

    /// Ends all presences of this node, and takes no more. Diffs no longer wait for the interval.
    /// Other nodes are told by [`leave`](Self::leave), which should come before.
    pub(crate) fn stop(&self, now: Duration, out: &mut Vec<NodeEffect>) {
        self.tell_all(&Input::Stop, now, out);
    }

    /// Returns whether the node was stopped and all its diffs have been carried out.
    #[must_use]
    pub(crate) fn is_finished(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().is_finished())
    }

    /// When [`tick`](Self::tick) is due next. [`Duration::ZERO`]: at once.
    #[must_use]
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let shards = self
            .shards
            .iter()
            .filter_map(|shard| shard.lock().next_deadline());
        let pulls = self.pulls.lock().next_deadline();
        shards.chain(pulls).chain(self.next_judgement()).min()
    }

    /// When [`tick`](Self::tick) is due for other nodes' sake, or a [`beat`](Self::beat) is.
    fn next_judgement(&self) -> Option<Duration> {
        if !self.clustered {
            return None;
        }
        let membership = self.membership.lock();
        let deadline = membership.next_deadline();
        let beat = (!membership.has_left()).then(|| membership.next_beat());
        deadline.into_iter().chain(beat).min()
    }

    /// Does what is due. Harmless at any time.
    pub(crate) fn tick(&self, now: Duration, out: &mut Vec<NodeEffect>) {
        self.beat(now, out);
        if self.clustered {
            let mut counts = self.order.lock();
            let mut events = Vec::new();
            self.membership.lock().expire(now, &mut events);
            self.carry(events, now, out);
            if self.compare.swap(false, Ordering::Relaxed) {
                self.compare_with_one(&mut counts, now, out);
            }
        }
        for place in 0..self.shards.len() {
            let due = self.shards[place].lock().next_deadline();
            if due.is_some_and(|due| due <= now) {
                self.tell(place, Input::Tick, now, out);
            }
        }
        self.go_on_pulling(now, Vec::new(), out);
    }

    /// Runs a change of the topic's shard, and adds what follows from it to `out`.
    pub(crate) fn change<T>(
        &self,
        topic: &str,
        out: &mut Vec<NodeEffect>,
        change: impl FnOnce(&mut Shard, &mut Vec<Effect>) -> T,
    ) -> T {
        self.drive(self.place(topic), out, change)
    }

    fn drive<T>(
        &self,
        place: usize,
        out: &mut Vec<NodeEffect>,
        run: impl FnOnce(&mut Shard, &mut Vec<Effect>) -> T,
    ) -> T {
        let mut effects = Vec::new();
        let answer = self.run(place, &mut effects, out, run);
        self.carry_out(place, effects, out);
        answer
    }

    /// Runs something on a shard, and sees to it that its driver wakes in time.
    fn run<T>(
        &self,
        place: usize,
        effects: &mut Vec<Effect>,
        out: &mut Vec<NodeEffect>,
        run: impl FnOnce(&mut Shard, &mut Vec<Effect>) -> T,
    ) -> T {
        let mut shard = self.shards[place].lock();
        let before = shard.next_deadline();
        let answer = run(&mut shard, effects);
        let after = shard.next_deadline();
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            out.push(NodeEffect::Wake);
        }
        answer
    }

    pub(crate) fn shard_of(&self, topic: &str) -> &ShardLock {
        &self.shards[self.place(topic)]
    }

    pub(super) fn place(&self, topic: &str) -> usize {
        (xxh3_64(topic.as_bytes()) % self.shards.len() as u64) as usize
    }

    fn tell_all(&self, input: &Input, now: Duration, out: &mut Vec<NodeEffect>) {
        for place in 0..self.shards.len() {
            self.tell(place, input.clone(), now, out);
        }
    }

    fn tell(&self, place: usize, input: Input, now: Duration, out: &mut Vec<NodeEffect>) {
        self.drive(place, out, |shard, effects| {
            shard.handle(input, now, effects);
        });
    }

    /// Makes messages of what a shard wants said.
    fn carry_out(&self, place: usize, effects: Vec<Effect>, out: &mut Vec<NodeEffect>) {
        let shard = place as u16;
        for effect in effects {
            match effect {
                Effect::TopicDiff(diff) => out.push(NodeEffect::TopicDiff(diff.sides())),
                Effect::Delta(delta) => {
                    let body = message::body_of_delta(shard, &delta);
                    self.speak_as(delta.origin.incarnation, &body, |bytes| {
                        out.push(NodeEffect::Broadcast(body.class(), bytes));
                    });
                }
                Effect::Part(to, part) => {
                    let body = message::body_of_part(shard, &part);
                    self.say(to, &body, out);
                }
                // Begun at the end of the tick that it comes from.
                Effect::Ask(ask) => self.pulls.lock().want(place, ask),
                // Only a request can lead to it, and is looked through for it.
                Effect::Claimed(..) => {}
            }
        }
    }

    /// Carries to shards and peers what a judgement led to.
    fn carry(&self, events: Vec<MembershipEvent>, now: Duration, out: &mut Vec<NodeEffect>) {
        for event in events {
            match event {
                MembershipEvent::Tell(input) => {
                    if matches!(input, Input::Retag(_)) {
                        // A heartbeat is due at once.
                        out.push(NodeEffect::Wake);
                    }
                    self.tell_all(&input, now, out);
                    if let Some(name) = input.judged_node() {
                        self.gone_from_pulls(name, now, out);
                    }
                }
                MembershipEvent::Say(to, say) => self.say(to, &say, out),
                MembershipEvent::Greet(to) => self.greet(to, out),
                MembershipEvent::Replica(event) => out.push(NodeEffect::Replica(event)),
            }
        }
    }
}

#[cfg(all(test, shuttle))]
mod model;
#[cfg(test)]
mod tests;
