//! One shard of a tracker, as a state machine: it does no I/O, reads no clock and draws no number.
//!
//! A tracker spreads its topics over several shards, each of which is driven alone. What is asked of a
//! shard has a method with a typed answer ([`Shard::track`], [`Shard::list`], ...). What befalls it is
//! an [`Input`] to [`Shard::handle`]. Either may leave [`Effect`]s, which the driver carries out in
//! order. `now`, where it matters, is the time since any fixed moment and never goes backwards.
//!
//! # Diffs
//!
//! A topic is quiet, dispatching or cooling.
//!
//! - Quiet: the first change leaves at once, as an [`Effect::TopicDiff`], and the topic is dispatching.
//! - Dispatching: the driver has the diff (it may wait for a database), and further changes gather
//!   here. At most one diff of a topic is out, which keeps a topic's diffs in order and bounds what a
//!   slow driver holds. With [`Input::Dispatched`] the topic cools.
//! - Cooling: further changes gather until `diff_interval` is over, then leave as one diff. If there
//!   are none, the topic is quiet again. So N users who join one room cause a few diffs, not N.
//!
//! How changes cancel and what a list has to do with it is told in `pending.rs`.
//!
//! # Costs
//!
//! A change of k entries visits k entries, whatever the shard holds: each way to an entry (its topic and
//! key, its owner) has an index. A count is a length. A list clones pointers to the topic's entries and
//! nothing else. Measured with short metas, a presence takes about 450 bytes, its owner included, and a
//! topic about 700 more. All maps are ordered ones: a run repeats exactly, and no client can choose topics whose
//! hashes collide.

mod effect;
mod holders;
mod owned;
mod pending;
mod refused;
mod topic;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::crdt::{
    Clock, Content, Entry, Meta, MetaBody, Origin, OwnerId, PhxRef, PhxRefs, Replica,
};
pub use effect::{Effect, TopicDiff};
use owned::Owned;
pub use refused::{TrackRefused, UpdateRefused};
use topic::{Phase, Topic};

/// What a shard is made with.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Who tracks here.
    pub origin: Origin,
    /// A random number that no other shard of the cluster has: it keeps their `phx_ref`s apart.
    pub ref_nonce: u64,
    /// The least time between two diffs of one topic. Zero: a diff leaves as soon as the one before it
    /// was dispatched.
    pub diff_interval: Duration,
}

/// What befalls a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// All that the owner tracked here ends.
    OwnerGone(OwnerId),
    /// The topic's last [`Effect::TopicDiff`] has been carried out.
    Dispatched(Arc<str>),
    /// [`Shard::next_deadline`] has come. Harmless at any other time.
    Tick,
    /// All presences end, and no more are taken. Diffs no longer wait for the interval.
    Stop,
}

/// Which presence is meant: an owner has at most one a topic and key.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// Whose.
    pub owner: OwnerId,
    /// Where.
    pub topic: &'a str,
    /// Under which key.
    pub key: &'a str,
}

/// One shard. See the [module](self) for how it works.
#[derive(Debug)]
pub struct Shard {
    /// What this node tracks here: the truth, which the indexes below only lead to.
    replica: Replica,
    /// Where new metas get their references.
    refs: PhxRefs,
    /// Topics with presences, and those whose last diff is not over yet.
    topics: BTreeMap<Arc<str>, Topic>,
    /// From an owner to its entries, for updates and for its end.
    owned: Owned,
    /// When each cooling topic may send again. All wait equally long, so the queue is in order.
    cooling: VecDeque<(Duration, Arc<str>)>,
    /// The wait between two diffs of a topic.
    diff_interval: Duration,
    /// How many topics are dispatching, so that a stopping driver knows when the last diff is out.
    dispatching: usize,
    /// Whether [`Input::Stop`] came.
    stopped: bool,
}

impl Shard {
    /// A shard that holds nothing.
    pub fn new(config: ShardConfig) -> Self {
        Self {
            replica: Replica::new(config.origin),
            refs: PhxRefs::new(config.ref_nonce),
            topics: BTreeMap::new(),
            owned: Owned::default(),
            cooling: VecDeque::new(),
            diff_interval: config.diff_interval,
            dispatching: 0,
            stopped: false,
        }
    }

    /// Adds a presence; returns the reference of its meta.
    ///
    /// # Errors
    ///
    /// If the owner has one there already, or the shard was stopped. Nothing has changed then.
    pub fn track(
        &mut self,
        which: Which<'_>,
        meta: &MetaBody,
        effects: &mut Vec<Effect>,
    ) -> Result<PhxRef, TrackRefused> {
        if self.stopped {
            return Err(TrackRefused::Stopped);
        }
        if self.owned.find(&self.replica, which).is_some() {
            return Err(TrackRefused::AlreadyTracked);
        }
        let phx_ref = self.refs.make();
        let name = match self.topics.get_key_value(which.topic) {
            Some((name, _)) => Arc::clone(name),
            None => which.topic.into(),
        };
        let topic = self.topics.entry(Arc::clone(&name)).or_default();
        let entry = self.replica.add(Content {
            topic: Arc::clone(&name),
            key: topic.intern(which.key),
            owner: which.owner,
            meta: Meta::new(phx_ref, None, meta),
        });
        self.owned.insert(&entry);
        topic.join(&entry);
        self.flush(&name, effects);
        Ok(phx_ref)
    }

    /// Gives a presence another meta, in one step; returns its reference. The old meta's reference goes
    /// along as `phx_ref_prev`.
    ///
    /// With `expected`, only if the present meta has that reference.
    ///
    /// # Errors
    ///
    /// If there is no such presence, it is not the one expected, or the shard was stopped. Nothing has
    /// changed then.
    pub fn update(
        &mut self,
        which: Which<'_>,
        expected: Option<PhxRef>,
        meta: &MetaBody,
        effects: &mut Vec<Effect>,
    ) -> Result<PhxRef, UpdateRefused> {
        if self.stopped {
            return Err(UpdateRefused::Stopped);
        }
        let present = self.owned.find(&self.replica, which);
        let present = present.ok_or(UpdateRefused::NotTracked)?;
        let (clock, prev) = (present.tag.clock, present.meta.reference());
        if expected.is_some_and(|expected| expected != prev) {
            return Err(UpdateRefused::Changed);
        }
        let phx_ref = self.refs.make();
        let meta = Meta::new(phx_ref, Some(prev), meta);
        let (old, new) = self
            .replica
            .update(clock, meta)
            .ok_or(UpdateRefused::NotTracked)?;
        self.owned.remove(&old);
        self.owned.insert(&new);
        if let Some(topic) = self.topics.get_mut(&*new.topic) {
            topic.leave(&old);
            topic.join(&new);
        }
        self.flush(&new.topic, effects);
        Ok(phx_ref)
    }

    /// Removes a presence; tells whether there was one.
    pub fn untrack(&mut self, which: Which<'_>, effects: &mut Vec<Effect>) -> bool {
        let Some(entry) = self.owned.find(&self.replica, which).cloned() else {
            return false;
        };
        self.remove(&entry);
        self.flush(&entry.topic, effects);
        true
    }

    /// The meta of a presence, to update it by.
    ///
    /// # Errors
    ///
    /// If there is no such presence, or the shard was stopped.
    pub fn meta(&self, which: Which<'_>) -> Result<Meta, UpdateRefused> {
        if self.stopped {
            return Err(UpdateRefused::Stopped);
        }
        let entry = self.owned.find(&self.replica, which);
        Ok(entry.ok_or(UpdateRefused::NotTracked)?.meta.clone())
    }

    /// The topic's entries by key, the oldest first within a key.
    ///
    /// Seals the topic's pending diff: what happened before this list never cancels against what
    /// happens after it.
    pub fn list(&mut self, topic: &str) -> Vec<Arc<Entry>> {
        let Some(topic) = self.topics.get_mut(topic) else {
            return Vec::new();
        };
        topic.seal();
        topic.entries()
    }

    /// The topic's entries under one key, the oldest first.
    pub fn get_by_key(&self, topic: &str, key: &str) -> Vec<Arc<Entry>> {
        let topic = self.topics.get(topic);
        topic.map_or_else(Vec::new, |topic| topic.under(key))
    }

    /// How many distinct keys the topic has.
    pub fn count(&self, topic: &str) -> usize {
        self.topics.get(topic).map_or(0, Topic::count)
    }

    /// When an [`Input::Tick`] is due next.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.cooling.front().map(|(until, _)| *until)
    }

    /// Whether the shard was stopped and all its diffs have been dispatched.
    pub fn is_finished(&self) -> bool {
        self.stopped && self.dispatching == 0
    }

    /// Takes what befalls the shard. What it wants done is added to `effects`.
    pub fn handle(&mut self, input: Input, now: Duration, effects: &mut Vec<Effect>) {
        match input {
            Input::OwnerGone(owner) => self.owner_gone(owner, effects),
            Input::Dispatched(topic) => self.dispatched(&topic, now, effects),
            Input::Tick => self.tick(now, effects),
            Input::Stop => self.stop(effects),
        }
    }

    fn owner_gone(&mut self, owner: OwnerId, effects: &mut Vec<Effect>) {
        // All leaves of a topic belong into one diff, so nothing is sent before the last is known.
        let mut touched: Vec<Arc<str>> = Vec::new();
        for clock in self.owned.all(owner) {
            let Some(entry) = self.replica.get(clock).cloned() else {
                continue;
            };
            self.remove(&entry);
            touched.push(Arc::clone(&entry.topic));
        }
        touched.sort_unstable();
        touched.dedup();
        for topic in touched {
            self.flush(&topic, effects);
        }
    }

    fn dispatched(&mut self, name: &Arc<str>, now: Duration, effects: &mut Vec<Effect>) {
        let Some(topic) = self.topics.get_mut(name) else {
            return;
        };
        if topic.phase != Phase::Dispatching {
            return;
        }
        self.dispatching -= 1;
        if self.stopped {
            topic.phase = Phase::Quiet;
            self.flush(name, effects);
            return;
        }
        topic.phase = Phase::Cooling;
        self.cooling
            .push_back((now + self.diff_interval, Arc::clone(name)));
        if self.diff_interval.is_zero() {
            self.tick(now, effects);
        }
    }

    fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        while self.next_deadline().is_some_and(|until| until <= now) {
            let Some((_, name)) = self.cooling.pop_front() else {
                return;
            };
            if let Some(topic) = self.topics.get_mut(&name) {
                topic.phase = Phase::Quiet;
            }
            self.flush(&name, effects);
        }
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.stopped = true;
        let entries: Vec<_> = self.replica.since(Clock::ZERO).cloned().collect();
        for entry in &entries {
            self.remove(entry);
        }
        self.cooling.clear();
        let names: Vec<_> = self.topics.keys().cloned().collect();
        for name in names {
            if let Some(topic) = self.topics.get_mut(&name)
                && topic.phase == Phase::Cooling
            {
                topic.phase = Phase::Quiet;
            }
            self.flush(&name, effects);
        }
    }

    fn remove(&mut self, entry: &Arc<Entry>) {
        if self.replica.remove(entry.tag.clock).is_none() {
            return;
        }
        self.owned.remove(entry);
        if let Some(topic) = self.topics.get_mut(&*entry.topic) {
            topic.leave(entry);
        }
    }

    /// Sends the topic's pending diff if it may go now, and forgets a topic of which nothing is left.
    fn flush(&mut self, name: &Arc<str>, effects: &mut Vec<Effect>) {
        let Some(topic) = self.topics.get_mut(name) else {
            return;
        };
        if topic.phase != Phase::Quiet {
            return;
        }
        if let Some((joins, leaves)) = topic.take_diff() {
            topic.phase = Phase::Dispatching;
            self.dispatching += 1;
            effects.push(Effect::TopicDiff(TopicDiff {
                topic: Arc::clone(name),
                joins,
                leaves,
            }));
        } else if topic.is_empty() {
            self.topics.remove(name);
        }
    }
}
