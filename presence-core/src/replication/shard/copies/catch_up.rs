//! The completion of one replica: one request at a time, the answer as far as it has come, and the
//! deltas that came too early.
//!
//! When to ask for the first time is decided here. Whom to ask, how much at a time, and when an
//! answer is overdue is decided for the whole node, by its [pulls](crate::replication::node).

use std::time::Duration;

use super::staging::Staging;
use crate::replication::set::{Changes, Clock, Delta, Replica};
use crate::replication::shard::part::{Ask, Part};

/// The wait before the first request: a message that was only overtaken arrives by then.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// The wait after a request that led to nothing: the first, and the longest.
const RETRY: Duration = Duration::from_millis(50);
const MAX_RETRY: Duration = Duration::from_millis(400);
/// The number of requests that led to nothing, after which only the next heartbeat starts a new
/// one.
const MAX_ATTEMPTS: u32 = 6;
/// A gap of at most this many changes is small: its answer is most likely one part.
const SMALL_GAP: u64 = 256;
/// The most early deltas that are kept.
const MAX_EARLY: usize = 32;
const MAX_EARLY_ADDS: usize = 4096;

/// The state of completing one replica.
#[derive(Clone, Debug, Default)]
pub(super) struct CatchUp {
    /// The request, if something is known to be missing.
    want: Option<Want>,
    /// The answer, as far as it came.
    staging: Option<Staging>,
    /// Deltas that begin after what is missing.
    early: Vec<Early>,
}

#[derive(Clone, Debug)]
struct Early {
    delta: Delta,
    /// Set if a request was sent after the delta came.
    asked: bool,
}

#[derive(Clone, Copy, Debug)]
struct Want {
    attempt: u32,
    state: WantState,
    /// The highest clock that was told of.
    told: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WantState {
    /// The request is made at this time.
    Due(Duration),
    /// The request of this number is made.
    Asked(u64),
}

impl Want {
    fn has_asked(&self, id: u64) -> bool {
        self.state == WantState::Asked(id)
    }
}

/// The result of taking a part of an answer.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is kept, or was of no use.
    Kept,
    /// It is kept, and more can be [put together](CatchUp::put_together).
    More,
    /// The answer is complete.
    Whole(Changes),
    /// It is no part of the answer.
    Nonsense,
    /// The parts do not go together. Call [`CatchUp::broken`].
    Broken,
}

impl CatchUp {
    /// Something is missing, up to `told` at least.
    pub(super) fn behind(
        &mut self,
        told: Clock,
        now: Duration,
        jitter: impl FnOnce(Duration) -> Duration,
    ) {
        let want = self.want.get_or_insert_with(|| Want {
            attempt: 0,
            state: WantState::Due(now + jitter(FIRST_WAIT)),
            told,
        });
        want.told = want.told.max(told);
    }

    /// Returns whether something is missing.
    pub(super) fn is_behind(&self) -> bool {
        self.want.is_some()
    }

    /// Returns the highest clock that was told of, if something is missing.
    pub(super) fn told(&self) -> Option<Clock> {
        self.want.map(|want| want.told)
    }

    /// Nothing is missing any more, or not for now.
    pub(super) fn complete(&mut self) {
        *self = Self::default();
    }

    /// When [`CatchUp::ask`] is due.
    pub(super) fn due(&self) -> Option<Duration> {
        match self.want?.state {
            WantState::Due(at) => Some(at),
            WantState::Asked(_) => None,
        }
    }

    /// The request that is due, if one is.
    pub(super) fn ask(&mut self, replica: &Replica, now: Duration, id: u64) -> Option<Ask> {
        self.due().filter(|at| *at <= now)?;
        let want = self.want.as_mut()?;
        self.staging = None;
        let attempt = want.attempt;
        if attempt >= MAX_ATTEMPTS {
            self.complete();
            return None;
        }
        for early in &mut self.early {
            early.asked = true;
        }
        want.attempt += 1;
        want.state = WantState::Asked(id);
        let from = replica.clock();
        Some(Ask {
            origin: replica.origin().clone(),
            from,
            id,
            attempt,
            is_small: want.told.get().saturating_sub(from.get()) <= SMALL_GAP,
        })
    }

    /// The request of this number led to nothing. It is made again, after a wait.
    pub(super) fn over(
        &mut self,
        id: u64,
        now: Duration,
        jitter: impl FnOnce(Duration) -> Duration,
    ) {
        if !self.want.is_some_and(|want| want.has_asked(id)) {
            return;
        }
        if self.staging.as_ref().is_some_and(Staging::has_all) {
            // It led to an answer, which is being put together.
            return;
        }
        self.retry(now, jitter);
    }

    /// The parts of the answer do not go together, so the request led to nothing. All of them may
    /// have come, and then no other call says that it is over.
    pub(super) fn broken(&mut self, now: Duration, jitter: impl FnOnce(Duration) -> Duration) {
        let is_asked = |want: &Want| matches!(want.state, WantState::Asked(_));
        if self.want.as_ref().is_some_and(is_asked) {
            self.retry(now, jitter);
        }
    }

    fn retry(&mut self, now: Duration, jitter: impl FnOnce(Duration) -> Duration) {
        self.staging = None;
        let Some(want) = &mut self.want else {
            return;
        };
        let wait = (RETRY * want.attempt).min(MAX_RETRY);
        want.state = WantState::Due(now + wait + jitter(wait / 4));
    }

    /// Takes a part of an answer, and puts together about `most` entries.
    pub(super) fn take(&mut self, part: Part, most: usize) -> Taken {
        if !self.wants(part.id) {
            return Taken::Kept;
        }
        let staging = match self.staging.take() {
            Some(staging) if staging.fits(&part) => Some(staging),
            // Another answer under the number of this one: a lie. The first goes on.
            Some(staging) => {
                self.staging = Some(staging);
                return Taken::Nonsense;
            }
            None => Staging::begin(&part),
        };
        let Some(mut staging) = staging else {
            return Taken::Nonsense;
        };
        staging.take(part);
        self.staging = Some(staging);
        self.put_together(most)
    }

    /// Puts together about `most` entries more of the parts that have come.
    pub(super) fn put_together(&mut self, most: usize) -> Taken {
        let Some(mut staging) = self.staging.take() else {
            return Taken::Kept;
        };
        if staging.put_together(most).is_err() {
            return Taken::Broken;
        }
        if !staging.is_whole() {
            let has_more = staging.has_more();
            self.staging = Some(staging);
            return if has_more { Taken::More } else { Taken::Kept };
        }
        Taken::Whole(staging.whole())
    }

    /// Returns whether `id` is the number of the request that waits for parts of its answer.
    pub(super) fn wants(&self, id: u64) -> bool {
        let is_asked = self.want.is_some_and(|want| want.has_asked(id));
        is_asked && !self.staging.as_ref().is_some_and(Staging::has_all)
    }

    /// The request that was out has been answered, by the replica itself or not. If more is
    /// missing, it is asked for at once.
    pub(super) fn answered(&mut self, own: bool, now: Duration) {
        self.staging = None;
        if own {
            // The answer has everything that the replica had sent before the request. An early
            // delta that is not in it is of a machine that was set back: it would be asked for
            // without end, or taken for a change that comes after the answer.
            self.early.retain(|early| !early.asked);
        }
        if let Some(want) = &mut self.want {
            want.attempt = 0;
            want.state = WantState::Due(now);
        }
    }

    /// Returns whether parts of a longer answer are kept.
    pub(super) fn is_staging(&self) -> bool {
        self.staging.is_some()
    }

    /// Keeps a delta that comes too early, if there is room. Returns whether it was kept.
    pub(super) fn keep(&mut self, delta: Delta) -> bool {
        let kept = self.early.iter().map(|early| early.delta.adds.len());
        let adds = kept.sum::<usize>() + delta.adds.len();
        let room = self.early.len() < MAX_EARLY && adds <= MAX_EARLY_ADDS;
        if room {
            let asked = false;
            self.early.push(Early { delta, asked });
        }
        room
    }

    /// The next kept delta that goes on from `clock`, and drops those that no longer say anything.
    pub(super) fn early(&mut self, clock: Clock) -> Option<Delta> {
        self.early.retain(|early| early.delta.to > clock);
        let goes_on = |early: &Early| early.delta.from <= clock;
        let place = self.early.iter().position(goes_on)?;
        Some(self.early.swap_remove(place).delta)
    }

    /// Returns the end of the deltas that wait for an earlier one, if there are any.
    pub(super) fn last_early(&self) -> Option<Clock> {
        self.early.iter().map(|early| early.delta.to).max()
    }
}
