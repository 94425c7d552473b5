//! One shard of a tracker, as a state machine: it does no I/O, reads no clock and draws no number.
//!
//! A tracker spreads its topics over several shards, each of which is driven alone. A question to a
//! shard is a method with a typed answer ([`Shard::track`], [`Shard::list_batch`], ...). An event
//! is an [`Input`] to [`Shard::handle`]. Both may leave [`Effect`]s, which the driver carries out
//! in order. `now`, where it matters, is the time since any fixed moment and never goes backwards.
//!
//! # Diffs
//!
//! A topic is quiet, dispatching or cooling.
//!
//! - Quiet: the first change leaves at once, as an [`Effect::TopicDiff`], and the topic is
//!   dispatching.
//! - Dispatching: the driver has the diff (it may wait for a database), and further changes gather
//!   here. At most one diff of a topic is out, which keeps a topic's diffs in order and bounds what
//!   a slow driver holds. With [`Input::Dispatched`] the topic cools.
//! - Cooling: further changes gather until `diff_interval` is over, then leave as one diff. If
//!   there are no changes, the topic is quiet again. So N users who join one room cause a few
//!   diffs, not N.
//!
//! How changes cancel and what a list has to do with it is told in `pending.rs`.
//!
//! # Other nodes
//!
//! A shard holds what other nodes have told of theirs, each replica in a copy of its own, and
//! shows the union of all that are up. It decides nothing about who is up: that is told to it, node
//! by node, by [`Input::Up`], [`Input::Down`], [`Input::Forget`] and [`Input::Leave`]. How replicas
//! stay the same is told in [`set`](super::set).
//!
//! Hiding, showing, forgetting and telling of it go in turns of [`ShardConfig::batch`] entries, so
//! that a reader waits for one turn, or for the diff of one topic if that is larger. Each of them
//! is one diff of every topic, however many turns it took: a topic that the work has changed waits
//! for its end. Other topics do not wait. An answer to another node is made part by part. Changes
//! that another node sends since a clock are applied in one step.
//!
//! # Costs
//!
//! A change of k entries visits k entries, whatever the shard holds: each way to an entry (its
//! topic and key, its owner) has an index. A count is a length. A list clones pointers to the
//! topic's entries and nothing else, in batches. Measured with short metas, a presence takes about
//! 450 bytes, its owner included, and a topic about 700 more. All maps are ordered ones: a run
//! repeats exactly, and no client can choose topics whose hashes collide.

mod answers;
mod config;
mod copies;
mod counts;
mod effect;
mod index;
mod input;
mod lost;
mod owned;
mod part;
mod refused;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use answers::{Answers, Held, PeerRequest};
pub(crate) use config::ShardConfig;
use copies::{Copies, Limits, Turn};
pub(crate) use counts::Counts;
pub(crate) use effect::{Effect, TopicDiff};
use index::Index;
pub(crate) use index::key_changes::KeyChange;
pub(crate) use index::state::{Moment, StateBatch};
pub(crate) use index::topic::ListPlace;
pub(crate) use input::Input;
use lost::Lost;
use owned::Owned;
pub(crate) use owned::Which;
use part::size;
pub(crate) use part::{Ask, Credit, Part};
pub(crate) use refused::{TrackRefused, UpdateRefused};

use crate::replication::set::{
    Clock, Content, Entry, Incarnation, Meta, MetaBody, Origin, OwnerId, PhxRef, PhxRefs, Replica,
    Writer,
};

/// The number of changes at which the next delta is sent at once.
const MAX_UNSENT: u64 = 256;

/// One shard. See the [module](self) for how it works.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// The presences of this node: the truth, which the indexes below only lead to.
    writer: Writer,
    /// Where new metas get their references.
    refs: PhxRefs,
    /// From an owner to its entries, for updates and for its end.
    owned: Owned,
    /// The ends of the graces of entries that have lost their owner.
    lost: Lost,
    /// The shown entries: this node's, and those of the copies.
    index: Index,
    /// The copies of other nodes' replicas.
    copies: Copies,
    /// The answers to other nodes' requests.
    answers: Answers,
    /// Up to where other nodes have been told.
    sent: Clock,
    /// About how many bytes have not been sent.
    unsent_bytes: usize,
    /// When the next delta may leave.
    next_delta: Duration,
    /// The wait between two deltas.
    delta_interval: Duration,
    /// The bound of a message's changes.
    chunk_bytes: usize,
    /// Set if there is no other node to send deltas to.
    alone: bool,
    /// Set after [`Input::Stop`].
    stopped: bool,
    counts: Counts,
}

impl Shard {
    /// A shard that holds nothing.
    pub(crate) fn new(config: ShardConfig) -> Self {
        let limits = Limits {
            batch: config.batch.max(1),
            hidden: config.max_hidden,
        };
        Self {
            writer: Writer::new(config.origin, config.removal_log_bytes),
            refs: PhxRefs::new(config.ref_nonce),
            owned: Owned::default(),
            lost: Lost::default(),
            index: Index::new(config.diff_interval, config.batch.max(1)),
            copies: Copies::new(limits, config.seed),
            answers: Answers::new(config.max_answers, config.batch.max(1)),
            sent: Clock::ZERO,
            unsent_bytes: 0,
            next_delta: Duration::ZERO,
            delta_interval: config.delta_interval,
            chunk_bytes: config.chunk_bytes,
            alone: true,
            stopped: false,
            counts: Counts::default(),
        }
    }

    /// Adds a presence; returns the reference of its meta.
    ///
    /// # Errors
    ///
    /// If the owner has one there already, or the shard was stopped. Nothing has changed then.
    pub(crate) fn track(
        &mut self,
        which: Which<'_>,
        meta: &MetaBody,
        effects: &mut Vec<Effect>,
    ) -> Result<PhxRef, TrackRefused> {
        if self.stopped {
            return Err(TrackRefused::Stopped);
        }
        if self.own(which).is_some() {
            return Err(TrackRefused::AlreadyTracked);
        }
        let phx_ref = self.refs.make_for(which.contents(meta, None));
        let (topic, key) = self.index.intern(which.topic, which.key);
        let entry = self.writer.add(Content {
            topic,
            key,
            owner: which.owner,
            meta: Meta::new(phx_ref, None, meta),
        });
        self.owned.insert(&entry);
        self.index.join(&entry);
        self.changed(size(&entry), effects);
        self.end_replaced(None, effects);
        self.settle(effects);
        Ok(phx_ref)
    }

    /// Gives a presence another meta, in one step; returns its reference. The old meta's reference
    /// goes along as `phx_ref_prev`.
    ///
    /// With `expected`, only if the present meta has that reference.
    ///
    /// # Errors
    ///
    /// If there is no such presence, it is not the one expected, or the shard was stopped. Nothing
    /// has changed then.
    pub(crate) fn update(
        &mut self,
        which: Which<'_>,
        expected: Option<PhxRef>,
        meta: &MetaBody,
        effects: &mut Vec<Effect>,
    ) -> Result<PhxRef, UpdateRefused> {
        if self.stopped {
            return Err(UpdateRefused::Stopped);
        }
        let present = self.own(which).ok_or(UpdateRefused::NotTracked)?;
        let (clock, prev) = (present.tag.clock, present.meta.reference());
        if expected.is_some_and(|expected| expected != prev) {
            return Err(UpdateRefused::Changed);
        }
        let phx_ref = self.refs.make_for(which.contents(meta, Some(prev)));
        let meta = Meta::new(phx_ref, Some(prev), meta);
        let (old, new) = self
            .writer
            .update(clock, meta)
            .ok_or(UpdateRefused::NotTracked)?;
        self.owned.remove(&old);
        self.answers.gone_from_replica(&old);
        self.owned.insert(&new);
        self.index.leave(&old);
        self.index.show(&new);
        self.changed(size(&new), effects);
        self.settle(effects);
        Ok(phx_ref)
    }

    /// Removes a presence. Returns whether there was one.
    pub(crate) fn untrack(&mut self, which: Which<'_>, effects: &mut Vec<Effect>) -> bool {
        let Some(entry) = self.own(which).cloned() else {
            return false;
        };
        self.remove(&entry, effects);
        self.settle(effects);
        true
    }

    /// The meta of a presence, to update it by.
    ///
    /// # Errors
    ///
    /// If there is no such presence, or the shard was stopped.
    pub(crate) fn meta(&self, which: Which<'_>) -> Result<Meta, UpdateRefused> {
        if self.stopped {
            return Err(UpdateRefused::Stopped);
        }
        let entry = self.own(which).ok_or(UpdateRefused::NotTracked)?;
        Ok(entry.meta.clone())
    }

    /// Returns the number of distinct keys in the topic.
    pub(crate) fn count(&self, topic: &str) -> usize {
        self.index
            .topic(topic)
            .map_or(0, index::topic::Topic::count)
    }

    /// Returns this node's own replica.
    pub(crate) fn replica(&self) -> &Replica {
        self.writer.replica()
    }

    /// Returns the copies of other nodes' replicas, each with whether a part of it is shown.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&Replica, bool)> {
        self.copies.iter()
    }

    /// Returns the copies of other nodes' replicas that are up and complete, for comparisons with
    /// other nodes.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Replica> {
        self.copies.shown()
    }

    /// Returns one of these copies.
    pub(crate) fn shown_of(&self, origin: &Origin) -> Option<&Replica> {
        self.copies.compared(origin)
    }

    /// A number for this node's replica and all that is [`shown`](Self::shown) of others. Nodes for
    /// which it is the same show the same here.
    pub(crate) fn digest(&self) -> u64 {
        self.copies.rows() ^ copies::row(self.writer.replica())
    }

    /// Returns the counts of what happened so far.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            graces_ended_by_rejoin: self.index.graces_ended_by_rejoin(),
            ..self.counts
        }
    }

    /// When an [`Input::Tick`] is due next. [`Duration::ZERO`]: at once.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let delta = (self.has_unsent()).then_some(self.next_delta);
        let deadlines = [
            self.index.next_deadline(),
            self.copies.next_deadline(),
            self.lost.next_end(),
            self.answers.next_deadline(),
            delta,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Returns whether the shard was stopped and all its diffs have been dispatched.
    pub(crate) fn is_finished(&self) -> bool {
        self.index.is_finished()
    }

    /// Handles an input. The shard adds its effects to `effects`.
    pub(crate) fn handle(&mut self, input: Input, now: Duration, effects: &mut Vec<Effect>) {
        let (copies, turn) = &mut self.in_turn(now);
        match input {
            Input::OwnerGone(owner) => self.owner_gone(owner, effects),
            Input::OwnerLost(owner, until) => self.owner_lost(owner, until, effects),
            Input::Dispatched(topic) => self.index.dispatched(&topic, now, effects),
            Input::Tick => self.tick(now, effects),
            Input::Stop => self.stop(effects),
            Input::Alone(alone) => self.set_alone(alone),
            Input::Retag(incarnation) => self.retag(incarnation),
            Input::Up(origin) => self.copies.up(&origin),
            Input::Down(name) => {
                self.answers.gone(&name);
                self.copies.down(&name);
            }
            Input::Forget(name) => {
                self.answers.gone(&name);
                self.copies.forget(&name);
            }
            Input::Leave(origin, until) => {
                copies.leave(&origin, until, turn);
                self.answers.gone(&origin.name);
            }
            Input::Announced {
                origin,
                clock,
                recent,
            } => copies.announced(&origin, clock, recent, turn),
            Input::Seen(origin, clock) => copies.seen(&origin, clock, turn),
            Input::Compare(origin, clock, check) => copies.compare(&origin, clock, check, turn),
            Input::Delta { delta, recent } => copies.delta(delta, recent, turn),
            Input::Part { part, own } => copies.part(part, own, turn),
            Input::Over(origin, id) => copies.over(&origin, id, turn),
            Input::Asked {
                by,
                ask,
                is_late: true,
                ..
            } if self.answers.is_cancelled(&by, ask.id) => {}
            Input::Asked {
                by, ask, credit, ..
            } => {
                self.asked(PeerRequest { by, ask, credit }, now, effects);
            }
            Input::Cancelled(by, id) => self.answers.cancel(&by, id),
        }
        self.copies.work(&mut self.index);
        self.end_replaced(Some(now), effects);
        let me = &self.writer.replica().origin().name;
        self.answers.hear(&mut self.copies.news, me);
        self.settle(effects);
    }

    /// The copies of other nodes' replicas, and what follows them.
    fn in_turn(&mut self, now: Duration) -> (&mut Copies, Turn<'_>) {
        let turn = Turn {
            now,
            index: &mut self.index,
            counts: &mut self.counts,
        };
        (&mut self.copies, turn)
    }

    fn own(&self, which: Which<'_>) -> Option<&Arc<Entry>> {
        self.owned.find(self.writer.replica(), which)
    }

    fn owner_gone(&mut self, owner: OwnerId, effects: &mut Vec<Effect>) {
        for clock in self.owned.all(owner) {
            if let Some(entry) = self.writer.replica().get(clock).cloned() {
                self.remove(&entry, effects);
            }
        }
    }

    fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.end_graces(now, effects);
        self.index.tick(now, effects);
        let (copies, turn) = &mut self.in_turn(now);
        copies.tick(turn, effects);
        let held = Held {
            writer: &self.writer,
            copies: &self.copies,
        };
        self.answers.tick(now, &held, effects);
        if let Some(request) = self.answers.next_waiting() {
            self.asked(request, now, effects);
        }
        if self.has_unsent() && self.next_delta <= now {
            self.next_delta = now + self.delta_interval;
            self.send_delta(effects);
        }
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.stopped = true;
        let entries: Vec<_> = self.replica().since(Clock::ZERO).cloned().collect();
        for entry in &entries {
            self.remove(entry, effects);
        }
        self.settle(effects);
        self.index.stop(effects);
    }

    fn set_alone(&mut self, alone: bool) {
        if alone == self.alone {
            // There is still a node to send the waiting changes to.
            return;
        }
        self.alone = alone;
        self.sent = self.replica().clock();
        self.unsent_bytes = 0;
    }

    fn retag(&mut self, incarnation: Incarnation) {
        self.owned = Owned::default();
        for replaced in self.lost.take_replaced() {
            self.writer.remove(replaced);
        }
        let entries = self.writer.retag(incarnation);
        for new in &entries {
            self.owned.insert(new);
            self.index.show(new);
        }
        let lost = entries.iter().filter(|entry| entry.owner.is_lost());
        self.lost.retag(lost);
        // A machine that was set back has made its next references already, in the time that it
        // lost.
        self.refs.restart(incarnation);
        let name = self.replica().origin().name.clone();
        self.answers.restart(&name, incarnation);
        // Nobody has anything of it yet: they ask for all of it.
        self.sent = self.replica().clock();
        self.unsent_bytes = 0;
    }

    fn asked(&mut self, request: PeerRequest, now: Duration, effects: &mut Vec<Effect>) {
        let held = Held {
            writer: &self.writer,
            copies: &self.copies,
        };
        let (counts, most) = (&mut self.counts, self.chunk_bytes);
        self.answers
            .asked(request, &held, most, now, counts, effects);
    }

    /// Returns whether the request of this number waits for its answer.
    pub(crate) fn wants(&self, origin: &Origin, id: u64) -> bool {
        self.copies.wants(origin, id)
    }

    fn remove(&mut self, entry: &Arc<Entry>, effects: &mut Vec<Effect>) {
        if self.writer.remove(entry.tag.clock).is_none() {
            return;
        }
        self.owned.remove(entry);
        self.lost.remove(entry.tag.clock);
        self.answers.gone_from_replica(entry);
        self.index.ended(entry);
        self.changed(0, effects);
    }

    /// Counts a change of this node's replica, and sends at once what has grown large.
    fn changed(&mut self, bytes: usize, effects: &mut Vec<Effect>) {
        if self.alone || self.stopped {
            return;
        }
        self.unsent_bytes += bytes;
        let unsent = self.replica().clock().get() - self.sent.get();
        if unsent >= MAX_UNSENT || self.unsent_bytes >= self.chunk_bytes {
            self.send_delta(effects);
        }
    }

    fn has_unsent(&self) -> bool {
        !self.alone && !self.stopped && self.sent < self.replica().clock()
    }

    fn send_delta(&mut self, effects: &mut Vec<Effect>) {
        effects.push(Effect::Delta(self.writer.delta(self.sent)));
        self.sent = self.replica().clock();
        self.unsent_bytes = 0;
    }

    /// Ends a turn: every topic that changed in it may tell.
    fn settle(&mut self, effects: &mut Vec<Effect>) {
        self.index.settle(self.copies.is_busy(), effects);
    }
}
