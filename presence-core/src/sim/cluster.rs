//! The cluster: machines, the network between them, and the time that all share.

mod drive;
mod lie;
mod losses;
mod once;
mod operate;
pub(super) mod settle;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::client::{state, sync_state};
use super::clock::MachineClock;
use super::event::Events;
use super::ledger::Ledger;
use super::machine::{Machine, TrackedPlace};
use super::network::{LinkReport, Network, Traffic, mix};
use super::violation::{Rule, Violation};
use super::{Coverage, Setup};
use crate::presence::Presences;
use crate::replication::node::{Node, NodeConfig, NodeOptions};
use crate::replication::set::visits::take_most_in_a_hold;
use crate::replication::set::{Entry, Incarnation, MetaBody, OwnerId, PhxRef, ReplicaName};
use crate::replication::shard::{TrackRefused, UpdateRefused, Which};
use crate::tracker::chunk_bytes;
use settle::encoded_bytes;

/// The longest meta of a simulated presence, in bytes.
const MAX_META_BYTES: usize = 16 * 1024;

/// The number of ticks at one moment that counts as no progress.
const STUCK: u32 = 10_000;

/// The number of events of a checked cluster that counts as a storm: messages that answer messages
/// for ever.
const STORM: u64 = 2_000_000;

/// Gets the time and the text of each event.
type Watcher = Box<dyn FnMut(Duration, &str)>;

/// Gets the sender and the receiver of each message. Returns whether it is lost.
#[cfg(test)]
pub(super) type Loses = Box<dyn FnMut(usize, usize, &[u8]) -> bool>;

/// A cluster of machines in one thread, on virtual time, with every promise checked at every step.
///
/// Machines have numbers from 0. All of them are on at first, and the network is calm
/// ([`Weather::CALM`](super::Weather::CALM)). Nothing happens but in [`run_for`](Self::run_for):
/// the other methods act at the present moment.
///
/// # Errors
///
/// Methods fail with the first [`Violation`]. The cluster's behaviour after that is unspecified.
///
/// # Panics
///
/// Methods that take a machine's number panic if there is no such machine.
pub struct Cluster {
    options: NodeOptions,
    seed: u64,
    now: Duration,
    machines: Vec<Machine>,
    network: Network,
    events: Events,
    /// None where nothing is checked.
    ledger: Option<Ledger>,
    coverage: Coverage,
    /// Ticks since time moved last.
    ticks: u32,
    /// Events so far.
    happened: u64,
    /// Metas so far: each gets another number, so that no two are alike.
    metas: u64,
    /// The number of lies of the lying peer so far.
    lies_told: u64,
    /// The machine whose next answer will be distorted.
    meddles_with: Option<usize>,
    /// Set if an answer was distorted.
    has_lied: bool,
    /// Set if two machines have had one name.
    twins: bool,
    /// Told of everything that happens.
    watcher: Option<Watcher>,
    /// Picks messages that are lost.
    #[cfg(test)]
    pub(super) loses: Option<Loses>,
}

impl Cluster {
    /// Switches a cluster's machines on.
    pub fn new(setup: &Setup) -> Self {
        let machines = (0..setup.nodes).map(|number| {
            // No two monotonic clocks begin alike.
            let shown = mix(&[setup.seed, number as u64, 1]) % 1_000_000;
            let name = ReplicaName::new(format!("n{number}"));
            Machine::new(
                name,
                MachineClock::starting_at(Duration::from_millis(shown)),
            )
        });
        let mut cluster = Self {
            options: setup.options.clone(),
            seed: setup.seed,
            now: Duration::ZERO,
            machines: machines.collect(),
            network: Network::new(setup.seed),
            events: Events::default(),
            ledger: Some(Ledger::default()),
            coverage: Coverage::default(),
            ticks: 0,
            happened: 0,
            metas: 0,
            lies_told: 0,
            meddles_with: None,
            has_lied: false,
            twins: false,
            watcher: None,
            #[cfg(test)]
            loses: None,
        };
        for number in 0..setup.nodes {
            // A node that starts shows nothing, so nothing can be wrong with it.
            let _ = cluster.start(number);
        }
        cluster
    }

    /// Checks nothing from now on: for measurements on sets that are too large to be looked at
    /// every step.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.ledger = None;
        self
    }

    /// Has `watcher` told of every message and tick from now on, with the world's time: to find out
    /// how it came to a violation.
    #[must_use]
    pub fn watched_by(mut self, watcher: impl FnMut(Duration, &str) + 'static) -> Self {
        self.watcher = Some(Box::new(watcher));
        self
    }

    /// The world's time since the cluster was made.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Returns the number of machines, on or off.
    pub fn len(&self) -> usize {
        self.machines.len()
    }

    /// Returns whether there is no machine.
    pub fn is_empty(&self) -> bool {
        self.machines.is_empty()
    }

    /// Returns the traffic of the network so far.
    pub fn traffic(&self) -> Traffic {
        self.network.traffic
    }

    /// Returns what came through the network to a machine, and how long it has waited for the
    /// machine's [link](Self::limit).
    pub fn received(&self, machine: usize) -> LinkReport {
        self.network.received(machine)
    }

    /// Returns the bytes that hold all that a machine tracks: the least that a node which lacks it
    /// has to receive. Zero if the machine is off.
    pub fn held_bytes(&self, machine: usize) -> u64 {
        let node = self.machines[machine].running();
        node.map_or(0, |node| encoded_bytes(&node.snapshots()))
    }

    /// Returns the most entries that one hold of a shard's lock has visited since the last call, of
    /// all clusters in this thread. A hold visits a bounded number, whatever a node holds.
    pub fn take_most_visits_in_a_hold(&mut self) -> u64 {
        take_most_in_a_hold()
    }

    #[cfg(test)]
    pub(super) fn node(&self, machine: usize) -> Option<&Node> {
        self.machines[machine].running()
    }

    /// Tracks a presence; tells whether it was tracked: it is not if the owner has one under that
    /// topic and key, or the machine is off or stands still.
    ///
    /// # Panics
    ///
    /// If the meta is no JSON object of at most 16 KiB.
    pub fn track(
        &mut self,
        machine: usize,
        owner: u64,
        topic: &str,
        key: &str,
        meta: &impl Serialize,
    ) -> Result<bool, Violation> {
        let meta = body(meta);
        let which = which(owner, topic, key);
        let quiet = self.is_quiet(machine, topic);
        let tracked = self.act(machine, |node, _, out| node.track(which, &meta, out))?;
        let held = &mut self.machines[machine].tracked;
        let place = (owner, Arc::<str>::from(topic), Arc::<str>::from(key));
        let known = held.contains_key(&place);
        match tracked {
            None | Some(Err(TrackRefused::Stopped)) => return Ok(false),
            Some(Err(TrackRefused::AlreadyTracked)) if known => return Ok(false),
            Some(Ok(phx_ref)) if !known => {
                held.insert(place.clone(), phx_ref);
                self.note_tracked(machine, &place, phx_ref)?;
                self.has_left_at_once(machine, topic, quiet)?;
            }
            other => {
                let what = format!("n{machine}: track answers {other:?}, tracked before: {known}");
                return Err(self.violation((Rule::LocalListed, what)));
            }
        }
        self.look(machine)?;
        Ok(true)
    }

    /// Gives a presence another meta; tells whether it did: it does not if there is no such
    /// presence, or the machine is off or stands still.
    ///
    /// # Panics
    ///
    /// If the meta is no JSON object of at most 16 KiB.
    pub fn update(
        &mut self,
        machine: usize,
        owner: u64,
        topic: &str,
        key: &str,
        meta: &impl Serialize,
    ) -> Result<bool, Violation> {
        let meta = body(meta);
        let which = which(owner, topic, key);
        let quiet = self.is_quiet(machine, topic);
        let updated = self.act(machine, |node, _, out| node.update(which, None, &meta, out))?;
        let held = &mut self.machines[machine].tracked;
        let place = (owner, Arc::<str>::from(topic), Arc::<str>::from(key));
        match (updated, held.get_mut(&place)) {
            (None | Some(Err(UpdateRefused::Stopped)), _)
            | (Some(Err(UpdateRefused::NotTracked)), None) => return Ok(false),
            (Some(Ok(phx_ref)), Some(held)) => {
                *held = phx_ref;
                self.note_tracked(machine, &place, phx_ref)?;
                self.has_left_at_once(machine, topic, quiet)?;
            }
            (other, held) => {
                let what =
                    format!("n{machine}: update answers {other:?}, tracked before: {held:?}");
                return Err(self.violation((Rule::LocalListed, what)));
            }
        }
        self.look(machine)?;
        Ok(true)
    }

    /// Ends a presence; tells whether there was one.
    pub fn untrack(
        &mut self,
        machine: usize,
        owner: u64,
        topic: &str,
        key: &str,
    ) -> Result<bool, Violation> {
        let which = which(owner, topic, key);
        let quiet = self.is_quiet(machine, topic);
        let untracked = self.act(machine, |node, _, out| node.untrack(which, out))?;
        let Some(untracked) = untracked else {
            return Ok(false);
        };
        let place = (owner, topic.into(), key.into());
        let held = self.machines[machine].tracked.remove(&place);
        if untracked != held.is_some() {
            let what = format!("n{machine}: untrack answers {untracked}, tracked before: {held:?}");
            return Err(self.violation((Rule::LocalListed, what)));
        }
        if untracked {
            self.has_left_at_once(machine, topic, quiet)?;
        }
        self.look(machine)?;
        Ok(untracked)
    }

    /// Ends all presences of an owner.
    pub fn owner_ends(&mut self, machine: usize, owner: u64) -> Result<(), Violation> {
        let gone = self.act(machine, |node, now, out| {
            node.owner_gone(owner_id(owner), now, out);
        })?;
        if gone.is_some() {
            self.machines[machine].take_owned(owner);
        }
        self.look(machine)
    }

    /// Returns the presences of a topic as a machine sees them, in the form that
    /// [`Presence::fetch`](crate::Presence::fetch) takes. The list is empty if the machine is off
    /// or stands still.
    pub fn list(&mut self, machine: usize, topic: &str) -> Presences {
        Presences::from_sorted(&self.entries(machine, topic))
    }

    /// Returns the number of distinct keys in a topic, as a machine sees it.
    pub fn count(&self, machine: usize, topic: &str) -> usize {
        let node = self.machines[machine].running();
        node.map_or(0, |node| node.count(topic))
    }

    /// A client listens to a topic on a machine: it takes a list and applies all diffs from then
    /// on, having held back the last `held_back` (at most four) diffs until its list came. Whether
    /// it follows is checked whenever the topic is quiet.
    pub fn listen(&mut self, machine: usize, topic: &str, held_back: usize) {
        let list = state(&self.entries(machine, topic));
        let machine = &mut self.machines[machine];
        if machine.running().is_some() {
            let listeners = machine.topics.entry(topic.into()).or_default();
            listeners.come(list, held_back);
        }
    }

    /// One of a topic's clients takes another list.
    pub fn listen_again(&mut self, machine: usize, topic: &str, client: usize) {
        let listeners = self.machines[machine].topics.get(topic);
        if listeners.is_none_or(|listeners| listeners.clients.is_empty())
            || self.machines[machine].running().is_none()
        {
            return;
        }
        let list = state(&self.entries(machine, topic));
        if let Some(listeners) = self.machines[machine].topics.get_mut(topic) {
            let client = client % listeners.clients.len();
            sync_state(&mut listeners.clients[client], &list);
        }
    }

    /// Lets the given time pass in the simulated world.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Violation> {
        let until = self.now + time;
        while let Some((at, event)) = self.events.next(until) {
            if at > self.now {
                self.now = at;
                self.ticks = 0;
            }
            self.happen(event)?;
        }
        self.now = until;
        Ok(())
    }

    /// Returns the counts of events so far.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = self.coverage.clone();
        for node in self
            .machines
            .iter()
            .filter_map(|machine| machine.node.as_ref())
        {
            coverage.add_node(&node.counters());
        }
        let fates = &self.network.fates;
        for (name, count) in [
            ("messages_delivered", fates.delivered),
            ("messages_cut", fates.cut),
            ("messages_lost", fates.lost),
            ("messages_lost_in_bursts", fates.burst),
            ("messages_overflowed", fates.overflowed),
            ("messages_doubled", fates.doubled),
            ("messages_late", fates.late),
            ("messages_overtaken", fates.overtaken),
        ] {
            coverage.add(name, count);
        }
        if let Some(ledger) = &self.ledger {
            coverage.add("clocks_compared", ledger.compared);
            coverage.add("clocks_unknown", ledger.unknown);
        }
        coverage
    }

    fn note_tracked(
        &mut self,
        machine: usize,
        (_, topic, key): &TrackedPlace,
        phx_ref: PhxRef,
    ) -> Result<(), Violation> {
        let Some(ledger) = &mut self.ledger else {
            return Ok(());
        };
        let twice = self.machines[machine].restored;
        let noted = ledger.note_tracked(topic, key, phx_ref, twice);
        noted.map_err(|finding| self.violation(finding))
    }

    fn entries(&mut self, machine: usize, topic: &str) -> Vec<Arc<Entry>> {
        let node = self.machines[machine].running();
        node.map_or_else(Vec::new, |node| node.list(topic))
    }

    /// Switches a machine on that is off.
    fn start(&mut self, number: usize) -> Result<(), Violation> {
        let machine = &mut self.machines[number];
        machine.starts += 1;
        let seed = mix(&[self.seed, number as u64, machine.starts]);
        let config = NodeConfig {
            name: machine.name.clone(),
            incarnation: Incarnation {
                started_ms: machine.wall_ms(self.now),
                nonce: mix(&[seed]),
            },
            seed,
            clustered: true,
            options: NodeOptions {
                chunk_bytes: chunk_bytes(self.options.chunk_bytes, machine.engine),
                ..self.options.clone()
            },
        };
        let node = Node::new(config, machine.clock.at(self.now));
        node.tell_keys();
        machine.node = Some(node);
        self.schedule(number);
        self.tell_of_engine(number)?;
        self.look(number)
    }
}

fn name_of(machine: usize) -> ReplicaName {
    ReplicaName::new(format!("n{machine}"))
}

pub(super) fn owner_id(owner: u64) -> OwnerId {
    let number = owner.saturating_add(1);
    OwnerId::new(
        number
            .try_into()
            .expect("one more than something is not zero"),
    )
}

fn which<'a>(owner: u64, topic: &'a str, key: &'a str) -> Which<'a> {
    Which {
        owner: owner_id(owner),
        topic,
        key,
    }
}

fn body(meta: &impl Serialize) -> MetaBody {
    MetaBody::encode(meta, MAX_META_BYTES).expect("a meta is a JSON object of at most 16 KiB")
}
