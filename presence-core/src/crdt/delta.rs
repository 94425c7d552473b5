//! What changed in a replica between two clocks.

use std::sync::Arc;

use super::{Clock, Entry, Origin};

/// What changed in one replica after `from`, up to `to`.
///
/// It says of **every** tag in `(from, to]` whether it lives at `to`: those it lists do, all others
/// do not. So a receiver that already knows a part of the range needs no word about what was added
/// and removed again within it. It also says which older tags are gone by `to`. From
/// [`Clock::ZERO`] it is a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Delta {
    /// Whose changes these are.
    pub(crate) origin: Arc<Origin>,
    /// The clock of a replica that lacks exactly these changes.
    pub(crate) from: Clock,
    /// The clock of a replica that has them.
    pub(crate) to: Clock,
    /// The living entries whose tags are above `from`, by clock.
    pub(crate) adds: Vec<Arc<Entry>>,
    /// What is gone of the tags at or below `from`.
    pub(crate) gone: Gone,
}

/// Which of the tags at or below a delta's `from` are gone by its `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// These, in order.
    Tags(Vec<Clock>),
    /// All but those in these runs, in order: what a replica says that no longer knows what it
    /// removed.
    Except(Vec<Run>),
}

/// Tags that all live: the clocks from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The lowest.
    pub(crate) first: Clock,
    /// The highest.
    pub(crate) last: Clock,
}

/// Why a delta is none. It was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeltaError {
    /// It ends before it begins.
    #[error("a delta whose end is before its beginning")]
    Backwards,
    /// An entry's tag is not of its origin, is outside its range or is not in order.
    #[error("a delta with entries out of order or out of its range")]
    Adds,
    /// What it removes is above its beginning, or not in order.
    #[error("a delta with removals out of order or out of their range")]
    Gone,
}

impl Delta {
    /// Checks what a peer sent. What this crate makes itself is in order.
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
        if self.gone.in_order_up_to(self.from) {
            Ok(())
        } else {
            Err(DeltaError::Gone)
        }
    }
}

impl Gone {
    /// Nothing.
    pub(crate) const fn nothing() -> Self {
        Self::Tags(Vec::new())
    }

    fn in_order_up_to(&self, end: Clock) -> bool {
        let mut last = Clock::ZERO;
        let mut next = |first: Clock, until: Clock| {
            let fits = first > last && until >= first && until <= end;
            last = until;
            fits
        };
        match self {
            Self::Tags(tags) => tags.iter().all(|tag| next(*tag, *tag)),
            Self::Except(runs) => runs.iter().all(|run| next(run.first, run.last)),
        }
    }
}

/// Puts ordered tags together to runs.
pub(super) fn runs(tags: impl Iterator<Item = Clock>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for tag in tags {
        match runs.last_mut() {
            Some(run) if run.last.next() == tag => run.last = tag,
            _ => runs.push(Run {
                first: tag,
                last: tag,
            }),
        }
    }
    runs
}

/// Whether a tag is in one of the runs. Tags must be asked in order.
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
