//! The copy of another node's replica in one incarnation, and the part of it that is shown.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3Default;

use super::catch_up::CatchUp;
use crate::replication::set::{Applied, Changes, Clock, Debt, Entry, NotApplied, Origin, Replica};
use crate::replication::shard::index::Index;

/// One incarnation of another node's replica.
///
/// The held entries move with deltas, in one step each. The *shown* entries follow in bounded
/// turns, by a mark: entries with tags at or below it are in the index. So a replica of a million
/// entries can be hidden or shown without holding up a read, at any moment, in the middle of the
/// other too.
///
/// After an answer of many changes, the entries that are gone are taken away in turns as well.
/// Until then the copy *owes*: it is no state that its replica was in, so no other node is told of
/// it.
#[derive(Clone, Debug)]
pub(super) struct ReplicaCopy {
    /// The copy of the replica.
    pub(super) replica: Replica,
    /// The mark. [`Clock::MAX`]: all is shown, and whatever comes.
    pub(super) shown: Clock,
    /// The clock up to which entries have been shown at any time. To show them again is not a new
    /// track.
    seen: Clock,
    /// The clock that the replica itself has told of since it came: it is shown once that is
    /// reached.
    pub(super) target: Option<Clock>,
    /// The state of completing the copy.
    pub(super) catch_up: CatchUp,
    /// The entries that are held though they are gone, by the answers that said so.
    debts: VecDeque<Debt>,
}

impl ReplicaCopy {
    /// Of a replica that has just been heard of. Nothing of it is shown.
    pub(super) fn new(origin: Arc<Origin>) -> Self {
        Self {
            replica: Replica::new(origin),
            shown: Clock::ZERO,
            seen: Clock::ZERO,
            target: None,
            catch_up: CatchUp::default(),
            debts: VecDeque::new(),
        }
    }

    pub(super) fn is_of(&self, origin: &Origin) -> bool {
        **self.replica.origin() == *origin
    }

    /// Returns whether it holds everything that its replica held when the replica came up.
    pub(super) fn is_caught_up(&self) -> bool {
        let target = self.target;
        !self.owes() && target.is_some_and(|target| target <= self.replica.clock())
    }

    /// Returns whether it holds what is gone by its clock.
    pub(super) fn owes(&self) -> bool {
        !self.debts.is_empty()
    }

    /// Returns whether it has work for further turns.
    pub(super) fn has_work(&self) -> bool {
        self.owes() || !self.is_shown()
    }

    /// Moves on by many changes. Their entries are shown, and the gone ones are taken away, in
    /// turns.
    pub(super) fn go_on(&mut self, changes: Changes) -> Result<(), NotApplied> {
        let before = self.replica.clock();
        let debt = self.replica.go_on(changes)?;
        if !debt.is_paid() {
            self.debts.push_back(debt);
        }
        if self.is_shown() {
            // All that was added is above the old clock.
            self.shown = before;
        }
        Ok(())
    }

    /// Takes away what it owes, by up to `budget` visits, and puts it into `lost`; returns what is
    /// left of the budget. If anything is, it owes nothing.
    pub(super) fn pay(
        &mut self,
        budget: usize,
        index: &mut Index,
        lost: &mut Vec<Arc<Entry>>,
    ) -> usize {
        let mut left = budget;
        let mut removed = Vec::new();
        while left > 0
            && let Some(debt) = self.debts.front_mut()
        {
            left = debt.pay(&mut self.replica, left, &mut removed);
            if debt.is_paid() {
                self.debts.pop_front();
            }
        }
        self.hide(&removed, index);
        lost.append(&mut removed);
        left
    }

    /// Returns whether all of it is shown.
    pub(super) fn is_shown(&self) -> bool {
        self.shown == Clock::MAX
    }

    /// Shows or hides what a delta changed, as far as the mark says.
    ///
    /// While the mark moves, what the delta removes waits for what it adds: both are one diff.
    pub(super) fn follow(
        &mut self,
        applied: &Applied,
        before: Clock,
        batch: usize,
        index: &mut Index,
    ) {
        if self.is_shown() && applied.added.len() <= batch {
            self.follow_at_once(applied, index);
            return;
        }
        index.in_turns(|index| self.hide(&applied.removed, index));
        if self.is_shown() {
            // All that was added is above the old clock: the mark goes back there, and up in turns.
            self.shown = before;
        }
    }

    fn hide(&self, removed: &[Arc<Entry>], index: &mut Index) {
        let shown = removed.iter().filter(|entry| entry.tag.clock <= self.shown);
        for entry in shown {
            index.leave(entry);
        }
    }

    fn follow_at_once(&self, applied: &Applied, index: &mut Index) {
        // An entry that was lost keeps its reference: it takes the place of the old one unnoticed.
        for lost in applied.added.iter().filter(|added| added.owner.is_lost()) {
            index.show(lost);
        }
        self.hide(&applied.removed, index);
        let mut updates = Updates::of(&applied.removed);
        for entry in &applied.added {
            if entry.owner.is_lost() {
                // Shown above.
            } else if updates.has(entry) {
                index.show(entry);
            } else {
                index.join(entry);
            }
        }
    }

    /// Shows up to `budget` more entries; returns what is left of it. If anything is, all are
    /// shown.
    pub(super) fn show_more(&mut self, budget: usize, index: &mut Index) -> usize {
        let mut left = budget;
        for entry in self.replica.since(self.shown).take(budget) {
            if entry.tag.clock <= self.seen {
                index.show(entry);
            } else {
                index.join_late(entry);
            }
            self.shown = entry.tag.clock;
            left -= 1;
        }
        if left > 0 {
            self.shown = Clock::MAX;
        }
        left
    }

    /// Hides up to `budget` entries; returns what is left of it. If anything is, none is shown.
    pub(super) fn hide_more(&mut self, budget: usize, index: &mut Index) -> usize {
        self.seen = self.seen.max(self.shown.min(self.replica.clock()));
        let mut left = budget;
        for entry in self.replica.up_to(self.shown).rev().take(budget) {
            index.leave(entry);
            self.shown = entry.tag.clock.before();
            left -= 1;
        }
        if left > 0 {
            self.shown = Clock::ZERO;
        }
        left
    }

    /// Returns whether this copy also has the entry in the index.
    ///
    /// Compares the parts by which the index and clients know an entry: a restored machine may have
    /// made the same reference for another meta.
    pub(super) fn shows(&self, entry: &Entry) -> bool {
        let held = self.replica.get(entry.tag.clock);
        entry.tag.origin == *self.replica.origin()
            && entry.tag.clock <= self.shown
            && held.is_some_and(|held| {
                held.meta.reference() == entry.meta.reference()
                    && (&held.topic, &held.key) == (&entry.topic, &entry.key)
            })
    }

    /// Takes up to `budget` entries away for good, out of the index too; returns what is left of
    /// it.
    ///
    /// Those that any of `others` shows stay in the index: they are the same entries.
    pub(super) fn dissolve<'a>(
        &mut self,
        budget: usize,
        others: impl Iterator<Item = &'a Self> + Clone,
        index: &mut Index,
    ) -> usize {
        let mut left = budget;
        while left > 0
            && let Some(entry) = self.replica.pop_last()
        {
            if entry.tag.clock <= self.shown && !others.clone().any(|other| other.shows(&entry)) {
                index.leave(&entry);
            }
            left -= 1;
        }
        left
    }
}

/// The removed entries of a delta, to tell its updates from its new tracks.
///
/// An update removes an entry and adds one with a `phx_ref_prev`, which may be a reference between
/// the two. So the entries are matched by topic and key. Without a removed entry, the presence was
/// tracked and updated since the last delta, which is a new track.
struct Updates<'a>(BTreeMap<(&'a str, &'a str), usize>);

impl<'a> Updates<'a> {
    fn of(removed: &'a [Arc<Entry>]) -> Self {
        let mut counts = BTreeMap::new();
        for entry in removed {
            *counts.entry((&*entry.topic, &*entry.key)).or_default() += 1;
        }
        Self(counts)
    }

    /// Returns whether the added entry is an update. A removed entry is matched once.
    fn has(&mut self, added: &'a Entry) -> bool {
        if self.0.is_empty() || added.meta.phx_ref_prev().is_none() {
            return false;
        }
        let count = self.0.get_mut(&(&*added.topic, &*added.key));
        let Some(count) = count.filter(|count| **count > 0) else {
            return false;
        };
        *count -= 1;
        true
    }
}

/// A number for one replica at one clock, as a node holds it. All nodes make the same of the same.
pub(in crate::replication::shard) fn row(replica: &Replica) -> u64 {
    let origin = replica.origin();
    let mut hash = Xxh3Default::new();
    for number in [
        origin.incarnation.started_ms,
        origin.incarnation.nonce,
        replica.clock().get(),
        replica.check(),
    ] {
        hash.update(&number.to_le_bytes());
    }
    hash.update(origin.name.as_str().as_bytes());
    hash.digest()
}
