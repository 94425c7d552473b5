//! The surroundings of an input to the copies, and the steps that each copy takes in it.

use std::sync::Arc;
use std::time::Duration;

use super::catch_up::CatchUp;
use super::copy::ReplicaCopy;
use crate::replication::set::{Changes, Clock, Delta, Entry, Gone, NotApplied};
use crate::replication::shard::counts::Counts;
use crate::replication::shard::index::Index;

/// The time of an input, and the parts of the shard that follow the copies.
pub(in crate::replication::shard) struct Turn<'a> {
    pub(in crate::replication::shard) now: Duration,
    pub(in crate::replication::shard) index: &'a mut Index,
    pub(in crate::replication::shard) counts: &'a mut Counts,
}

/// The steps of the copies of one replica in a turn, and their results.
pub(super) struct Steps<'a, 't> {
    pub(super) turn: &'a mut Turn<'t>,
    /// The most entries to visit at once.
    pub(super) batch: usize,
    pub(super) random: &'a mut fastrand::Rng,
    /// The earliest moment at which a request may be due.
    pub(super) next_ask: &'a mut Option<Duration>,
    /// The entries that have gone.
    pub(super) lost: Vec<Arc<Entry>>,
    /// Set if marks have to move.
    pub(super) busy: bool,
}

impl Steps<'_, '_> {
    /// A copy lacks something, up to `told` at least.
    pub(super) fn behind(&mut self, copy: &mut ReplicaCopy, told: Clock) {
        behind(
            &mut copy.catch_up,
            told,
            self.turn.now,
            self.random,
            self.next_ask,
        );
    }

    /// The answer to a copy's request is of no use.
    pub(super) fn broken(&mut self, copy: &mut ReplicaCopy) {
        let jitter = |most| jitter(self.random, most);
        copy.catch_up.broken(self.turn.now, jitter);
        earlier(self.next_ask, copy.catch_up.due());
    }

    /// The request of this number led to nothing.
    pub(super) fn over(&mut self, copy: &mut ReplicaCopy, id: u64) {
        let jitter = |most| jitter(self.random, most);
        copy.catch_up.over(id, self.turn.now, jitter);
        earlier(self.next_ask, copy.catch_up.due());
    }

    /// Moves a copy on by a delta, and the index with it.
    pub(super) fn apply(
        &mut self,
        copy: &mut ReplicaCopy,
        delta: &Delta,
    ) -> Result<(), NotApplied> {
        let before = copy.replica.clock();
        let applied = copy.replica.apply(delta)?;
        let counts = &mut *self.turn.counts;
        counts.deltas += 1;
        counts.overlaps += u64::from(applied.overlapped);
        counts.entries_visited += applied.visited as u64;
        counts.runs_used += u64::from(matches!(delta.gone, Gone::Except(_)));
        copy.follow(&applied, before, self.batch, self.turn.index);
        self.lost.extend(applied.removed);
        Ok(())
    }

    /// Moves a copy on by an answer.
    pub(super) fn take_over(
        &mut self,
        copy: &mut ReplicaCopy,
        changes: Changes,
    ) -> Result<(), NotApplied> {
        let held = &copy.replica;
        let is_all = changes.from() == Clock::ZERO && changes.to() > Clock::ZERO;
        if held.clock() == Clock::ZERO && is_all {
            self.turn.counts.deltas += 1;
            copy.replica = changes.into_replica();
            // Nothing was there, so nothing is shown of it yet.
            copy.shown = Clock::ZERO;
            return Ok(());
        }
        if held.is_small(&changes, self.batch) {
            return self.apply(copy, &changes.into_delta());
        }
        self.turn.counts.deltas += 1;
        self.turn.counts.debts += 1;
        copy.go_on(changes)
    }

    /// A copy has moved on: applies the kept early deltas that continue from here, and says what it
    /// lacks then. `own`: by an answer of the replica itself, beyond which there is nothing.
    pub(super) fn moved_on(&mut self, copy: &mut ReplicaCopy, own: bool) {
        while let Some(early) = copy.catch_up.early(copy.replica.clock()) {
            if self.apply(copy, &early).is_ok() {
                self.turn.counts.early_applied += 1;
            }
        }
        let clock = copy.replica.clock();
        let has_target = copy.target.is_none_or(|target| target <= clock);
        let has_all = own || copy.catch_up.told().is_none_or(|told| told <= clock);
        if let Some(told) = copy.catch_up.last_early() {
            self.behind(copy, told);
        } else if has_target && has_all && !copy.catch_up.is_staging() {
            copy.catch_up.complete();
        }
        self.busy |= copy.has_work();
        earlier(self.next_ask, copy.catch_up.due());
    }
}

/// Notes that something is missing, up to `told` at least, and when it is asked for.
pub(super) fn behind(
    catch_up: &mut CatchUp,
    told: Clock,
    now: Duration,
    random: &mut fastrand::Rng,
    next_ask: &mut Option<Duration>,
) {
    catch_up.behind(told, now, |most| jitter(random, most));
    earlier(next_ask, catch_up.due());
}

fn jitter(random: &mut fastrand::Rng, most: Duration) -> Duration {
    most.mul_f64(random.f64())
}

pub(super) fn earlier(at: &mut Option<Duration>, other: Option<Duration>) {
    *at = at.iter().copied().chain(other).min();
}
