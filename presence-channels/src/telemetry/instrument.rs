//! Counters, gauges and histograms, each held by the code that counts, so that counting needs no
//! lookup. Without the feature `metrics` they are empty and do nothing.

#[cfg(not(feature = "metrics"))]
mod off;
#[cfg(feature = "metrics")]
mod on;

use std::time::Duration;

use tokio::time::Instant;

#[cfg(not(feature = "metrics"))]
pub(super) use off::{Counter, Gauge, Times};
#[cfg(feature = "metrics")]
pub(super) use on::{Counter, Gauge, Times};

/// Names and values.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

/// Set if the feature `metrics` is on, so that a recorder may count.
pub(crate) const IS_ON: bool = cfg!(feature = "metrics");

/// The time at which a measurement began. The clock is read only for a log or a metric.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch(Option<Instant>);

impl Stopwatch {
    pub(crate) fn start(is_logged: bool) -> Self {
        Self((is_logged || IS_ON).then(Instant::now))
    }

    /// Returns zero if the stopwatch was not started.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.map(|begun| begun.elapsed()).unwrap_or_default()
    }
}
