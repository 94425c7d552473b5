//! One machine of the cluster: its clocks, its node while it is on, and the clients that listen
//! there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::client::{Alternation, ClientState, PresenceDiff, sync_diff};
use super::clock::MachineClock;
use super::lost::LostPresence;
use super::witness::Witness;
use crate::replication::message;
use crate::replication::node::{Node, ReplicaView};
use crate::replication::set::{PhxRef, ReplicaName};

/// The most diffs that a client may have held back before its first list.
const HELD_BACK: usize = 4;

/// The most clients of a topic. Beyond it, the oldest leaves.
const CLIENTS: usize = 4;

/// The most messages that wait for a stopped machine. More are lost, as from a full socket.
const INBOX: usize = 64;

/// Owner, topic, key.
pub(super) type TrackedPlace = (u64, Arc<str>, Arc<str>);

pub(super) struct Machine {
    pub(super) name: ReplicaName,
    pub(super) clock: MachineClock,
    /// The wall clock, as milliseconds ahead of the world's.
    pub(super) wall_ahead: i64,
    /// The time that a diff takes to reach its subscribers.
    pub(super) dispatch: Duration,
    /// None while it is off.
    pub(super) node: Option<Node>,
    /// Changes whenever what is under way here becomes void.
    pub(super) life: u64,
    /// The number of starts.
    pub(super) starts: u64,
    /// The version of the format between nodes that it writes.
    pub(super) version: u8,
    /// The longest message that its engine carries, in bytes. `None`: there is no limit.
    pub(super) engine: Option<usize>,
    /// Set while the process is stopped.
    pub(super) stopped: bool,
    /// The last time that the process continued after a stop.
    pub(super) continued: Option<Duration>,
    /// Set after it has left in order.
    pub(super) left: bool,
    /// Set if it continues from a snapshot.
    pub(super) restored: bool,
    /// The messages that arrived while it was stopped.
    inbox: VecDeque<Bytes>,
    /// When its next wake stands in the queue of events.
    pub(super) wake: Option<Duration>,
    /// The presences that are tracked here: the truth.
    pub(super) tracked: BTreeMap<TrackedPlace, PhxRef>,
    /// Those whose owners' connections were lost.
    pub(super) lost: BTreeMap<PhxRef, LostPresence>,
    pub(super) topics: BTreeMap<Arc<str>, Listeners>,
    /// The last views of its node.
    pub(super) seen: Vec<ReplicaView>,
    pub(super) saved: Option<Box<Saved>>,
    pub(super) witness: Witness,
}

/// A machine at an earlier moment.
pub(super) struct Saved {
    name: ReplicaName,
    node: Node,
    shown: Duration,
    left: bool,
    version: u8,
    engine: Option<usize>,
    tracked: BTreeMap<TrackedPlace, PhxRef>,
    lost: BTreeMap<PhxRef, LostPresence>,
    topics: BTreeMap<Arc<str>, Listeners>,
    /// The witness of the snapshot, which counts again after the restore.
    witness: Witness,
}

/// The clients of one topic on one machine.
#[derive(Clone, Default)]
pub(super) struct Listeners {
    /// The diff that is being dispatched.
    pub(super) under_way: Option<PresenceDiff>,
    /// The last diffs that were dispatched.
    past: VecDeque<PresenceDiff>,
    /// When the last one was, by the machine's clock.
    pub(super) last: Option<Duration>,
    pub(super) alternation: Alternation,
    /// The keys that have come and not gone, as the diffs tell.
    pub(super) keys: BTreeSet<Arc<str>>,
    pub(super) clients: Vec<ClientState>,
    /// The number of diffs so far.
    diffs: usize,
}

impl Listeners {
    /// Adds a client with its first list, which has held back the given number of the last diffs.
    pub(super) fn come(&mut self, mut list: ClientState, held_back: usize) {
        let first = self.past.len().saturating_sub(held_back);
        for frame in self.past.range(first..) {
            sync_diff(&mut list, frame);
        }
        if self.clients.len() == CLIENTS {
            self.clients.remove(0);
        }
        self.clients.push(list);
    }

    /// Delivers the diff under way. Returns whether there was one.
    pub(super) fn arrive(&mut self, now: Duration) -> bool {
        let Some(frame) = self.under_way.take() else {
            return false;
        };
        for client in &mut self.clients {
            sync_diff(client, &frame);
        }
        if self.past.len() == HELD_BACK {
            self.past.pop_front();
        }
        self.past.push_back(frame);
        self.diffs += 1;
        self.last = Some(now);
        true
    }
}

impl Machine {
    pub(super) fn new(name: ReplicaName, clock: MachineClock) -> Self {
        Self {
            name,
            clock,
            wall_ahead: 0,
            dispatch: Duration::ZERO,
            node: None,
            life: 0,
            starts: 0,
            version: message::VERSION,
            engine: None,
            stopped: false,
            continued: None,
            left: false,
            restored: false,
            inbox: VecDeque::new(),
            wake: None,
            tracked: BTreeMap::new(),
            lost: BTreeMap::new(),
            topics: BTreeMap::new(),
            seen: Vec::new(),
            saved: None,
            witness: Witness::default(),
        }
    }

    /// The node, if it is on and does not stand still.
    pub(super) fn running(&self) -> Option<&Node> {
        self.node.as_ref().filter(|_| !self.stopped)
    }

    /// Returns the number of diffs of a topic so far.
    pub(super) fn diffs_of(&self, topic: &str) -> usize {
        self.topics.get(topic).map_or(0, |topic| topic.diffs)
    }

    /// Returns whether it is a member of the cluster that others should list.
    pub(super) fn is_up(&self) -> bool {
        self.running().is_some() && !self.left
    }

    /// Returns the time of its wall clock, in milliseconds of Unix time.
    pub(super) fn wall_ms(&self, now: Duration) -> u64 {
        const START: i64 = 1_700_000_000_000;
        let passed = i64::try_from(now.as_millis()).unwrap_or(i64::MAX / 2);
        u64::try_from(START + passed + self.wall_ahead).unwrap_or_default()
    }

    /// Power goes off; returns what was the node.
    pub(super) fn off(&mut self) -> Option<Node> {
        self.life += 1;
        self.stopped = false;
        self.left = false;
        self.restored = false;
        self.version = message::VERSION;
        self.engine = None;
        self.inbox.clear();
        self.tracked.clear();
        self.lost.clear();
        self.topics.clear();
        self.seen.clear();
        self.witness = Witness::default();
        self.node.take()
    }

    pub(super) fn keep(&mut self, message: Bytes) {
        if self.inbox.len() < INBOX {
            self.inbox.push_back(message);
        }
    }

    pub(super) fn take_inbox(&mut self) -> VecDeque<Bytes> {
        std::mem::take(&mut self.inbox)
    }

    pub(super) fn save(&mut self, now: Duration) {
        let Some(node) = self.running() else {
            return;
        };
        self.saved = Some(Box::new(Saved {
            name: self.name.clone(),
            node: node.fork(),
            shown: self.clock.at(now),
            left: self.left,
            version: self.version,
            engine: self.engine,
            tracked: self.tracked.clone(),
            lost: self.lost.clone(),
            topics: self.topics.clone(),
            witness: self.witness.clone(),
        }));
    }

    /// Becomes what was saved; returns the node that was there. `None`: nothing was saved.
    pub(super) fn restore(&mut self, now: Duration) -> Option<Option<Node>> {
        let saved = *self.saved.take()?;
        let before = self.off();
        self.name = saved.name;
        self.node = Some(saved.node);
        self.left = saved.left;
        self.version = saved.version;
        self.engine = saved.engine;
        self.restored = true;
        self.tracked = saved.tracked;
        self.lost = saved.lost;
        self.topics = saved.topics;
        self.witness = saved.witness;
        self.clock.set(now, saved.shown);
        Some(before)
    }
}
