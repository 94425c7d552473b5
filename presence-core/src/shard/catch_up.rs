//! How a node gets what it misses of a replica: one request at a time, and what comes too early
//! kept.

use std::time::Duration;

use super::part::{Ask, Part};
use super::staging::Staging;
use crate::crdt::{Clock, Delta, Replica};

/// The wait before the first request: a message that was only overtaken arrives by then.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// The time that an answer may take before the request is repeated: the first, and the longest.
const RETRY: Duration = Duration::from_millis(400);
const MAX_RETRY: Duration = Duration::from_millis(1200);
/// The number of requests without an answer, after which only the next heartbeat starts a new one.
const MAX_ATTEMPTS: u32 = 6;
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
    /// When to ask, or to ask again.
    at: Duration,
    attempt: u32,
    /// The number of the request, if it was sent.
    id: Option<u64>,
}

/// The result of taking a part of an answer.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is kept, or was of no use.
    Kept,
    /// The answer is complete.
    Whole(Delta),
    /// The answer is complete, and no delta.
    Nonsense,
}

impl CatchUp {
    /// Something is missing.
    pub(super) fn behind(&mut self, now: Duration, jitter: impl FnOnce(Duration) -> Duration) {
        if self.want.is_none() {
            let at = now + jitter(FIRST_WAIT);
            self.want = Some(Want {
                at,
                attempt: 0,
                id: None,
            });
        }
    }

    /// Nothing is missing any more, or not for now.
    pub(super) fn complete(&mut self) {
        *self = Self::default();
    }

    /// When [`CatchUp::ask`] is due.
    pub(super) fn due(&self) -> Option<Duration> {
        self.want.map(|want| want.at)
    }

    /// The request that is due, if one is.
    pub(super) fn ask(
        &mut self,
        replica: &Replica,
        now: Duration,
        id: u64,
        jitter: impl FnOnce(Duration) -> Duration,
    ) -> Option<Ask> {
        let want = self.want.as_mut().filter(|want| want.at <= now)?;
        self.staging = None;
        let attempt = want.attempt;
        if attempt >= MAX_ATTEMPTS {
            self.complete();
            return None;
        }
        for early in &mut self.early {
            early.asked = true;
        }
        let wait = (RETRY * (attempt + 1)).min(MAX_RETRY);
        *want = Want {
            at: now + wait + jitter(wait / 4),
            attempt: attempt + 1,
            id: Some(id),
        };
        Some(Ask {
            origin: replica.origin().clone(),
            from: replica.clock(),
            id,
            attempt,
        })
    }

    /// Takes a part of an answer.
    pub(super) fn take(&mut self, part: Part, now: Duration) -> Taken {
        let Some(want) = self.want.as_mut().filter(|want| want.id == Some(part.id)) else {
            return Taken::Kept;
        };
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
        if staging.take(part) {
            // An answer that goes on is waited for, however long it is.
            want.at = want.at.max(now + RETRY);
        }
        if !staging.is_whole() {
            self.staging = Some(staging);
            return Taken::Kept;
        }
        staging.delta().map_or(Taken::Nonsense, Taken::Whole)
    }

    /// Returns whether `id` is the number of the request that waits for its answer.
    pub(super) fn wants(&self, id: u64) -> bool {
        self.want.is_some_and(|want| want.id == Some(id))
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
            *want = Want {
                at: now,
                attempt: 0,
                id: None,
            };
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

    /// Returns whether deltas wait for an earlier one.
    pub(super) fn has_early(&self) -> bool {
        !self.early.is_empty()
    }
}
