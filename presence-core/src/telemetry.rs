//! What is measured of presences, for the recorder of the crate `metrics`; nothing without the feature of that
//! name. The table of names stands with those of `presence-channels`, in its module `telemetry`.

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
        Self {
            presences: metrics::gauge!("presence_presences", "presence" => name),
            diffs: metrics::counter!("presence_diffs_total", "presence" => name),
        }
    }

    /// Counts a diff that so many join and leave by.
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
