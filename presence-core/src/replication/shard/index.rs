//! The index of a shard: its shown topics, and the time of the next diff of each.

mod holders;
pub(super) mod key_changes;
mod keys;
pub(super) mod pending;
pub(super) mod state;
pub(super) mod topic;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::effect::{Effect, TakenDiff};
use crate::replication::set::{Entry, Origin};
use topic::{Phase, Topic};

impl super::Shard {
    /// The topics that anybody is in, in order, with how many distinct keys each has.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        let counts = self.index.topics.iter();
        let counts = counts.map(|(name, topic)| (name, topic.count()));
        counts.filter(|(_, count)| *count > 0)
    }

    /// Returns the number of the last diff of the shard.
    pub(crate) fn last_diff(&self) -> u64 {
        self.index.diffs
    }

    /// Returns whether all is here that nodes that are up have told of.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.copies.are_caught_up()
    }

    /// From now on, diffs tell which keys came and went. For a shard that holds nothing.
    pub(crate) fn tell_keys(&mut self) {
        self.index.tells_keys = true;
    }

    /// This node has left: whose presences end here from now on is most likely on the way to
    /// another node, of which nothing is heard any more. They are shown until
    /// [`Input::Stop`](super::Input::Stop), as the other nodes do.
    pub(crate) fn linger(&mut self) {
        self.index.lingering.get_or_insert_default();
    }
}

/// The entries that are shown, whoever's they are, by topic and key.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// Topics with presences, and those whose last diff is not over yet.
    topics: BTreeMap<Arc<str>, Topic>,
    /// When each cooling topic may send again. All wait equally long, so the queue is in order.
    cooling: VecDeque<(Duration, Arc<str>)>,
    /// The wait between two diffs of a topic.
    diff_interval: Duration,
    /// About how many changes are told in a turn, and listed in a batch.
    batch: usize,
    /// The number of diffs so far.
    diffs: u64,
    /// The number of changes so far.
    changes: u64,
    /// The number of topics that are dispatching. A stopping driver waits until it is zero.
    dispatching: usize,
    /// Topics that have changed, and whose diffs may go.
    touched: BTreeSet<Arc<str>>,
    /// Topics that the work of several turns has changed, which is one diff of each. They wait for
    /// its end. No other topic waits for it.
    waiting: BTreeSet<Arc<str>>,
    /// Set while the changes belong to the work of several turns.
    in_turns: bool,
    /// Set if the work continues in a later turn.
    unfinished: bool,
    /// Set if diffs no longer wait for the interval.
    stopped: bool,
    /// This node's own entries that ended since it left. `None`: it has not.
    lingering: Option<Vec<Arc<Entry>>>,
    /// The replicas in their grace, the first that left first. Their entries are shown until their
    /// keys come back.
    in_grace: Vec<Arc<Origin>>,
    /// The number of entries whose keys came back within the grace.
    graces_ended_by_rejoin: u64,
    /// See [`Index::take_lost_ended`].
    lost_ended: Vec<Arc<Entry>>,
    /// Set if diffs tell which keys came and went.
    tells_keys: bool,
}

impl Index {
    pub(super) fn new(diff_interval: Duration, batch: usize) -> Self {
        Self {
            topics: BTreeMap::new(),
            cooling: VecDeque::new(),
            diff_interval,
            batch,
            diffs: 0,
            changes: 0,
            dispatching: 0,
            touched: BTreeSet::new(),
            waiting: BTreeSet::new(),
            in_turns: false,
            unfinished: false,
            stopped: false,
            lingering: None,
            in_grace: Vec::new(),
            graces_ended_by_rejoin: 0,
            lost_ended: Vec::new(),
            tells_keys: false,
        }
    }

    /// A topic and a key as they are held already, so that all entries share one text of each.
    pub(super) fn intern(&self, topic: &str, key: &str) -> (Arc<str>, Arc<str>) {
        match self.topics.get_key_value(topic) {
            Some((name, topic)) => (Arc::clone(name), topic.intern(key)),
            None => (topic.into(), key.into()),
        }
    }

    /// Shows a new track. It ends one entry of its key that is in its grace, in the same diff: the
    /// oldest of the node that left first, else the one whose connection was lost first.
    ///
    /// An entry with a reference that is shown already replaces the shown one, without a diff.
    pub(super) fn join(&mut self, entry: &Arc<Entry>) {
        if !self.join_late(entry) {
            return;
        }
        let topic = self.topics.get(&*entry.topic);
        let lost = topic.and_then(|topic| topic.oldest_lost(&entry.key));
        if let Some(lost) = lost.cloned() {
            self.end_in_grace(&lost);
            self.lost_ended.push(lost);
        }
    }

    /// Shows a new track of a replica that is only now complete. The track may be older than the
    /// loss of a connection, so it ends no entry that was lost. Returns whether it may.
    pub(super) fn join_late(&mut self, entry: &Arc<Entry>) -> bool {
        // An entry that is lost already is nobody who comes back.
        if !self.show(entry) || entry.owner.is_lost() {
            return false;
        }
        let Some(oldest) = self.oldest_of_left(entry) else {
            return true;
        };
        self.end_in_grace(&oldest);
        false
    }

    /// Returns the entry of a node that left whose place the new track takes.
    fn oldest_of_left(&self, new: &Entry) -> Option<Arc<Entry>> {
        let topic = self.topics.get(&*new.topic)?;
        let others = self.in_grace.iter();
        let mut others = others.filter(|origin| **origin != new.tag.origin);
        let oldest = others.find_map(|origin| topic.oldest_of(origin, &new.key));
        oldest.cloned()
    }

    fn end_in_grace(&mut self, entry: &Arc<Entry>) {
        self.leave(entry);
        self.graces_ended_by_rejoin += 1;
    }

    /// Returns the entries whose connections were lost, and whose places new tracks have taken
    /// since the last call. This node ends its own among them.
    pub(super) fn take_lost_ended(&mut self) -> Vec<Arc<Entry>> {
        std::mem::take(&mut self.lost_ended)
    }

    /// Returns whether this node has left.
    pub(super) fn is_lingering(&self) -> bool {
        self.lingering.is_some()
    }

    /// Shows an entry that is not a new track: the new state of a presence, or one that was shown
    /// before. Returns whether its reference was not shown.
    pub(super) fn show(&mut self, entry: &Arc<Entry>) -> bool {
        self.changes += 1;
        let topic = self.topics.entry(Arc::clone(&entry.topic));
        let topic = topic.or_insert_with(|| Topic::new(self.tells_keys, self.diffs));
        topic.moment.changed = self.changes;
        let new = topic.join(entry);
        self.touch(&entry.topic);
        new
    }

    /// Shows an entry no more. One that is not shown, or was replaced, stays as it is.
    pub(super) fn leave(&mut self, entry: &Arc<Entry>) {
        if let Some(topic) = self.topics.get_mut(&*entry.topic) {
            self.changes += 1;
            topic.moment.changed = self.changes;
            topic.leave(entry);
            self.touch(&entry.topic);
        }
    }

    /// An entry of this node ended.
    pub(super) fn ended(&mut self, entry: &Arc<Entry>) {
        match &mut self.lingering {
            Some(lingering) => lingering.push(Arc::clone(entry)),
            None => self.leave(entry),
        }
    }

    /// Runs a turn of work that takes several: the topics that it changes wait for its end.
    pub(super) fn in_turns<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.in_turns = true;
        let result = work(self);
        self.in_turns = false;
        result
    }

    fn touch(&mut self, topic: &Arc<str>) {
        let topics = if self.in_turns {
            &mut self.waiting
        } else {
            &mut self.touched
        };
        if !topics.contains(topic) {
            topics.insert(Arc::clone(topic));
        }
    }

    /// Entries of `origin` are shown until their keys are tracked anew, or until
    /// [`Index::end_grace`].
    pub(super) fn begin_grace(&mut self, origin: &Arc<Origin>) {
        self.in_grace.push(Arc::clone(origin));
    }

    pub(super) fn end_grace(&mut self, origin: &Origin) {
        self.in_grace.retain(|held| **held != *origin);
    }

    #[cfg(any(test, feature = "sim"))]
    pub(super) fn graces_ended_by_rejoin(&self) -> u64 {
        self.graces_ended_by_rejoin
    }

    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    pub(super) fn topic_mut(&mut self, topic: &str) -> Option<&mut Topic> {
        self.topics.get_mut(topic)
    }

    pub(super) fn topic(&self, topic: &str) -> Option<&Topic> {
        self.topics.get(topic)
    }

    /// Ends a turn: what it changed is told, except for the topics that wait for the end of work
    /// that is `unfinished`. The telling itself continues in later turns if it is of very many
    /// topics.
    pub(super) fn settle(&mut self, unfinished: bool, effects: &mut Vec<Effect>) {
        self.unfinished = unfinished;
        let mut told = 0;
        while told < self.batch
            && let Some(topic) = self.next_touched()
        {
            told += 1 + self.flush(&topic, effects);
        }
    }

    fn next_touched(&mut self) -> Option<Arc<str>> {
        if let Some(topic) = self.touched.pop_first() {
            if !self.unfinished {
                self.waiting.remove(&topic);
            }
            return Some(topic);
        }
        if self.unfinished {
            return None;
        }
        self.waiting.pop_first()
    }

    /// The driver has carried out the topic's last diff.
    pub(super) fn dispatched(&mut self, name: &Arc<str>, now: Duration, effects: &mut Vec<Effect>) {
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
        let until = now + self.diff_interval;
        self.cooling.push_back((until, Arc::clone(name)));
        if self.diff_interval.is_zero() {
            self.tick(now, effects);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        if !self.touched.is_empty() || (!self.unfinished && !self.waiting.is_empty()) {
            return Some(Duration::ZERO);
        }
        self.cooling.front().map(|(until, _)| *until)
    }

    pub(super) fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let mut told = 0;
        while told < self.batch
            && let Some((_, name)) = self.cooling.pop_front_if(|(until, _)| *until <= now)
        {
            if let Some(topic) = self.topics.get_mut(&name) {
                topic.phase = Phase::Quiet;
            }
            told += 1 + self.flush(&name, effects);
        }
    }

    /// From now on diffs wait for each other, but not for the interval.
    pub(super) fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.stopped = true;
        for entry in self.lingering.take().into_iter().flatten() {
            self.leave(&entry);
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

    /// Returns whether the index was stopped and all its diffs have been dispatched.
    pub(super) fn is_finished(&self) -> bool {
        self.stopped && self.dispatching == 0
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Sends the topic's pending diff if it may go now, and forgets a topic of which nothing is
    /// left. How many changes the diff has.
    fn flush(&mut self, name: &Arc<str>, effects: &mut Vec<Effect>) -> usize {
        let Some(topic) = self.topics.get_mut(name) else {
            return 0;
        };
        if topic.phase != Phase::Quiet || (self.unfinished && self.waiting.contains(name)) {
            return 0;
        }
        let mut changes = 0;
        if let Some((net, keys)) = topic.take_diff() {
            changes = net.len();
            self.diffs += 1;
            topic.moment.taken = self.diffs;
            topic.phase = Phase::Dispatching;
            self.dispatching += 1;
            effects.push(Effect::TopicDiff(TakenDiff {
                topic: Arc::clone(name),
                number: self.diffs,
                changes: net,
                keys,
            }));
        } else if topic.is_empty() {
            self.topics.remove(name);
        }
        changes
    }
}
