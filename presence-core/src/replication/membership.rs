//! Membership: one node's judgement of who is there, without I/O.
//!
//! # The rules
//!
//! - Only a node's own message **introduces** it, or makes it up again: a message with a number
//!   above the last one received. Messages of third nodes never do.
//! - A node is **suspect** after a long silence, or after an engine's hint that it is gone. Then
//!   this node pings it, and asks two others to ping it; an answer to any of the pings saves it.
//! - A node is **down** if no ping was answered: its presences are hidden, and kept.
//! - A node is **given up** (permdown) if it stays down: its presences are forgotten. Its name and
//!   the number of its last message are remembered for the same time once more, and older messages
//!   are ignored.
//! - A node that **leaves in order** announces it. That is remembered in the same way, and passed
//!   on.
//! - A late turn extends every deadline by its lateness: a process that was stopped received
//!   nothing, which says nothing about the other nodes. An engine that knows that it has lost its
//!   broker stops all deadlines until it is connected again.
//!
//! The states up, suspect and down are one node's own view, and are never sent to others.

mod conflict;
mod counts;
mod deaf;
mod event;
mod peer;
mod probe;
mod roll;
mod tomb;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use conflict::Turns;
pub(crate) use counts::MembershipCounts;
pub(crate) use event::MembershipEvent;
pub use event::{ReplicaEvent, Status};
use peer::{Peer, Standing};
pub(crate) use roll::Roll;
#[cfg(test)]
pub(crate) use roll::{NEWNESS, Seat};
use tomb::{Tomb, Tombs};
pub(crate) use verdict::{Age, Verdict};

use crate::replication::message::{Body, Refusal};
use crate::replication::node::NodeOptions;
use crate::replication::set::{Incarnation, Origin, ReplicaName};
use crate::replication::shard::Input;

/// One node's knowledge of the other nodes.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    /// This node, in its present incarnation.
    me: Arc<Origin>,
    /// The start of this node: the wall clock, and the time of it that `now` tells.
    started_ms: u64,
    since: Duration,
    /// The number of messages that this node has sent in its incarnation.
    number: u64,
    options: Arc<NodeOptions>,
    peers: BTreeMap<ReplicaName, Peer>,
    tombs: Tombs,
    /// When the next heartbeat is due.
    next_beat: Duration,
    /// The time at which the engine lost its broker, until it is connected again.
    away: Option<Duration>,
    /// The recent times at which this node continued under another incarnation.
    turns: Turns,
    /// Set after this node has left.
    left: bool,
    random: fastrand::Rng,
    counts: MembershipCounts,
}

impl Membership {
    pub(crate) fn new(me: Origin, options: Arc<NodeOptions>, seed: u64, now: Duration) -> Self {
        Self {
            started_ms: me.incarnation.started_ms,
            since: now,
            me: Arc::new(me),
            number: 0,
            peers: BTreeMap::new(),
            tombs: Tombs::new(options.max_replicas),
            next_beat: now,
            away: None,
            turns: Turns::default(),
            left: false,
            random: fastrand::Rng::with_seed(seed),
            counts: MembershipCounts::default(),
            options,
        }
    }

    pub(crate) fn me(&self) -> &Arc<Origin> {
        &self.me
    }

    pub(crate) fn has_left(&self) -> bool {
        self.left
    }

    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn counts(&self) -> MembershipCounts {
        self.counts
    }

    /// Returns the number of the next message.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Judges a message by its sender and number.
    pub(crate) fn heard(
        &mut self,
        sender: &Origin,
        number: u64,
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) -> Verdict {
        self.notice(now);
        let (name, incarnation) = (&sender.name, sender.incarnation);
        if *name == self.me.name {
            self.heard_own_name(incarnation, now, events);
            return Verdict::Ignored;
        }
        if let Some(tomb) = self.tombs.get_mut(name)
            && (incarnation, number) <= (tomb.incarnation, tomb.number)
        {
            self.counts.buried += 1;
            let known = (tomb.incarnation, tomb.number);
            if tomb.may_refuse(now) {
                self.refuse(sender, known, events);
            }
            return Verdict::Ignored;
        }
        let known = self.peers.get(name).map(|peer| peer.origin.incarnation);
        match known {
            Some(known) if incarnation < known => {
                self.refuse_as_older(sender, now, events);
                Verdict::Ignored
            }
            Some(known) if incarnation == known => self.heard_again(sender, number, now, events),
            Some(_) => self.introduce(sender, number, now, events),
            None if self.peers.len() >= self.options.max_replicas
                && !self.make_room(now, events) =>
            {
                events.push(MembershipEvent::Replica(ReplicaEvent::TooMany(
                    name.clone(),
                )));
                Verdict::Ignored
            }
            None => self.introduce(sender, number, now, events),
        }
    }

    /// Notes the version of the format that a node writes.
    pub(crate) fn writes(&mut self, name: &ReplicaName, version: u8) {
        if let Some(peer) = self.peers.get_mut(name) {
            peer.version = version;
        }
    }

    fn heard_again(
        &mut self,
        sender: &Origin,
        number: u64,
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) -> Verdict {
        let Some(peer) = self.peers.get_mut(&sender.name) else {
            return Verdict::Ignored;
        };
        let origin = Arc::clone(&peer.origin);
        if number <= peer.number {
            let down = matches!(peer.standing, Standing::Down { .. });
            let age = match number > peer.back_since {
                true => Age::Late,
                false => Age::BeforeDown,
            };
            // It came late, or its sender was set back; the sender knows which.
            self.counts.overtaken += 1;
            self.refuse_as_older(sender, now, events);
            return match down {
                true => Verdict::Ignored,
                false => Verdict::Accepted(origin, age),
            };
        }
        let before = std::mem::replace(&mut peer.number, number);
        peer.heard = now;
        match std::mem::replace(&mut peer.standing, Standing::Up) {
            Standing::Up => {}
            Standing::Suspect { .. } => self.counts.suspects_saved += 1,
            Standing::Down { .. } => {
                peer.back_since = before;
                peer.up_since = now;
                self.counts.ups += 1;
                events.push(MembershipEvent::Tell(Input::Up(Arc::clone(&origin))));
                events.push(MembershipEvent::Replica(ReplicaEvent::Up(
                    origin.as_ref().clone(),
                )));
                self.alone_or_not(events);
            }
        }
        Verdict::Accepted(origin, Age::New)
    }

    fn introduce(
        &mut self,
        sender: &Origin,
        number: u64,
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) -> Verdict {
        let origin = Arc::new(sender.clone());
        // The tomb of this name is older than this message.
        self.tombs.supersede(&sender.name);
        let peer = Peer::new(Arc::clone(&origin), number, now);
        self.peers.insert(sender.name.clone(), peer);
        self.counts.ups += 1;
        self.alone_or_not(events);
        events.push(MembershipEvent::Tell(Input::Up(Arc::clone(&origin))));
        events.push(MembershipEvent::Replica(ReplicaEvent::Up(sender.clone())));
        // A heartbeat at once, so that the sender need not wait a period to know this node.
        events.push(MembershipEvent::Greet(sender.name.clone()));
        Verdict::Accepted(origin, Age::New)
    }

    fn refuse_as_older(
        &mut self,
        sender: &Origin,
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) {
        if let Some(peer) = self.peers.get_mut(&sender.name)
            && peer.may_refuse(now)
        {
            let known = (peer.origin.incarnation, peer.number);
            self.refuse(sender, known, events);
        }
    }

    fn refuse(
        &mut self,
        sender: &Origin,
        known: (Incarnation, u64),
        events: &mut Vec<MembershipEvent>,
    ) {
        self.counts.refusals += 1;
        let refusal = Refusal {
            refused: sender.incarnation,
            known: known.0,
            number: known.1,
        };
        let to = sender.name.clone();
        events.push(MembershipEvent::Say(to, Body::Refusal(refusal)));
    }

    /// Returns the shared origin, if the replica is up here in this incarnation. Contents of such a
    /// replica are believed, whoever sends them.
    pub(crate) fn origin(&self, origin: &Origin) -> Option<Arc<Origin>> {
        let peer = self.peers.get(&origin.name)?;
        let up = !matches!(peer.standing, Standing::Down { .. });
        (up && *peer.origin == *origin).then(|| Arc::clone(&peer.origin))
    }

    /// Handles a node's own announcement that it leaves.
    pub(crate) fn leaves(
        &mut self,
        origin: &Origin,
        number: u64,
        grace: Duration,
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) {
        self.counts.leaves += 1;
        self.bury(origin, number, now, Some(now + grace));
        if self.peers.remove(&origin.name).is_some() {
            let leave = Input::Leave(Arc::new(origin.clone()), now + grace);
            events.push(MembershipEvent::Tell(leave));
            events.push(MembershipEvent::Replica(ReplicaEvent::Left(origin.clone())));
            self.alone_or_not(events);
        }
    }

    /// Handles a third node's message that a node has left.
    pub(crate) fn has_told_of_leave(
        &mut self,
        origin: &Origin,
        number: u64,
        grace: Duration,
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) {
        let told = (origin.incarnation, number);
        let tomb = self.tombs.get_mut(&origin.name);
        if origin.name == self.me.name
            || tomb.is_some_and(|tomb| (tomb.incarnation, tomb.number) >= told)
        {
            return;
        }
        match self.peers.get(&origin.name) {
            // The node has sent a message since.
            Some(peer) if (peer.origin.incarnation, peer.number) > told => {}
            Some(_) => {
                self.counts.leaves_passed_on += 1;
                self.leaves(origin, number, grace, now, events);
            }
            // Remembered, but not passed on: or nodes would remind each other of it for ever.
            None => {
                self.bury(origin, number, now, Some(now + grace));
                if let Some(tomb) = self.tombs.get_mut(&origin.name) {
                    tomb.second_hand = true;
                }
            }
        }
    }

    fn bury(&mut self, origin: &Origin, number: u64, now: Duration, left: Option<Duration>) {
        let tomb = Tomb {
            incarnation: origin.incarnation,
            number,
            since: now,
            until: now + self.options.permdown_period,
            left,
            second_hand: false,
            refused: None,
        };
        self.tombs.insert(origin.name.clone(), tomb);
    }

    /// Handles an engine's hint that the process of a node, or the link to it, has ended.
    pub(crate) fn lost(
        &mut self,
        name: &ReplicaName,
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) {
        self.notice(now);
        let until = now + self.options.suspect_period;
        let Some(peer) = self.peers.get_mut(name) else {
            return;
        };
        match &mut peer.standing {
            Standing::Up => {
                peer.standing = Standing::Suspect { until };
                peer.respited = false;
                self.counts.suspects += 1;
                self.probe(name, events);
            }
            Standing::Suspect { until: present } => *present = until.min(*present),
            Standing::Down { .. } => {}
        }
    }

    /// Leaves the cluster. From now on this node sends nothing.
    pub(crate) fn leave(&mut self) {
        self.left = true;
    }

    /// Returns whether a heartbeat is due. The next one is then due a period later.
    pub(crate) fn beat(&mut self, now: Duration) -> bool {
        self.notice(now);
        if self.left || self.next_beat > now {
            return false;
        }
        // From now and not from when it was due: a late process does not send two.
        self.next_beat = now + self.options.broadcast_period;
        true
    }

    /// Returns the time at which [`Membership::beat`] is due.
    pub(crate) fn next_beat(&self) -> Duration {
        self.next_beat
    }

    /// Returns the time at which [`Membership::expire`] is due.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        if self.left || self.away.is_some() {
            return None;
        }
        let peers = self.peers.values().map(|peer| peer.deadline(&self.options));
        peers.chain(self.tombs.next_deadline()).min()
    }

    /// Judges all nodes by the clock.
    pub(crate) fn expire(&mut self, now: Duration, events: &mut Vec<MembershipEvent>) {
        self.notice(now);
        if self.away.is_some() {
            return;
        }
        let due = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.deadline(&self.options) <= now);
        let due: Vec<ReplicaName> = due.map(|(name, _)| name.clone()).collect();
        for name in due {
            self.expire_one(&name, now, events);
        }
        self.tombs.expire(now);
    }

    fn expire_one(&mut self, name: &ReplicaName, now: Duration, events: &mut Vec<MembershipEvent>) {
        let late = self.late();
        let Some(peer) = self.peers.get_mut(name) else {
            return;
        };
        match peer.standing {
            Standing::Up => {
                // However late this is found, it has the time to answer.
                let at_least = now + self.options.suspect_period;
                let until = at_least.max(peer.heard + self.options.down_period);
                peer.standing = Standing::Suspect { until };
                peer.respited = false;
                peer.probed = now;
                self.counts.suspects += 1;
                self.probe(name, events);
            }
            // The process was stopped meanwhile: what the suspect said may still wait to be taken.
            Standing::Suspect { until } if until + late < now && !peer.respited => {
                // Once: a process that is always late must still see that others have died.
                peer.respited = true;
                self.counts.respites += 1;
                let until = now + self.options.suspect_period;
                peer.standing = Standing::Suspect { until };
            }
            Standing::Suspect { until } if until <= now => {
                peer.standing = Standing::Down { since: now };
                let origin = peer.origin.as_ref().clone();
                self.counts.downs += 1;
                events.push(MembershipEvent::Tell(Input::Down(name.clone())));
                events.push(MembershipEvent::Replica(ReplicaEvent::Down(origin)));
                self.alone_or_not(events);
            }
            Standing::Suspect { .. } => {
                peer.probed = now;
                self.probe(name, events);
            }
            Standing::Down { .. } => self.give_up(name, now, events),
        }
    }

    fn give_up(&mut self, name: &ReplicaName, now: Duration, events: &mut Vec<MembershipEvent>) {
        let Some(peer) = self.peers.remove(name) else {
            return;
        };
        self.counts.permdowns += 1;
        self.bury(&peer.origin, peer.number, now, None);
        events.push(MembershipEvent::Tell(Input::Forget(name.clone())));
        events.push(MembershipEvent::Replica(ReplicaEvent::Permdown(
            peer.origin.as_ref().clone(),
        )));
    }

    /// Gives up the node that has been down for longest, for a new one that is there. Returns
    /// `false` if no node is down.
    fn make_room(&mut self, now: Duration, events: &mut Vec<MembershipEvent>) -> bool {
        let down = self.peers.iter().filter_map(|(name, peer)| {
            let Standing::Down { since } = peer.standing else {
                return None;
            };
            Some((since, name))
        });
        let longest = down.min().map(|(_, name)| name.clone());
        match longest {
            Some(name) => {
                self.give_up(&name, now, events);
                true
            }
            None => false,
        }
    }

    /// Tells the shards whether anybody would hear their deltas.
    fn alone_or_not(&self, events: &mut Vec<MembershipEvent>) {
        let alone = !self.has_peers();
        events.push(MembershipEvent::Tell(Input::Alone(alone)));
    }

    /// Returns all known nodes, with their status.
    pub(crate) fn statuses(&self) -> Vec<(Origin, Status)> {
        let peers = self.peers.values().map(|peer| {
            let status = match peer.standing {
                Standing::Up => Status::Up,
                Standing::Suspect { .. } => Status::Suspect,
                Standing::Down { .. } => Status::Down,
            };
            (peer.origin.as_ref().clone(), status)
        });
        let me = std::iter::once((self.me.as_ref().clone(), Status::Me));
        me.chain(peers).chain(self.tombs.statuses()).collect()
    }
}

#[cfg(test)]
mod tests;
