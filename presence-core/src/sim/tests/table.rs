//! A few nodes on a table, and every message in the hand of the test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::replication::message::{self, Body};
use crate::replication::node::{
    Node, NodeConfig, NodeEffect, NodeOptions, ReplicaEvent, ReplicaView,
};
use crate::replication::set::{Incarnation, MetaBody, OwnerId, ReplicaName};
use crate::replication::shard::Which;
use crate::sim::client::{ClientState, PresenceDiff, sets, state, sync_diff};

pub(super) const TOPIC: &str = "t";
const KEYS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

pub(super) const MS: Duration = Duration::from_millis(1);
/// The default period between heartbeats.
pub(super) const PERIOD: Duration = Duration::from_millis(1500);

/// One shard and small limits, so that what is rare happens at once.
pub(super) fn options() -> NodeOptions {
    NodeOptions {
        pool_size: 1,
        max_silent_periods: 2,
        down_period: 4 * PERIOD,
        permdown_period: 10 * PERIOD,
        chunk_bytes: 256,
        ..NodeOptions::default()
    }
}

#[derive(Clone, Debug)]
struct Letter {
    from: usize,
    to: usize,
    bytes: Bytes,
}

/// A fault of a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LinkFault {
    /// Each waits to be released.
    Held,
    /// None arrives.
    Cut,
}

pub(super) struct Table {
    nodes: Vec<Option<Node>>,
    names: Vec<ReplicaName>,
    options: NodeOptions,
    pub(super) now: Duration,
    under_way: VecDeque<Letter>,
    kept: Vec<Letter>,
    links: BTreeMap<(usize, usize), LinkFault>,
    /// The client on each node, if there is one: its state.
    clients: Vec<Option<ClientState>>,
    pub(super) events: Vec<(usize, ReplicaEvent)>,
}

impl Table {
    /// Starts nodes `n0`, `n1`, ... with the same options, and lets them find each other.
    pub(super) fn with(nodes: usize, options: &NodeOptions) -> Self {
        let mut table = Self {
            nodes: (0..nodes).map(|_| None).collect(),
            names: (0..nodes)
                .map(|number| ReplicaName::new(format!("n{number}")))
                .collect(),
            options: options.clone(),
            now: Duration::from_secs(1),
            under_way: VecDeque::new(),
            kept: Vec::new(),
            links: BTreeMap::new(),
            clients: (0..nodes).map(|_| None).collect(),
            events: Vec::new(),
        };
        for number in 0..nodes {
            table.start(number, 1000);
        }
        table.pass(2 * PERIOD);
        table
    }

    /// Starts a node that is off, with what its wall clock says.
    pub(super) fn start(&mut self, number: usize, started_ms: u64) {
        let seed = started_ms * 100 + number as u64;
        self.nodes[number] = Some(Node::new(
            NodeConfig {
                name: self.names[number].clone(),
                incarnation: Incarnation {
                    started_ms,
                    nonce: seed,
                },
                seed,
                clustered: true,
                options: self.options.clone(),
            },
            self.now,
        ));
    }

    /// The node is gone, without a word.
    pub(super) fn crash(&mut self, number: usize) {
        self.nodes[number] = None;
    }

    /// From now on the node has this name, once it is started.
    pub(super) fn rename(&mut self, number: usize, name: &str) {
        self.names[number] = ReplicaName::new(name);
    }

    pub(super) fn node(&self, number: usize) -> &Node {
        self.nodes[number].as_ref().expect("the node is on")
    }

    pub(super) fn replace(&mut self, number: usize, node: Node) {
        self.nodes[number] = Some(node);
    }

    pub(super) fn options_mut(&mut self) -> &mut NodeOptions {
        &mut self.options
    }

    pub(super) fn track(&mut self, number: usize, key: &str) {
        let meta = MetaBody::encode(&serde_json::json!({}), 100).expect("an object");
        let tracked = self.act(number, |node, _, out| node.track(which(key), &meta, out));
        tracked.expect("it was not tracked before");
        self.deliver();
    }

    pub(super) fn untrack(&mut self, number: usize, key: &str) {
        let was = self.act(number, |node, _, out| node.untrack(which(key), out));
        assert!(was, "it was tracked");
        self.deliver();
    }

    pub(super) fn leave(&mut self, number: usize, grace: Duration) {
        self.act(number, |node, _, out| node.leave(grace, out));
        self.deliver();
    }

    /// Returns the keys that the node lists, without sealing. A key occurs once for each of its
    /// metas.
    pub(super) fn keys(&self, number: usize) -> Vec<&'static str> {
        let node = self.node(number);
        let keys = KEYS.iter();
        keys.flat_map(|key| node.get_by_key(TOPIC, key).into_iter().map(|_| *key))
            .collect()
    }

    /// A client on that node takes a list, and applies all diffs from then on.
    pub(super) fn listen(&mut self, number: usize) {
        self.clients[number] = Some(state(&self.node(number).list(TOPIC)));
    }

    /// Returns whether the client on that node, after all diffs, has the state that a list shows.
    pub(super) fn client_follows(&self, number: usize) -> bool {
        let node = self.node(number);
        let entries: Vec<_> = KEYS
            .iter()
            .flat_map(|key| node.get_by_key(TOPIC, key))
            .collect();
        self.clients[number].as_ref().map(sets) == Some(sets(&state(&entries)))
    }

    /// Returns the node's view of another one, in its latest incarnation.
    pub(super) fn view(&self, number: usize, of: &str) -> Option<ReplicaView> {
        let views = self.node(number).replicas().into_iter();
        views
            .filter(|view| view.origin.name.as_str() == of)
            .max_by_key(|view| view.origin.incarnation)
    }

    /// From now on what goes from the one to the other waits for [`Table::release`].
    pub(super) fn hold(&mut self, from: usize, to: usize) {
        self.links.insert((from, to), LinkFault::Held);
    }

    pub(super) fn cut(&mut self, from: usize, to: usize) {
        self.links.insert((from, to), LinkFault::Cut);
    }

    pub(super) fn open(&mut self, from: usize, to: usize) {
        self.links.remove(&(from, to));
    }

    /// Nothing goes between the one and any other, either way.
    pub(super) fn isolate(&mut self, number: usize) {
        for other in (0..self.nodes.len()).filter(|other| *other != number) {
            self.cut(number, other);
            self.cut(other, number);
        }
    }

    pub(super) fn open_all(&mut self) {
        self.links.clear();
    }

    /// Delivers held messages for which `which` says so, and what they lead to; returns how many
    /// there were.
    pub(super) fn release(&mut self, which: impl Fn(&Body<'_>) -> bool) -> usize {
        let fits = |letter: &mut Letter| {
            message::decode(&letter.bytes).is_ok_and(|(_, body)| which(&body))
        };
        let released: Vec<_> = self.kept.extract_if(.., fits).collect();
        for letter in &released {
            self.arrive(letter);
        }
        self.deliver();
        released.len()
    }

    /// Delivers one held message only, the first for which `which` says so.
    pub(super) fn release_first(&mut self, which: impl Fn(&Body<'_>) -> bool) {
        let mut kept = self.kept.iter();
        let place = kept
            .position(|letter| message::decode(&letter.bytes).is_ok_and(|(_, body)| which(&body)));
        let letter = self.kept.remove(place.expect("such a message is held"));
        self.arrive(&letter);
        self.deliver();
    }

    /// Loses what is held.
    pub(super) fn lose_held(&mut self) {
        self.kept.clear();
    }

    /// Time passes; messages that are not held arrive at once.
    pub(super) fn pass(&mut self, time: Duration) {
        let all: BTreeSet<_> = (0..self.nodes.len()).collect();
        self.pass_for(time, &all);
    }

    /// As [`Table::pass`], but one node stands still: it is told nothing, and what comes for it
    /// waits.
    pub(super) fn pass_without(&mut self, time: Duration, stopped: usize) {
        let others = (0..self.nodes.len()).filter(|other| *other != stopped);
        let others: BTreeSet<_> = others.collect();
        for other in &others {
            self.hold(*other, stopped);
        }
        self.pass_for(time, &others);
        for other in &others {
            self.open(*other, stopped);
        }
    }

    fn pass_for(&mut self, time: Duration, moving: &BTreeSet<usize>) {
        let until = self.now + time;
        self.deliver();
        loop {
            let deadlines = moving.iter().filter_map(|number| {
                let node = self.nodes[*number].as_ref()?;
                Some((node.next_deadline()?.max(self.now), *number))
            });
            let Some((at, number)) = deadlines.min().filter(|(at, _)| *at <= until) else {
                break;
            };
            self.now = at;
            self.act(number, Node::tick);
            self.deliver();
        }
        self.now = until;
    }

    pub(super) fn tick(&mut self, number: usize) {
        self.act(number, Node::tick);
        self.deliver();
    }

    fn deliver(&mut self) {
        while let Some(letter) = self.under_way.pop_front() {
            match self.links.get(&(letter.from, letter.to)) {
                None => self.arrive(&letter),
                Some(LinkFault::Held) => self.kept.push(letter),
                Some(LinkFault::Cut) => {}
            }
        }
    }

    fn arrive(&mut self, letter: &Letter) {
        if self.nodes[letter.to].is_some() {
            self.act(letter.to, |node, now, out| {
                node.receive(&letter.bytes, now, out);
            });
        }
    }

    fn act<T>(
        &mut self,
        number: usize,
        what: impl FnOnce(&Node, Duration, &mut Vec<NodeEffect>) -> T,
    ) -> T {
        let mut out = Vec::new();
        let answer = what(self.node(number), self.now, &mut out);
        let mut effects: VecDeque<_> = out.into();
        while let Some(effect) = effects.pop_front() {
            match effect {
                NodeEffect::TopicDiff(diff) => {
                    if let Some(client) = &mut self.clients[number] {
                        sync_diff(client, &PresenceDiff::new(&diff.joins, &diff.leaves));
                    }
                    let mut more = Vec::new();
                    let topic: Arc<str> = diff.topic;
                    self.node(number).dispatched(&topic, self.now, &mut more);
                    effects.extend(more);
                }
                NodeEffect::Broadcast(_, bytes) => {
                    let others = (0..self.nodes.len()).filter(|to| *to != number);
                    for to in others {
                        self.post(number, to, &bytes);
                    }
                }
                NodeEffect::Direct(name, _, bytes) => {
                    let named = (0..self.nodes.len()).filter(|to| *to != number);
                    for to in named.collect::<Vec<_>>() {
                        if self.names[to] == name {
                            self.post(number, to, &bytes);
                        }
                    }
                }
                NodeEffect::Replica(event) => self.events.push((number, event)),
                NodeEffect::Wake | NodeEffect::Rejected(_) => {}
            }
        }
        answer
    }

    fn post(&mut self, from: usize, to: usize, bytes: &Bytes) {
        let bytes = bytes.clone();
        self.under_way.push_back(Letter { from, to, bytes });
    }
}

fn which(key: &str) -> Which<'_> {
    Which {
        owner: OwnerId::new(NonZeroU64::MIN),
        topic: TOPIC,
        key,
    }
}
