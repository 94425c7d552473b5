//! The messages about other nodes' replicas: clocks, changes, answers, and the requests for them.

use std::sync::Arc;
use std::time::Duration;

use super::Copies;
use crate::replication::set::{Changes, Clock, Delta, Entry, Gone, NotApplied, Origin};
use crate::replication::shard::copies::catch_up::Taken;
use crate::replication::shard::copies::copy::ReplicaCopy;
use crate::replication::shard::counts::Counts;
use crate::replication::shard::effect::Effect;
use crate::replication::shard::index::Index;
use crate::replication::shard::part::Part;

impl Copies {
    /// The replica itself told its clock.
    pub(in crate::replication::shard) fn announced(
        &mut self,
        origin: &Origin,
        clock: Clock,
        recent: bool,
        now: Duration,
        index: &mut Index,
    ) {
        self.each(origin, |copy, due, random| {
            if recent {
                copy.target.get_or_insert(clock);
            }
            let held = copy.replica.clock();
            // If it told more before than it does now, it says upon a request whether that still
            // holds.
            let told = clock.max(copy.target.unwrap_or(clock));
            if told > held {
                let jitter = |most| jitter(random, most);
                copy.catch_up.behind(told, now, jitter);
                earlier(due, copy.catch_up.due());
            }
        });
        self.advance(&origin.name, index);
    }

    /// Another node holds the replica at this clock.
    pub(in crate::replication::shard) fn seen(
        &mut self,
        origin: &Origin,
        clock: Clock,
        now: Duration,
    ) {
        self.each(origin, |copy, due, random| {
            if clock > copy.replica.clock() {
                let jitter = |most| jitter(random, most);
                copy.catch_up.behind(clock, now, jitter);
                earlier(due, copy.catch_up.due());
            }
        });
    }

    /// The replica itself told what it is at a clock. Whoever holds something else at that clock
    /// gets all of it anew, and shows what it has until then.
    pub(in crate::replication::shard) fn compare(
        &mut self,
        origin: &Origin,
        clock: Clock,
        check: u64,
        now: Duration,
        counts: &mut Counts,
    ) {
        let Some(known) = self.known.get_mut(&origin.name) else {
            return;
        };
        let held = &known.current.replica;
        let differs = held.clock() == clock && held.check() != check;
        if !differs
            || !known.up
            || !known.visible
            || !known.current.is_of(origin)
            || known.current.owes()
            || known.next.is_some()
        {
            return;
        }
        counts.refetches += 1;
        let next = known
            .next
            .insert(ReplicaCopy::new(Arc::clone(held.origin())));
        next.target = Some(clock);
        next.catch_up
            .behind(clock, now, |most| jitter(&mut self.random, most));
        earlier(&mut self.next_ask, next.catch_up.due());
    }

    /// Takes changes that their replica sent.
    pub(in crate::replication::shard) fn delta(
        &mut self,
        delta: Delta,
        recent: bool,
        now: Duration,
        index: &mut Index,
        counts: &mut Counts,
    ) {
        let origin = Arc::clone(&delta.origin);
        let batch = self.limits.batch;
        let mut busy = false;
        let lost = &mut Vec::new();
        self.each(&origin, |copy, due, random| {
            if recent {
                copy.target.get_or_insert(delta.to);
            }
            match apply(copy, &delta, batch, index, counts, lost) {
                Ok(()) => {
                    after(copy, now, batch, index, counts, random, lost);
                    busy |= copy.has_work();
                    earlier(due, copy.catch_up.due());
                }
                Err(NotApplied::Gap) => {
                    counts.gaps += 1;
                    counts.early_kept += u64::from(copy.catch_up.keep(delta.clone()));
                    let jitter = |most| jitter(random, most);
                    copy.catch_up.behind(delta.to, now, jitter);
                    earlier(due, copy.catch_up.due());
                }
                Err(NotApplied::Known | NotApplied::OtherOrigin) => counts.stale_deltas += 1,
            }
        });
        self.busy |= busy;
        self.news.lost(lost);
        self.advance(&origin.name, index);
    }

    /// Takes a part of what was asked for. `own`: its replica sent it.
    pub(in crate::replication::shard) fn part(
        &mut self,
        part: Part,
        own: bool,
        now: Duration,
        index: &mut Index,
        counts: &mut Counts,
    ) {
        let origin = Arc::clone(&part.origin);
        let batch = self.limits.batch;
        let mut part = Some(part);
        let take = |copy: &mut ReplicaCopy, counts: &mut Counts| {
            let part = part.take_if(|part| copy.catch_up.wants(part.id))?;
            if part.of != 1 && !copy.catch_up.is_staging() {
                counts.staged += 1;
            }
            Some(copy.catch_up.take(part, batch))
        };
        self.go_on(&origin, own, take, now, index, counts);
    }

    /// Goes on with the answer whose turn it is, if parts of one wait to be put together.
    pub(super) fn put_together(&mut self, now: Duration, index: &mut Index, counts: &mut Counts) {
        let Some((origin, own)) = self.unfinished.pop_front() else {
            return;
        };
        let batch = self.limits.batch;
        let go_on = |copy: &mut ReplicaCopy, _: &mut Counts| {
            let is_staging = copy.catch_up.is_staging();
            is_staging.then(|| copy.catch_up.put_together(batch))
        };
        self.go_on(&origin, own, go_on, now, index, counts);
    }

    /// Goes on with an answer about a replica, and takes it over when it is whole.
    fn go_on(
        &mut self,
        origin: &Arc<Origin>,
        own: bool,
        mut step: impl FnMut(&mut ReplicaCopy, &mut Counts) -> Option<Taken>,
        now: Duration,
        index: &mut Index,
        counts: &mut Counts,
    ) {
        let batch = self.limits.batch;
        let mut busy = false;
        let mut has_more = false;
        let lost = &mut Vec::new();
        self.each(origin, |copy, due, random| {
            let whole = match step(copy, counts) {
                Some(Taken::Whole(whole)) => whole,
                Some(Taken::More) => {
                    has_more = true;
                    return;
                }
                Some(Taken::Kept) | None => return,
                Some(Taken::Broken) => {
                    counts.nonsense += 1;
                    copy.catch_up.broken(now, |most| jitter(random, most));
                    earlier(due, copy.catch_up.due());
                    return;
                }
                Some(Taken::Nonsense) => {
                    counts.nonsense += 1;
                    return;
                }
            };
            if own {
                // The present clock of the replica. It may be lower than before, on a restored
                // machine.
                copy.target = copy.target.map(|target| target.min(whole.to()));
            }
            match take_over(copy, whole, batch, index, counts, lost) {
                Ok(()) => counts.answers += 1,
                // Whoever asks its replica knows now that there is nothing more.
                Err(NotApplied::Known) if own => {}
                // Another node had no more either, so the next is asked. The pull may be over
                // already, and then no other call says so.
                Err(_) => {
                    copy.catch_up.broken(now, |most| jitter(random, most));
                    earlier(due, copy.catch_up.due());
                    return;
                }
            }
            copy.catch_up.answered(own, now);
            after(copy, now, batch, index, counts, random, lost);
            busy |= copy.has_work();
            earlier(due, copy.catch_up.due());
        });
        if has_more {
            let mut unfinished = self.unfinished.iter_mut();
            match unfinished.find(|(other, _)| other == origin) {
                Some((_, is_own)) => *is_own = own,
                None => self.unfinished.push_back((Arc::clone(origin), own)),
            }
        }
        self.busy |= busy;
        self.news.lost(lost);
        self.advance(&origin.name, index);
    }

    /// Returns whether the request of this number waits for its answer.
    pub(in crate::replication::shard) fn wants(&self, origin: &Origin, id: u64) -> bool {
        let known = self.known.get(&origin.name).filter(|known| known.up);
        known.is_some_and(|known| {
            let mut copies = std::iter::once(&known.current).chain(&known.next);
            copies.any(|copy| copy.is_of(origin) && copy.catch_up.wants(id))
        })
    }

    /// The request of this number led to nothing.
    pub(in crate::replication::shard) fn over(&mut self, origin: &Origin, id: u64, now: Duration) {
        self.each(origin, |copy, due, random| {
            copy.catch_up.over(id, now, |most| jitter(random, most));
            earlier(due, copy.catch_up.due());
        });
    }

    /// Asks for what is missing, where that is due.
    pub(super) fn ask(&mut self, now: Duration, counts: &mut Counts, effects: &mut Vec<Effect>) {
        if self.next_ask.is_none_or(|at| at > now) {
            return;
        }
        self.next_ask = None;
        let random = &mut self.random;
        for known in self.known.values_mut().filter(|known| known.up) {
            for copy in std::iter::once(&mut known.current).chain(&mut known.next) {
                let id = random.u64(..);
                let ask = copy.catch_up.ask(&copy.replica, now, id);
                counts.asks += u64::from(ask.is_some());
                effects.extend(ask.map(Effect::Ask));
                earlier(&mut self.next_ask, copy.catch_up.due());
            }
        }
    }

    /// Runs `change` on the states of an incarnation that is up.
    fn each(
        &mut self,
        origin: &Origin,
        mut change: impl FnMut(&mut ReplicaCopy, &mut Option<Duration>, &mut fastrand::Rng),
    ) {
        let Some(known) = self.known.get_mut(&origin.name).filter(|known| known.up) else {
            return;
        };
        for copy in std::iter::once(&mut known.current).chain(&mut known.next) {
            if copy.is_of(origin) {
                change(copy, &mut self.next_ask, &mut self.random);
            }
        }
    }
}

/// Moves a copy on by an answer.
fn take_over(
    copy: &mut ReplicaCopy,
    changes: Changes,
    batch: usize,
    index: &mut Index,
    counts: &mut Counts,
    lost: &mut Vec<Arc<Entry>>,
) -> Result<(), NotApplied> {
    let held = &copy.replica;
    if held.clock() == Clock::ZERO && changes.from() == Clock::ZERO && changes.to() > Clock::ZERO {
        counts.deltas += 1;
        copy.replica = changes.into_replica();
        // Nothing was there, so nothing is shown of it yet.
        copy.shown = Clock::ZERO;
        return Ok(());
    }
    if held.is_small(&changes, batch) {
        return apply(copy, &changes.into_delta(), batch, index, counts, lost);
    }
    counts.deltas += 1;
    counts.debts += 1;
    copy.go_on(changes)
}

/// Moves a copy on by a delta, and the index with it.
fn apply(
    copy: &mut ReplicaCopy,
    delta: &Delta,
    batch: usize,
    index: &mut Index,
    counts: &mut Counts,
    lost: &mut Vec<Arc<Entry>>,
) -> Result<(), NotApplied> {
    let before = copy.replica.clock();
    let applied = copy.replica.apply(delta)?;
    counts.deltas += 1;
    counts.overlaps += u64::from(applied.overlapped);
    counts.entries_visited += applied.visited as u64;
    counts.runs_used += u64::from(matches!(delta.gone, Gone::Except(_)));
    copy.follow(&applied, before, batch, index);
    lost.extend(applied.removed);
    Ok(())
}

/// Applies the kept early deltas that continue from here.
fn after(
    copy: &mut ReplicaCopy,
    now: Duration,
    batch: usize,
    index: &mut Index,
    counts: &mut Counts,
    random: &mut fastrand::Rng,
    lost: &mut Vec<Arc<Entry>>,
) {
    while let Some(early) = copy.catch_up.early(copy.replica.clock()) {
        if apply(copy, &early, batch, index, counts, lost).is_ok() {
            counts.early_applied += 1;
        }
    }
    if let Some(told) = copy.catch_up.last_early() {
        let jitter = |most| jitter(random, most);
        copy.catch_up.behind(told, now, jitter);
    } else if copy
        .target
        .is_none_or(|target| target <= copy.replica.clock())
        && !copy.catch_up.is_staging()
    {
        copy.catch_up.complete();
    }
}

fn jitter(random: &mut fastrand::Rng, most: Duration) -> Duration {
    most.mul_f64(random.f64())
}

fn earlier(at: &mut Option<Duration>, other: Option<Duration>) {
    *at = at.iter().copied().chain(other).min();
}
