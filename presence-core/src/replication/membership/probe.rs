//! Probes of suspect nodes, and the choice of peers to ask and to compare with.

use std::time::Duration;

use super::{Membership, MembershipEvent, Standing};
use crate::replication::message::{self, Body};
use crate::replication::node::Answerer;
use crate::replication::set::{Origin, ReplicaName};

/// The number of other nodes that are asked to ping a suspect.
const HELPERS: usize = 2;
/// The number of nodes that compare with a node that differs from them, in the time of a heartbeat.
/// If all did, a node that has just started would get as many vectors as there are nodes, each as
/// long as the list of nodes.
const COMPARERS: usize = 4;

impl Membership {
    /// Pings a node directly, and asks two others to ping it.
    pub(super) fn probe(&mut self, name: &ReplicaName, events: &mut Vec<MembershipEvent>) {
        let ping = Body::Ping { on_behalf_of: None };
        events.push(MembershipEvent::Say(name.clone(), ping));
        let mut others: Vec<_> = self.up().filter(|other| *other != name).cloned().collect();
        self.random.shuffle(&mut others);
        for other in others.into_iter().take(HELPERS) {
            let ping_for = Body::PingFor { name: name.clone() };
            events.push(MembershipEvent::Say(other, ping_for));
        }
    }

    fn up(&self) -> impl Iterator<Item = &ReplicaName> {
        let up = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.standing == Standing::Up);
        up.map(|(name, _)| name)
    }

    /// Handles a vouch: a node that this one suspects answered another node.
    pub(crate) fn vouched(&mut self, origin: &Origin, number: u64, now: Duration) {
        let Some(peer) = self.peers.get_mut(&origin.name) else {
            return;
        };
        // The number must be new, or an old word would keep a dead node. It does not become the
        // last one heard: what others say of a node must not make its own messages look old.
        let new = number > peer.number.max(peer.vouched);
        if *peer.origin == *origin && new && matches!(peer.standing, Standing::Suspect { .. }) {
            peer.vouched = number;
            peer.heard = now;
            peer.standing = Standing::Up;
            self.counts.suspects_saved += 1;
            self.counts.vouched += 1;
        }
    }

    /// Chooses the node to ask for missing changes of a replica: the replica itself, and on every
    /// second attempt another node, of which something was heard lately if possible.
    pub(crate) fn whom_to_ask(
        &mut self,
        name: &ReplicaName,
        attempt: u32,
        now: Duration,
    ) -> Option<Answerer> {
        let up = self.up().filter(|other| *other != name);
        let (silent, heard): (Vec<_>, Vec<_>) =
            up.cloned().partition(|other| self.is_silent(other, now));
        let others = if heard.is_empty() { silent } else { heard };
        if attempt % 2 == 1
            && let Some(place) = (!others.is_empty()).then(|| self.random.usize(..others.len()))
        {
            return self.answerer(&others[place]);
        }
        self.answerer(name)
    }

    /// Returns whether no message of a node came for longer than its heartbeat takes, and half of
    /// that again.
    pub(crate) fn is_silent(&self, name: &ReplicaName, now: Duration) -> bool {
        let lately = now.saturating_sub(self.options.broadcast_period * 3 / 2);
        let peer = self.peers.get(name);
        peer.is_none_or(|peer| peer.standing != Standing::Up || peer.heard < lately)
    }

    fn answerer(&self, name: &ReplicaName) -> Option<Answerer> {
        let peer = self.peers.get(name)?;
        Some(Answerer {
            name: name.clone(),
            takes_credit: peer.version >= message::PULL_SINCE,
        })
    }

    /// Notes whether a node's digest differs from this node's, by its heartbeat.
    pub(crate) fn differs(&mut self, name: &ReplicaName, differs: bool) {
        if let Some(peer) = self.peers.get_mut(name) {
            peer.differs = differs;
        }
    }

    /// Picks one of the nodes whose digests differ, to compare with. Returns `None` at times if few
    /// differ: all the nodes that agree with this one see those few, and [`COMPARERS`] are enough.
    pub(crate) fn pick_one_that_differs(&mut self) -> Option<ReplicaName> {
        let differ = self.peers.iter().filter(|(_, peer)| peer.differs);
        let differ: Vec<_> = differ.map(|(name, _)| name.clone()).collect();
        let up = self.peers.values();
        let agree = up.filter(|peer| !peer.differs && peer.standing == Standing::Up);
        let (agree, wanted) = (1 + agree.count(), COMPARERS * differ.len());
        if agree > wanted && self.random.usize(..agree) >= wanted {
            return None;
        }
        let picked = self.random.choice(differ)?;
        self.differs(&picked, false);
        Some(picked)
    }
}
