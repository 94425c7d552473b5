//! Answers to other nodes that are on their way out, a few parts a turn, within the credit that
//! each asker gives. An asker of version 1 gives no credit: its answers pause between the turns.

mod answer;
mod held;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use answer::Answer;
pub(super) use held::Held;

use super::copies::News;
use super::counts::Counts;
use super::effect::Effect;
use super::part::{Ask, Credit};
use crate::replication::set::{Entry, Incarnation, Replica, ReplicaName};

/// The pause between two turns of answers without credit: with the parts of a turn, about 30 MB/s
/// of parts of 48 KiB. Credit is a pace of its own, set by the asker, which knows its link.
const PAUSE: Duration = Duration::from_millis(5);
/// The most parts that are sent in one turn, in one hold of the shard's lock.
const PARTS_A_TURN: usize = 3;
/// The most answers that are kept for further credit. Beyond it, the one that was not heard of for
/// longest is given up.
const MAX_UNDER_WAY: usize = 256;
/// The most cancelled requests that are remembered: one that a cancel has overtaken begins no
/// answer.
const MAX_CANCELLED: usize = 64;
/// The most requests that wait for an answer to end.
const MAX_WAITING: usize = 1024;

/// Answers of several parts, under way side by side, and requests that wait for their turn.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    under_way: VecDeque<Answer>,
    waiting: VecDeque<PeerRequest>,
    /// The peers and numbers of the last requests that were cancelled.
    cancelled: VecDeque<(ReplicaName, u64)>,
    /// The most answers that have something to send at once.
    most: usize,
    /// The most entries that an answer walks in a turn before its first part.
    batch: usize,
    /// When the next turn of answers without credit is due.
    next: Duration,
}

/// A request of a peer.
#[derive(Clone, Debug)]
pub(super) struct PeerRequest {
    /// The name of the peer.
    pub(super) by: ReplicaName,
    pub(super) ask: Ask,
    /// The part of the answer that it takes for now. `None`: all of it.
    pub(super) credit: Option<Credit>,
}

impl Answers {
    pub(super) fn new(most: usize, batch: usize) -> Self {
        Self {
            under_way: VecDeque::new(),
            waiting: VecDeque::new(),
            cancelled: VecDeque::new(),
            most,
            batch,
            next: Duration::ZERO,
        }
    }

    /// Returns whether as many answers have something to send as may at once. Those that wait for
    /// credit cost nearly nothing, and their askers may have gone.
    fn is_full(&self) -> bool {
        let sendable = self.under_way.iter().filter(|answer| answer.is_sendable());
        sendable.count() >= self.most
    }

    /// Answers a request, gives an answer that is under way its credit, or keeps the request until
    /// there is room.
    pub(super) fn asked(
        &mut self,
        request: PeerRequest,
        held: &Held<'_>,
        most_part_bytes: usize,
        now: Duration,
        counts: &mut Counts,
        effects: &mut Vec<Effect>,
    ) {
        let PeerRequest { by, ask, credit } = &request;
        if held.is_own(&ask.origin) && ask.from > held.writer.replica().clock() {
            effects.push(Effect::Claimed(ask.origin.incarnation));
            return;
        }
        let Some(replica) = held.get(&ask.origin) else {
            return;
        };
        if let Some(credit) = credit
            && self.go_on(by, ask, credit, now)
        {
            return;
        }
        let replaces =
            |answer: &Answer| answer.to == *by && answer.origin().name == ask.origin.name;
        // An answer that replaces an earlier one may always begin.
        let is_full = self.is_full() && !self.under_way.iter().any(replaces);
        if is_full || !held.is_settled(&ask.origin) {
            counts.busy += 1;
            self.wait(request);
            return;
        }
        counts.served += 1;
        counts.served_for_others += u64::from(!held.is_own(&ask.origin));
        let gone = held.gone(replica, ask.from);
        let answer = Answer::new(&request, replica, gone, most_part_bytes, self.batch, now);
        self.begin(answer, replica, effects);
    }

    /// Keeps a request until there is room. An earlier one of the same peer about the same replica
    /// is dropped.
    fn wait(&mut self, request: PeerRequest) {
        let (peer, name) = (&request.by, &request.ask.origin.name);
        self.waiting
            .retain(|other| other.by != *peer || other.ask.origin.name != *name);
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(request);
        }
    }

    /// Takes out the first request that waits, if there is room for its answer.
    pub(super) fn next_waiting(&mut self) -> Option<PeerRequest> {
        if self.is_full() {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Begins an answer about a replica. An earlier one to the same peer about the same replica is
    /// given up: it asked again.
    fn begin(&mut self, mut answer: Answer, replica: &Replica, effects: &mut Vec<Effect>) {
        let name = &answer.origin().name;
        self.under_way
            .retain(|other| other.to != answer.to || other.origin().name != *name);
        if answer.is_single() {
            // If it is lost, it is asked for as if for the first time.
            let part = answer.next(replica);
            effects.extend(part.map(|part| Effect::Part(answer.to, part)));
            return;
        }
        if self.under_way.len() >= MAX_UNDER_WAY {
            let heard = |(_, answer): &(usize, &Answer)| answer.expires();
            let oldest = self.under_way.iter().enumerate().min_by_key(heard);
            let oldest = oldest.map(|(place, _)| place);
            oldest.and_then(|place| self.under_way.remove(place));
        }
        self.under_way.push_back(answer);
    }

    /// Takes further credit for an answer that is under way, or waits. Returns whether one is.
    fn go_on(&mut self, to: &ReplicaName, ask: &Ask, credit: &Credit, now: Duration) -> bool {
        let mut answers = self.under_way.iter_mut();
        let answers = answers.find(|answer| {
            answer.to == *to && answer.id == ask.id && *answer.origin() == ask.origin
        });
        if let Some(answer) = answers {
            answer.take(credit, now);
            return true;
        }
        let mut waiting = self.waiting.iter();
        waiting.any(|other| {
            other.by == *to && other.ask.id == ask.id && other.ask.origin == ask.origin
        })
    }

    /// Returns whether a peer has cancelled its request of this number.
    pub(super) fn is_cancelled(&self, by: &ReplicaName, id: u64) -> bool {
        let mut cancelled = self.cancelled.iter();
        cancelled.any(|(peer, number)| peer == by && *number == id)
    }

    /// Gives up an answer that is no longer wanted.
    pub(super) fn cancel(&mut self, to: &ReplicaName, id: u64) {
        self.under_way
            .retain(|answer| answer.to != *to || answer.id != id);
        self.waiting
            .retain(|request| request.by != *to || request.ask.id != id);
        if self.cancelled.len() == MAX_CANCELLED {
            self.cancelled.pop_front();
        }
        self.cancelled.push_back((to.clone(), id));
    }

    /// Gives up all answers to a node.
    pub(super) fn gone(&mut self, to: &ReplicaName) {
        self.under_way.retain(|answer| answer.to != *to);
        self.waiting.retain(|request| request.by != *to);
        self.cancelled.retain(|(peer, _)| peer != to);
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        if !self.waiting.is_empty() && !self.is_full() {
            return Some(Duration::ZERO);
        }
        let sendable = self.under_way.iter().filter(|answer| answer.is_sendable());
        let turns = sendable.map(|answer| match answer.has_credit() {
            true => Duration::ZERO,
            false => self.next,
        });
        let expiries = self.under_way.iter().filter_map(Answer::expires);
        turns.chain(expiries).min()
    }

    /// Sends the parts of a turn.
    pub(super) fn tick(&mut self, now: Duration, held: &Held<'_>, effects: &mut Vec<Effect>) {
        self.under_way.retain(|answer| {
            answer.expires().is_none_or(|at| at > now) && held.get(answer.origin()).is_some()
        });
        let is_paused = self.next > now;
        let mut room = PARTS_A_TURN;
        // Each answer has its turn once, and again if parts are left to send.
        let mut idle = 0;
        while room > 0
            && idle < self.under_way.len()
            && let Some(mut answer) = self.under_way.pop_front()
        {
            idle += 1;
            let has_turn = answer.has_credit() || !is_paused;
            if has_turn
                && answer.is_sendable()
                && let Some(replica) = held.get(answer.origin())
            {
                if !answer.has_credit() {
                    self.next = now + PAUSE;
                }
                let part = answer.next(replica);
                effects.extend(part.map(|part| Effect::Part(answer.to.clone(), part)));
                room -= 1;
                idle = 0;
            }
            if !answer.is_done() {
                self.under_way.push_back(answer);
            }
        }
    }

    /// Takes the news of copies that answers are made of, and says whether more is wanted: not when
    /// all answers are about the replica of this node, `me`.
    pub(super) fn hear(&mut self, news: &mut News, me: &ReplicaName) {
        for entry in news.gone.drain(..) {
            self.gone_from_replica(&entry);
        }
        for origin in news.replaced.drain(..) {
            self.under_way.retain(|answer| *answer.origin() != origin);
        }
        let mut answers = self.under_way.iter();
        news.are_wanted = answers.any(|answer| answer.origin().name != *me);
    }

    /// An entry has gone from its replica.
    pub(super) fn gone_from_replica(&mut self, entry: &Arc<Entry>) {
        for answer in &mut self.under_way {
            answer.gone(entry);
        }
    }

    /// Gives up what says something of another incarnation than this.
    pub(super) fn restart(&mut self, name: &ReplicaName, incarnation: Incarnation) {
        self.under_way.retain(|answer| {
            let origin = answer.origin();
            origin.name != *name || origin.incarnation == incarnation
        });
    }
}
