//! Answers to other nodes that are on their way out, a few parts a turn, within the credit that
//! each asker gives.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::effect::Effect;
use super::part::{Ask, Credit, Parts};
use crate::crdt::{Incarnation, ReplicaName};

/// The pause between two turns: with the parts a turn, about 30 MB/s of parts of 48 KiB.
const PAUSE: Duration = Duration::from_millis(5);
/// The number of parts that are sent in one turn.
const PARTS_A_TURN: usize = 3;
/// The time after which an answer is given up that its asker has not mentioned.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most requests that wait for an answer to end.
const MAX_WAITING: usize = 1024;

/// Answers of several parts, under way side by side, and requests that wait for their turn.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    under_way: VecDeque<Answer>,
    waiting: VecDeque<WaitingAsk>,
    /// The most answers at once.
    most: usize,
    /// When the next turn is due.
    next: Duration,
}

/// A request that waits, and how much of the answer its asker takes for now.
type WaitingAsk = (ReplicaName, Ask, Option<Credit>);

#[derive(Clone, Debug)]
struct Answer {
    to: ReplicaName,
    parts: Parts,
    /// The parts that are sent in order, so far.
    sent: u32,
    /// The parts that may be sent in order.
    credit: u32,
    /// Parts to be sent again.
    again: BTreeSet<u32>,
    /// The last time that the asker spoke of it. `None`: the asker only asks once.
    heard: Option<Duration>,
}

impl Answer {
    fn is_sendable(&self) -> bool {
        !self.again.is_empty() || self.sent < self.credit.min(self.parts.len())
    }

    fn next(&mut self) -> Option<super::Part> {
        if let Some(index) = self.again.pop_first() {
            return self.parts.get(index);
        }
        let part = self.parts.get(self.sent)?;
        self.sent += 1;
        Some(part)
    }

    /// Returns whether nothing more can be wanted of it.
    fn is_done(&self) -> bool {
        self.heard.is_none() && !self.is_sendable()
    }

    fn expires(&self) -> Option<Duration> {
        Some(self.heard? + PATIENCE)
    }

    fn take(&mut self, credit: &Credit, now: Duration) {
        self.heard = Some(now);
        self.credit = self.credit.max(credit.upto);
        let sent = self.sent;
        let again = credit.again.iter().copied().filter(|index| *index < sent);
        self.again.extend(again);
    }
}

impl Answers {
    pub(super) fn new(most: usize) -> Self {
        Self {
            under_way: VecDeque::new(),
            waiting: VecDeque::new(),
            most,
            next: Duration::ZERO,
        }
    }

    /// Returns whether no further answer about this replica should begin for this peer. An answer
    /// that replaces an earlier one may always begin.
    pub(super) fn is_full(&self, peer: &ReplicaName, replica: &ReplicaName) -> bool {
        let replaces =
            |answer: &Answer| answer.to == *peer && answer.parts.origin().name == *replica;
        self.under_way.len() >= self.most && !self.under_way.iter().any(replaces)
    }

    /// Keeps a request until there is room. An earlier one of the same peer about the same replica
    /// is dropped.
    pub(super) fn wait(&mut self, by: ReplicaName, ask: Ask, credit: Option<Credit>) {
        self.waiting
            .retain(|(peer, other, _)| *peer != by || other.origin.name != ask.origin.name);
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back((by, ask, credit));
        }
    }

    /// Takes out the first request that waits, if there is room for its answer.
    pub(super) fn next_waiting(&mut self) -> Option<WaitingAsk> {
        (self.under_way.len() < self.most)
            .then(|| self.waiting.pop_front())
            .flatten()
    }

    /// Begins an answer. An earlier one of the same replica to the same peer is given up: it asked
    /// again.
    pub(super) fn begin(
        &mut self,
        to: ReplicaName,
        parts: Parts,
        credit: Option<Credit>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        self.under_way
            .retain(|answer| answer.to != to || answer.parts.origin().name != parts.origin().name);
        if parts.len() == 1 {
            // If it is lost, it is asked for as if for the first time.
            effects.extend(parts.get(0).map(|part| Effect::Part(to, part)));
            return;
        }
        let mut answer = Answer {
            to,
            parts,
            sent: 0,
            credit: 0,
            again: BTreeSet::new(),
            heard: None,
        };
        match credit {
            Some(credit) => answer.take(&credit, now),
            None => answer.credit = u32::MAX,
        }
        self.under_way.push_back(answer);
    }

    /// Takes further credit for an answer that is under way, or waits. Returns whether one is.
    pub(super) fn go_on(
        &mut self,
        to: &ReplicaName,
        id: u64,
        credit: &Credit,
        now: Duration,
    ) -> bool {
        let mut answers = self.under_way.iter_mut();
        if let Some(answer) = answers.find(|answer| answer.to == *to && answer.parts.id() == id) {
            answer.take(credit, now);
            return true;
        }
        let mut waiting = self.waiting.iter();
        waiting.any(|(peer, ask, _)| peer == to && ask.id == id)
    }

    /// Gives up an answer that is no longer wanted.
    pub(super) fn cancel(&mut self, to: &ReplicaName, id: u64) {
        self.under_way
            .retain(|answer| answer.to != *to || answer.parts.id() != id);
        self.waiting
            .retain(|(peer, ask, _)| peer != to || ask.id != id);
    }

    /// Gives up all answers to a node.
    pub(super) fn gone(&mut self, to: &ReplicaName) {
        self.under_way.retain(|answer| answer.to != *to);
        self.waiting.retain(|(peer, ..)| peer != to);
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        if self.under_way.len() < self.most && !self.waiting.is_empty() {
            return Some(Duration::ZERO);
        }
        let sendable = self.under_way.iter().any(Answer::is_sendable);
        let expiries = self.under_way.iter().filter_map(Answer::expires);
        sendable
            .then_some(self.next)
            .into_iter()
            .chain(expiries)
            .min()
    }

    pub(super) fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.under_way
            .retain(|answer| answer.expires().is_none_or(|at| at > now));
        if self.next > now {
            return;
        }
        let mut room = PARTS_A_TURN;
        // Each answer has its turn once, and again if parts are left to send.
        let mut idle = 0;
        while room > 0
            && idle < self.under_way.len()
            && let Some(mut answer) = self.under_way.pop_front()
        {
            idle += 1;
            if answer.is_sendable()
                && let Some(part) = answer.next()
            {
                effects.push(Effect::Part(answer.to.clone(), part));
                room -= 1;
                idle = 0;
            }
            if !answer.is_done() {
                self.under_way.push_back(answer);
            }
        }
        if room < PARTS_A_TURN {
            self.next = now + PAUSE;
        }
    }

    /// Gives up what says something of another incarnation than this.
    pub(super) fn restart(&mut self, name: &ReplicaName, incarnation: Incarnation) {
        self.under_way.retain(|answer| {
            let origin = answer.parts.origin();
            origin.name != *name || origin.incarnation == incarnation
        });
    }
}
