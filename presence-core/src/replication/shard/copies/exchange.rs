//! The messages about other nodes' replicas: clocks, changes, answers, and the requests for them.

use std::sync::Arc;

use super::Copies;
use super::turn::{Steps, Turn, behind, earlier};
use crate::replication::set::{Clock, Delta, NotApplied, Origin};
use crate::replication::shard::copies::catch_up::Taken;
use crate::replication::shard::copies::copy::ReplicaCopy;
use crate::replication::shard::counts::Counts;
use crate::replication::shard::effect::Effect;
use crate::replication::shard::part::Part;

impl Copies {
    /// The replica itself told its clock.
    pub(in crate::replication::shard) fn announced(
        &mut self,
        origin: &Origin,
        clock: Clock,
        recent: bool,
        turn: &mut Turn<'_>,
    ) {
        self.each(origin, turn, |copy, steps| {
            if recent {
                copy.target.get_or_insert(clock);
            }
            let held = copy.replica.clock();
            // If it told more before than it does now, it says upon a request whether that still
            // holds.
            let told = clock.max(copy.target.unwrap_or(clock));
            if told > held {
                steps.behind(copy, told);
            }
        });
        self.advance(&origin.name, turn.index);
    }

    /// Another node holds the replica at this clock.
    pub(in crate::replication::shard) fn seen(
        &mut self,
        origin: &Origin,
        clock: Clock,
        turn: &mut Turn<'_>,
    ) {
        self.each(origin, turn, |copy, steps| {
            if clock > copy.replica.clock() {
                steps.behind(copy, clock);
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
        turn: &mut Turn<'_>,
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
        turn.counts.refetches += 1;
        let next = known
            .next
            .insert(ReplicaCopy::new(Arc::clone(held.origin())));
        next.target = Some(clock);
        let (catch_up, random) = (&mut next.catch_up, &mut self.random);
        behind(catch_up, clock, turn.now, random, &mut self.next_ask);
    }

    /// Takes changes that their replica sent.
    pub(in crate::replication::shard) fn delta(
        &mut self,
        delta: Delta,
        recent: bool,
        turn: &mut Turn<'_>,
    ) {
        let origin = Arc::clone(&delta.origin);
        self.each(&origin, turn, |copy, steps| {
            if recent {
                copy.target.get_or_insert(delta.to);
            }
            match steps.apply(copy, &delta) {
                Ok(()) => steps.moved_on(copy, false),
                Err(NotApplied::Gap) => {
                    let kept = copy.catch_up.keep(delta.clone());
                    steps.turn.counts.gaps += 1;
                    steps.turn.counts.early_kept += u64::from(kept);
                    steps.behind(copy, delta.to);
                }
                Err(NotApplied::Known | NotApplied::OtherOrigin) => {
                    steps.turn.counts.stale_deltas += 1;
                }
            }
        });
        self.advance(&origin.name, turn.index);
    }

    /// Takes a part of what was asked for. `own`: its replica sent it.
    pub(in crate::replication::shard) fn part(
        &mut self,
        part: Part,
        own: bool,
        turn: &mut Turn<'_>,
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
        self.go_on(&origin, own, take, turn);
    }

    /// Goes on with the answer whose turn it is, if parts of one wait to be put together.
    pub(super) fn put_together(&mut self, turn: &mut Turn<'_>) {
        let Some((origin, own)) = self.unfinished.pop_front() else {
            return;
        };
        let batch = self.limits.batch;
        let go_on = |copy: &mut ReplicaCopy, _: &mut Counts| {
            let is_staging = copy.catch_up.is_staging();
            is_staging.then(|| copy.catch_up.put_together(batch))
        };
        self.go_on(&origin, own, go_on, turn);
    }

    /// Goes on with an answer about a replica, and takes it over when it is whole.
    fn go_on(
        &mut self,
        origin: &Arc<Origin>,
        own: bool,
        mut step: impl FnMut(&mut ReplicaCopy, &mut Counts) -> Option<Taken>,
        turn: &mut Turn<'_>,
    ) {
        let mut has_more = false;
        self.each(origin, turn, |copy, steps| {
            let whole = match step(copy, steps.turn.counts) {
                Some(Taken::Whole(whole)) => whole,
                Some(Taken::More) => {
                    has_more = true;
                    return;
                }
                Some(Taken::Kept) | None => return,
                Some(Taken::Broken) => {
                    steps.turn.counts.nonsense += 1;
                    steps.broken(copy);
                    return;
                }
                Some(Taken::Nonsense) => {
                    steps.turn.counts.nonsense += 1;
                    return;
                }
            };
            if own {
                // The present clock of the replica. It may be lower than before, on a restored
                // machine.
                copy.target = copy.target.map(|target| target.min(whole.to()));
            }
            match steps.take_over(copy, whole) {
                Ok(()) => steps.turn.counts.answers += 1,
                // Whoever asks its replica knows now that there is nothing more.
                Err(NotApplied::Known) if own => {}
                // Another node had no more either, so the next is asked. The pull may be over
                // already, and then no other call says so.
                Err(_) => {
                    steps.broken(copy);
                    return;
                }
            }
            copy.catch_up.answered(own, steps.turn.now);
            steps.moved_on(copy, own);
        });
        if has_more {
            let mut unfinished = self.unfinished.iter_mut();
            match unfinished.find(|(other, _)| other == origin) {
                Some((_, is_own)) => *is_own = own,
                None => self.unfinished.push_back((Arc::clone(origin), own)),
            }
        }
        self.advance(&origin.name, turn.index);
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
    pub(in crate::replication::shard) fn over(
        &mut self,
        origin: &Origin,
        id: u64,
        turn: &mut Turn<'_>,
    ) {
        self.each(origin, turn, |copy, steps| steps.over(copy, id));
    }

    /// Asks for what is missing, where that is due.
    pub(super) fn ask(&mut self, turn: &mut Turn<'_>, effects: &mut Vec<Effect>) {
        let now = turn.now;
        if self.next_ask.is_none_or(|at| at > now) {
            return;
        }
        self.next_ask = None;
        let random = &mut self.random;
        for known in self.known.values_mut().filter(|known| known.up) {
            for copy in std::iter::once(&mut known.current).chain(&mut known.next) {
                let id = random.u64(..);
                let ask = copy.catch_up.ask(&copy.replica, now, id);
                turn.counts.asks += u64::from(ask.is_some());
                effects.extend(ask.map(Effect::Ask));
                earlier(&mut self.next_ask, copy.catch_up.due());
            }
        }
    }

    /// Lets the states of an incarnation that is up take steps.
    fn each(
        &mut self,
        origin: &Origin,
        turn: &mut Turn<'_>,
        mut change: impl FnMut(&mut ReplicaCopy, &mut Steps<'_, '_>),
    ) {
        let Some(known) = self.known.get_mut(&origin.name).filter(|known| known.up) else {
            return;
        };
        let mut steps = Steps {
            turn,
            batch: self.limits.batch,
            random: &mut self.random,
            next_ask: &mut self.next_ask,
            lost: Vec::new(),
            busy: false,
        };
        for copy in std::iter::once(&mut known.current).chain(&mut known.next) {
            if copy.is_of(origin) {
                change(copy, &mut steps);
            }
        }
        self.busy |= steps.busy;
        self.news.lost(&mut steps.lost);
    }
}
