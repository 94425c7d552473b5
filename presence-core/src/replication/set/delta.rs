//! The changes of a replica between two clocks.

use std::sync::Arc;

use super::{Clock, Entry, Origin};

/// The changes of one replica after `from`, up to `to`.
///
/// A delta says of **every** tag in `(from, to]` whether it lives at `to`: the listed tags do, all
/// others do not. So a receiver that already knows a part of the range needs no mention of tags
/// that were added and removed within it. A delta also names the older tags that are gone by `to`.
/// From [`Clock::ZERO`], a delta is a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Delta {
    /// The replica that made the changes.
    pub(crate) origin: Arc<Origin>,
    /// The clock of a replica that lacks exactly these changes.
    pub(crate) from: Clock,
    /// The clock of a replica that has them.
    pub(crate) to: Clock,
    /// The living entries whose tags are above `from`, by clock.
    pub(crate) adds: Vec<Arc<Entry>>,
    /// The tags at or below `from` that are gone by `to`.
    pub(crate) gone: Gone,
}

/// The tags at or below a delta's `from` that are gone by its `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// These tags, in order.
    Tags(Vec<Clock>),
    /// All tags but those in these runs, in order. A replica uses it if it has forgotten some of
    /// its removals.
    Except(Vec<Run>),
}

/// A run of live tags: the clocks from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The lowest clock.
    pub(crate) first: Clock,
    /// The highest clock.
    pub(crate) last: Clock,
}

/// A delta is malformed. It was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeltaError {
    /// The delta ends before it begins.
    #[error("a delta whose end is before its beginning")]
    Backwards,
    /// The tag of an entry has another origin, is outside the range, or is not in order.
    #[error("a delta with entries out of order or out of its range")]
    Adds,
    /// A removed tag is above the beginning of the delta, or not in order.
    #[error("a delta with removals out of order or out of their range")]
    Gone,
}

impl Delta {
    /// Checks a delta that a peer sent. The deltas of this crate need no check.
    ///
    /// # Errors
    ///
    /// See [`DeltaError`].
    pub(crate) fn check(&self) -> Result<(), DeltaError> {
        if self.to < self.from {
            return Err(DeltaError::Backwards);
        }
        let mut last = self.from;
        for entry in &self.adds {
            let clock = entry.tag.clock;
            if clock <= last || clock > self.to || entry.tag.origin != self.origin {
                return Err(DeltaError::Adds);
            }
            last = clock;
        }
        let last = self.gone.in_order_within(Clock::ZERO, self.from);
        last.map(|_| ()).ok_or(DeltaError::Gone)
    }
}

impl Gone {
    /// Returns the empty set of removed tags.
    pub(crate) const fn nothing() -> Self {
        Self::Tags(Vec::new())
    }

    /// Returns the last tag, or `after` without any. `None`: the tags are not in order, or not all
    /// above `after` and at or below `end`.
    pub(super) fn in_order_within(&self, after: Clock, end: Clock) -> Option<Clock> {
        let mut last = after;
        let mut next = |first: Clock, until: Clock| {
            let fits = first > last && until >= first && until <= end;
            last = until;
            fits
        };
        let fits = match self {
            Self::Tags(tags) => tags.iter().all(|tag| next(*tag, *tag)),
            Self::Except(runs) => runs.iter().all(|run| next(run.first, run.last)),
        };
        fits.then_some(last)
    }
}

/// Groups ordered tags into runs.
pub(super) fn runs(tags: impl Iterator<Item = Clock>) -> Vec<Run> {
    let mut runs = Vec::new();
    tags.for_each(|tag| add_to_runs(&mut runs, tag));
    runs
}

/// Adds a tag above all others.
pub(crate) fn add_to_runs(runs: &mut Vec<Run>, tag: Clock) {
    match runs.last_mut() {
        Some(run) if run.last.next() == tag => run.last = tag,
        _ => runs.push(Run {
            first: tag,
            last: tag,
        }),
    }
}

/// Finds tags in runs. The tags must be looked up in order.
pub(super) struct Inside<'a> {
    runs: &'a [Run],
}

impl<'a> Inside<'a> {
    pub(super) fn new(runs: &'a [Run]) -> Self {
        Self { runs }
    }

    pub(super) fn has(&mut self, tag: Clock) -> bool {
        while let Some((first, rest)) = self.runs.split_first()
            && first.last < tag
        {
            self.runs = rest;
        }
        self.runs.first().is_some_and(|run| run.first <= tag)
    }
}
