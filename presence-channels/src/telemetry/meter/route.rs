//! The meter of a route's channels.

use std::sync::Arc;

use super::{Asked, AskedCounters};
use crate::telemetry::{
    Stopwatch,
    instrument::{Counter, Gauge, Times},
    limits::FailureGates,
};

/// Counts for the channels of a route. A clone counts in the same place.
#[derive(Clone)]
pub(crate) struct RouteMeter(Arc<RouteCounters>);

struct RouteCounters {
    channels: Gauge,
    joins: AskedCounters,
    callbacks: [Times; 4],
    crashes: [Counter; 3],
    failures: FailureGates,
}

/// The callback that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callback {
    Join,
    HandleIn,
    HandleInfo,
    HandleOut,
}

/// The reason of a channel's crash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Crash {
    Panicked,
    TimedOut,
    Failed,
}

impl RouteMeter {
    /// Creates the meter of the route `pattern` of the socket at `path`.
    pub(crate) fn new(path: &str, pattern: &str) -> Self {
        let labels = [("socket", path), ("route", pattern)];
        let [socket, route] = labels;
        let callback = |callback| {
            let labels = [socket, route, ("callback", callback)];
            Times::new("presence_channels_handler_seconds", &labels)
        };
        let crash = |reason| {
            let labels = [socket, route, ("reason", reason)];
            Counter::new("presence_channels_crashes_total", &labels)
        };
        Self(Arc::new(RouteCounters {
            channels: Gauge::new("presence_channels_channels", &labels),
            joins: AskedCounters::new("presence_channels_joins_total", labels),
            callbacks: ["join", "handle_in", "handle_info", "handle_out"].map(callback),
            crashes: ["panicked", "timed_out", "failed"].map(crash),
            failures: FailureGates::default(),
        }))
    }

    pub(crate) fn joined(&self, asked: Asked) {
        self.0.joins.count(asked);
    }

    pub(crate) fn took(&self, callback: Callback, watch: Stopwatch) {
        self.0.callbacks[callback as usize].record(watch);
    }

    pub(crate) fn crashed(&self, crash: Crash) {
        self.0.crashes[crash as usize].add(1);
    }

    /// Lets one log line a second through for each kind of failure and event. Returns the number of
    /// lines held back since the last one, or `None` to hold this one back.
    pub(crate) fn pass_failure(&self, failure: &'static str, event: &str) -> Option<u64> {
        self.0.failures.pass(failure, event)
    }

    /// Counts a channel until the returned guard is dropped.
    pub(crate) fn present(&self) -> Present {
        self.0.channels.change(1);
        Present(self.clone())
    }
}

/// A channel that is counted.
pub(crate) struct Present(RouteMeter);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.channels.change(-1);
    }
}
