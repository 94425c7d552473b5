//! The metrics of presences, for the recorder of the crate `metrics`. Without the feature
//! `metrics`, this module does nothing. The module `telemetry` of `presence-channels` has the table
//! of names.

use std::collections::BTreeSet;
use std::time::Duration;

#[cfg(feature = "metrics")]
use {
    std::collections::BTreeMap,
    tokio::time::{Instant, MissedTickBehavior},
};

use crate::replication::set::ReplicaName;

/// Counts the presences and diffs of one tracker.
pub(crate) struct PresenceMeter {
    #[cfg(feature = "metrics")]
    presences: metrics::Gauge,
    #[cfg(feature = "metrics")]
    diffs: metrics::Counter,
}

impl PresenceMeter {
    /// For the presence of this `NAME`.
    #[cfg(feature = "metrics")]
    pub(crate) fn new(name: &'static str) -> Self {
        // These exist on a single node too, where no changes are ever missing.
        lag(name).set(0.0);
        dropped(name).increment(0);
        key_events_dropped(name, 0);
        Self {
            presences: metrics::gauge!("presence_presences", "presence" => name),
            diffs: metrics::counter!("presence_diffs_total", "presence" => name),
        }
    }

    /// Counts a diff, with the numbers of its joins and leaves.
    #[cfg(feature = "metrics")]
    pub(crate) fn diff(&self, joins: usize, leaves: usize) {
        self.presences.increment(joins as f64 - leaves as f64);
        self.diffs.increment(1);
    }

    #[cfg(not(feature = "metrics"))]
    pub(crate) fn new(_: &'static str) -> Self {
        Self {}
    }

    #[cfg(not(feature = "metrics"))]
    pub(crate) fn diff(&self, _: usize, _: usize) {}
}

/// Counts a message of another node that was dropped, because too many waited to be handled.
#[cfg(feature = "metrics")]
pub(crate) fn message_dropped(name: &'static str) {
    dropped(name).increment(1);
}

#[cfg(feature = "metrics")]
fn dropped(name: &'static str) -> metrics::Counter {
    metrics::counter!("presence_messages_dropped_total", "presence" => name)
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn message_dropped(_: &'static str) {}

/// Counts first joins and last leaves that were dropped, because too many waited for callbacks.
#[cfg(feature = "metrics")]
pub(crate) fn key_events_dropped(name: &'static str, events: usize) {
    metrics::counter!("presence_key_events_dropped_total", "presence" => name)
        .increment(events as u64);
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn key_events_dropped(_: &'static str, _: usize) {}

/// Counts the parts of large lists of one tracker.
pub(crate) struct StateMeter {
    #[cfg(feature = "metrics")]
    encoded: metrics::Counter,
    #[cfg(feature = "metrics")]
    shared: metrics::Counter,
}

impl StateMeter {
    /// For the presence of this `NAME`.
    #[cfg(feature = "metrics")]
    pub(crate) fn new(name: &'static str) -> Self {
        let parts = |source| metrics::counter!("presence_state_parts_total", "presence" => name, "source" => source);
        Self {
            encoded: parts("encoded"),
            shared: parts("shared"),
        }
    }

    /// Counts parts that were encoded.
    #[cfg(feature = "metrics")]
    pub(crate) fn encoded(&self, parts: usize) {
        self.encoded.increment(parts as u64);
    }

    /// Counts parts that were encoded for an earlier client.
    #[cfg(feature = "metrics")]
    pub(crate) fn shared(&self, parts: usize) {
        self.shared.increment(parts as u64);
    }

    #[cfg(not(feature = "metrics"))]
    pub(crate) fn new(_: &'static str) -> Self {
        Self {}
    }

    #[cfg(not(feature = "metrics"))]
    pub(crate) fn encoded(&self, _: usize) {}

    #[cfg(not(feature = "metrics"))]
    pub(crate) fn shared(&self, _: usize) {}
}

/// Measures for how long this node has known that it lacks changes of others.
#[cfg(feature = "metrics")]
pub(crate) struct LagMeter {
    gauge: metrics::Gauge,
    look: tokio::time::Interval,
    /// Since when a node's changes lack, and whether they did at the last look.
    since: BTreeMap<ReplicaName, (Instant, bool)>,
}

#[cfg(feature = "metrics")]
impl LagMeter {
    /// For the presence of this `NAME`, looking once a `period`.
    pub(crate) fn new(name: &'static str, period: Duration) -> Self {
        let mut look = tokio::time::interval(period);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            gauge: lag(name),
            look,
            since: BTreeMap::new(),
        }
    }

    /// Waits until it is time to look.
    pub(crate) async fn due(&mut self) {
        self.look.tick().await;
    }

    /// Takes the nodes of which something lacks now.
    pub(crate) fn look(&mut self, behind: BTreeSet<ReplicaName>) {
        let now = Instant::now();
        // Requests in vain are given up until the next heartbeat. So one look at which nothing
        // lacks is no news, two are.
        self.since
            .retain(|name, (_, lacked)| behind.contains(name) || std::mem::take(lacked));
        for name in behind {
            self.since.entry(name).or_insert((now, true)).1 = true;
        }
        let longest = self.since.values().map(|(since, _)| now - *since).max();
        self.gauge.set(longest.unwrap_or_default().as_secs_f64());
    }
}

#[cfg(feature = "metrics")]
fn lag(name: &'static str) -> metrics::Gauge {
    metrics::gauge!("presence_replication_lag_seconds", "presence" => name)
}

/// Nobody listens, so there is never a time to look.
#[cfg(not(feature = "metrics"))]
pub(crate) struct LagMeter;

#[cfg(not(feature = "metrics"))]
impl LagMeter {
    pub(crate) fn new(_: &'static str, _: Duration) -> Self {
        Self
    }

    pub(crate) async fn due(&mut self) {
        std::future::pending::<()>().await;
    }

    pub(crate) fn look(&mut self, _: BTreeSet<ReplicaName>) {}
}
