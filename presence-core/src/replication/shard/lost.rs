//! The presences of this node whose owners' connections were lost, and the ends of their graces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Effect, Shard};
use crate::replication::set::{Clock, Entry, OwnerId};

/// The time for which an entry whose place was taken on another node is kept. Its removal must not
/// overtake the track on the way to a third node, which would show nobody in between.
const CROSSING: Duration = Duration::from_secs(1);

/// The clocks of this node's lost entries, by the ends of their graces.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    by_end: BTreeSet<(Duration, Clock)>,
    ends: BTreeMap<Clock, Duration>,
    /// Those of them whose places were taken. They are not shown any more.
    replaced: BTreeSet<Clock>,
}

impl Lost {
    fn insert(&mut self, clock: Clock, until: Duration) {
        self.by_end.insert((until, clock));
        self.ends.insert(clock, until);
    }

    /// Forgets an entry. Does nothing if it is not lost.
    pub(super) fn remove(&mut self, clock: Clock) {
        if let Some(until) = self.ends.remove(&clock) {
            self.by_end.remove(&(until, clock));
            self.replaced.remove(&clock);
        }
    }

    /// The place of a lost entry was taken: it ends at `until`.
    fn replace(&mut self, clock: Clock, until: Duration) {
        self.remove(clock);
        self.insert(clock, until);
        self.replaced.insert(clock);
    }

    /// Returns the end of the grace that ends first.
    pub(super) fn next_end(&self) -> Option<Duration> {
        self.by_end.first().map(|(until, _)| *until)
    }

    fn next_due(&self, now: Duration) -> Option<Clock> {
        let (_, clock) = self.by_end.first().filter(|(until, _)| *until <= now)?;
        Some(*clock)
    }

    /// Forgets the entries whose places were taken, and returns their clocks.
    pub(super) fn take_replaced(&mut self) -> BTreeSet<Clock> {
        let replaced = std::mem::take(&mut self.replaced);
        replaced.iter().for_each(|clock| self.remove(*clock));
        replaced
    }

    /// The node goes on under another incarnation: its lost entries have these tags now, in the
    /// order of the old ones.
    pub(super) fn retag<'a>(&mut self, entries: impl Iterator<Item = &'a Arc<Entry>>) {
        let old = std::mem::take(self);
        for (until, entry) in old.ends.into_values().zip(entries) {
            self.insert(entry.tag.clock, until);
        }
    }
}

impl Shard {
    /// The connection of an owner was lost: its entries lose their owner, in one step each. Nobody
    /// is shown a change. They end at `until`, or when their keys are tracked anew.
    pub(super) fn owner_lost(
        &mut self,
        owner: OwnerId,
        until: Duration,
        effects: &mut Vec<Effect>,
    ) {
        if self.index.is_lingering() {
            // The others know no more than that this node has left, and its grace is theirs too.
            self.owner_gone(owner, effects);
            return;
        }
        for clock in self.owned.all(owner) {
            let Some((old, new)) = self.writer.lose(clock) else {
                continue;
            };
            self.owned.remove(&old);
            self.answers.gone_from_replica(&old);
            self.index.show(&new);
            self.lost.insert(new.tag.clock, until);
            self.changed(super::size(&new), effects);
        }
    }

    /// Ends the graces that are over, in a bounded turn.
    pub(super) fn end_graces(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        for _ in 0..self.index.batch() {
            let Some(clock) = self.lost.next_due(now) else {
                return;
            };
            let was_replaced = self.lost.replaced.contains(&clock);
            self.lost.remove(clock);
            if let Some(entry) = self.writer.replica().get(clock).cloned() {
                self.counts.graces_expired += u64::from(!was_replaced);
                self.remove(&entry, effects);
            }
        }
    }

    /// Ends those of this node's lost entries whose places new tracks have taken: at once if the
    /// tracks are this node's own, else in a moment from `heard`.
    pub(super) fn end_replaced(&mut self, heard: Option<Duration>, effects: &mut Vec<Effect>) {
        for entry in self.index.take_lost_ended() {
            if entry.tag.origin != *self.replica().origin() {
                continue;
            }
            match heard {
                Some(now) => self.lost.replace(entry.tag.clock, now + CROSSING),
                None => self.remove(&entry, effects),
            }
        }
    }
}
