//! Tombs: the nodes that were given up or left, remembered for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Status;
use super::peer::{again, refuse_again};
use crate::replication::set::{Incarnation, Origin, ReplicaName};

/// The most bytes of a leave in a vector, without its name.
const LEFT_BYTES: usize = 48;

/// A node that was given up, or that left. Messages up to its last one are ignored.
#[derive(Clone, Debug)]
pub(super) struct Tomb {
    pub(super) incarnation: Incarnation,
    /// The number of the last message.
    pub(super) number: u64,
    /// The time at which the tomb was made.
    pub(super) since: Duration,
    /// The time at which the tomb is forgotten.
    pub(super) until: Duration,
    /// The end of its grace, if it left in order.
    pub(super) left: Option<Duration>,
    /// Set if a third node reported it, and this node did not know the node.
    pub(super) second_hand: bool,
    /// The time of the last refusal to a node that still uses this incarnation.
    pub(super) refused: Option<Duration>,
}

impl Tomb {
    pub(super) fn may_refuse(&mut self, now: Duration) -> bool {
        again(&mut self.refused, now, refuse_again())
    }
}

/// All tombs, bounded in number.
#[derive(Clone, Debug)]
pub(super) struct Tombs {
    tombs: BTreeMap<ReplicaName, Tomb>,
    most: usize,
    /// The leave with which the next vector begins.
    next_left: usize,
}

impl super::Membership {
    /// Returns the leaves that a peer may have missed, of at most `most` bytes on the wire, by
    /// turns: origin, last number, and what remains of the grace.
    ///
    /// A leave is repeated for `down_period`. Whoever misses it for longer has seen the node go
    /// down. A peer that came later, or was away, gets the earlier leaves too, for as long.
    pub(crate) fn left(
        &mut self,
        to: &ReplicaName,
        most: usize,
        now: Duration,
    ) -> Vec<(Origin, u64, Duration)> {
        let recent = now.saturating_sub(self.options.down_period);
        let is_new = |peer: &super::peer::Peer| peer.up_since >= recent;
        let since = match self.peers.get(to).is_some_and(is_new) {
            true => Duration::ZERO,
            false => recent,
        };
        self.tombs.left(since, most, now)
    }
}

impl Tombs {
    pub(super) fn new(most: usize) -> Self {
        Self {
            tombs: BTreeMap::new(),
            most,
            next_left: 0,
        }
    }

    pub(super) fn get_mut(&mut self, name: &ReplicaName) -> Option<&mut Tomb> {
        self.tombs.get_mut(name)
    }

    pub(super) fn insert(&mut self, name: ReplicaName, tomb: Tomb) {
        self.tombs.insert(name, tomb);
        while self.tombs.len() > self.most {
            let oldest = self.tombs.iter().min_by_key(|(_, tomb)| tomb.until);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.tombs.remove(&oldest);
        }
    }

    /// The name is used again, by a later message than the one remembered.
    pub(super) fn supersede(&mut self, name: &ReplicaName) {
        self.tombs.remove(name);
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.tombs.values().map(|tomb| tomb.until).min()
    }

    pub(super) fn expire(&mut self, now: Duration) {
        self.tombs.retain(|_, tomb| tomb.until > now);
    }

    /// Keeps all tombs for `deaf` longer, and none beyond `longest`.
    pub(super) fn extend(&mut self, deaf: Duration, longest: Duration) {
        for tomb in self.tombs.values_mut() {
            tomb.until = (tomb.until + deaf).min(longest);
        }
    }

    /// Returns leaves that came after `since`, of at most `most` bytes on the wire, by turns.
    fn left(
        &mut self,
        since: Duration,
        most: usize,
        now: Duration,
    ) -> Vec<(Origin, u64, Duration)> {
        let first_hand = self.tombs.iter().filter(|(_, tomb)| !tomb.second_hand);
        let left = first_hand.filter(|(_, tomb)| tomb.since >= since);
        let left = left.filter_map(|(name, tomb)| {
            let grace = tomb.left?.saturating_sub(now);
            Some((origin(name, tomb), tomb.number, grace))
        });
        let mut left: Vec<_> = left.collect();
        let start = self.next_left % left.len().max(1);
        left.rotate_left(start);
        let mut bytes = 0;
        let fit = left.iter().take_while(|(origin, ..)| {
            bytes += origin.name.as_str().len() + LEFT_BYTES;
            bytes <= most
        });
        let fit = fit.count();
        left.truncate(fit);
        self.next_left = start + fit;
        left
    }

    /// Returns the nodes that left in order.
    pub(super) fn left_in_order(&self) -> impl Iterator<Item = Origin> {
        let left = self.tombs.iter().filter(|(_, tomb)| tomb.left.is_some());
        left.map(|(name, tomb)| origin(name, tomb))
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = (Origin, Status)> {
        self.tombs.iter().map(|(name, tomb)| {
            let status = match tomb.left {
                Some(_) => Status::Left,
                None => Status::Permdown,
            };
            (origin(name, tomb), status)
        })
    }
}

fn origin(name: &ReplicaName, tomb: &Tomb) -> Origin {
    Origin {
        name: name.clone(),
        incarnation: tomb.incarnation,
    }
}
