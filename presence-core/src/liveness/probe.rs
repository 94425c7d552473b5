//! Asking whether a node is there, and comparing what nodes show.

use std::time::Duration;

use super::{Liveness, LivenessEvent, Say, Standing};
use crate::crdt::{Origin, ReplicaName};

/// How many others are asked to ask.
const HELPERS: usize = 2;

impl Liveness {
    /// Asks a node directly, and has two others ask.
    pub(super) fn probe(&mut self, name: &ReplicaName, events: &mut Vec<LivenessEvent>) {
        let ping = Say::Ping { on_behalf_of: None };
        events.push(LivenessEvent::Say(name.clone(), ping));
        let mut others: Vec<_> = self.up().filter(|other| *other != name).cloned().collect();
        self.random.shuffle(&mut others);
        for other in others.into_iter().take(HELPERS) {
            events.push(LivenessEvent::Say(other, Say::PingFor(name.clone())));
        }
    }

    fn up(&self) -> impl Iterator<Item = &ReplicaName> {
        let up = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.standing == Standing::Up);
        up.map(|(name, _)| name)
    }

    /// A node that this one suspects answered another one.
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

    /// Whom to ask for what is missing of a replica: itself, and on every second attempt another
    /// one.
    pub(crate) fn whom_to_ask(&mut self, name: &ReplicaName, attempt: u32) -> Option<ReplicaName> {
        let others: Vec<_> = self.up().filter(|other| *other != name).cloned().collect();
        if attempt % 2 == 1
            && let Some(place) = (!others.is_empty()).then(|| self.random.usize(..others.len()))
        {
            return Some(others[place].clone());
        }
        self.peers.contains_key(name).then(|| name.clone())
    }

    /// Whether what a node shows differs from what this one does, by its heartbeat.
    pub(crate) fn differs(&mut self, name: &ReplicaName, differs: bool) {
        if let Some(peer) = self.peers.get_mut(name) {
            peer.differs = differs;
        }
    }

    /// One of the nodes that show something else, to compare with.
    pub(crate) fn pick_one_that_differs(&mut self) -> Option<ReplicaName> {
        let differ = self.peers.iter().filter(|(_, peer)| peer.differs);
        let differ: Vec<_> = differ.map(|(name, _)| name.clone()).collect();
        let picked = self.random.choice(differ)?;
        self.differs(&picked, false);
        Some(picked)
    }
}
