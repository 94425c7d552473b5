//! The metrics that a test has recorded.

use std::collections::{BTreeMap, BTreeSet};

use metrics_util::{
    CompositeKey,
    debugging::{DebugValue, Snapshotter},
};

/// The name of the count of a limit's refusals.
pub(crate) fn limited(limit: &str) -> String {
    format!("presence_channels_limits_total{{socket=/socket,limit={limit}}}")
}

/// The recorded metrics: `name{label=value,...}` and its number. The number of a histogram is its
/// count.
pub(crate) struct Recorded {
    pub(crate) snapshotter: Snapshotter,
    /// A snapshot begins anew.
    pub(crate) counted: BTreeMap<String, f64>,
}

impl Recorded {
    fn update(&mut self) {
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let key = key.key();
            let labels = key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()));
            let labels: Vec<_> = labels.collect();
            let name = format!("{}{{{}}}", key.name(), labels.join(","));
            let counted = self.counted.entry(name).or_default();
            match value {
                DebugValue::Counter(more) => *counted += more as f64,
                // By what it changed since, as the kit's recorder has it.
                DebugValue::Gauge(change) => *counted += *change,
                DebugValue::Histogram(more) => *counted += more.len() as f64,
            }
        }
    }

    /// Name, kind and labels of each.
    pub(crate) fn metrics(&mut self) -> BTreeSet<(String, String, BTreeSet<String>)> {
        let found = self.snapshotter.snapshot().into_vec();
        let metric = |(key, _, _, value): (CompositeKey, _, _, _)| {
            let kind = match value {
                DebugValue::Counter(_) => "counter",
                DebugValue::Gauge(_) => "gauge",
                DebugValue::Histogram(_) => "histogram",
            };
            let labels = key.key().labels().map(|label| label.key().to_owned());
            (
                key.key().name().to_owned(),
                kind.to_owned(),
                labels.collect(),
            )
        };
        found.into_iter().map(metric).collect()
    }

    #[track_caller]
    pub(crate) fn assert(&mut self, expected: &[(&str, f64)]) {
        self.update();
        for (name, value) in expected {
            let found = self.counted.get(*name);
            assert_eq!(found, Some(value), "{name} among {:#?}", self.counted);
        }
    }
}

/// An endpoint whose metrics are recorded, which is done on this thread only.
macro_rules! recorded {
    ($endpoint:ident, $recorded:ident) => {
        recorded!($endpoint, $recorded, $crate::app::start(Default::default()));
    };
    ($endpoint:ident, $recorded:ident, $start:expr) => {
        let recorder = metrics_util::debugging::DebuggingRecorder::new();
        let mut $recorded = $crate::recorded::Recorded {
            snapshotter: recorder.snapshotter(),
            counted: Default::default(),
        };
        let _guard = metrics::set_default_local_recorder(&recorder);
        let $endpoint: presence_channels::Endpoint = $start.await;
    };
}

pub(crate) use recorded;
