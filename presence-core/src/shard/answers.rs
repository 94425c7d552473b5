//! Answers to other nodes that are on their way out, a few parts a turn.

use std::collections::VecDeque;
use std::time::Duration;

use super::effect::Effect;
use super::part::Parts;
use crate::crdt::{Incarnation, ReplicaName};

/// The pause between two turns: with the parts a turn, about 30 MB/s of parts of 48 KiB.
const PAUSE: Duration = Duration::from_millis(5);
/// The number of parts that are sent in one turn.
const PARTS_A_TURN: usize = 3;

/// Answers of several parts, under way side by side.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    under_way: VecDeque<(ReplicaName, Parts)>,
    /// The most answers at once.
    most: usize,
    /// When the next turn is due.
    next: Duration,
}

impl Answers {
    pub(super) fn new(most: usize) -> Self {
        Self {
            under_way: VecDeque::new(),
            most,
            next: Duration::ZERO,
        }
    }

    /// Returns whether no further answer about this replica should begin for this peer. An answer
    /// that replaces an earlier one may always begin.
    pub(super) fn is_full(&self, peer: &ReplicaName, replica: &ReplicaName) -> bool {
        let replaces =
            |(to, parts): &(ReplicaName, Parts)| to == peer && parts.origin().name == *replica;
        self.under_way.len() >= self.most && !self.under_way.iter().any(replaces)
    }

    /// Begins an answer. An earlier one of the same replica to the same peer is given up: it asked
    /// again.
    pub(super) fn begin(&mut self, to: ReplicaName, mut parts: Parts, effects: &mut Vec<Effect>) {
        self.under_way
            .retain(|(peer, other)| *peer != to || other.origin().name != parts.origin().name);
        if parts.len() == 1 {
            effects.extend(parts.next().map(|part| Effect::Part(to, part)));
        } else {
            self.under_way.push_back((to, parts));
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        (!self.under_way.is_empty()).then_some(self.next)
    }

    pub(super) fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.under_way.is_empty() || self.next > now {
            return;
        }
        self.next = now + PAUSE;
        for _ in 0..PARTS_A_TURN {
            let Some((to, mut parts)) = self.under_way.pop_front() else {
                return;
            };
            if let Some(part) = parts.next() {
                effects.push(Effect::Part(to.clone(), part));
                self.under_way.push_back((to, parts));
            }
        }
    }

    /// Gives up what says something of another incarnation than this.
    pub(super) fn restart(&mut self, name: &ReplicaName, incarnation: Incarnation) {
        self.under_way.retain(|(_, parts)| {
            let origin = parts.origin();
            origin.name != *name || origin.incarnation == incarnation
        });
    }
}
