//! Instruments of the crate `metrics`.

use metrics::Label;

use super::{Labels, Stopwatch};

fn owned(labels: Labels<'_>) -> Vec<Label> {
    let label = |(name, value): &(&'static str, &str)| Label::new(*name, (*value).to_owned());
    labels.iter().map(label).collect()
}

pub(in super::super) struct Counter(metrics::Counter);

impl Counter {
    pub(in super::super) fn new(name: &'static str, labels: Labels<'_>) -> Self {
        Self(metrics::counter!(name, owned(labels)))
    }

    pub(in super::super) fn add(&self, count: u64) {
        self.0.increment(count);
    }
}

pub(in super::super) struct Gauge(metrics::Gauge);

impl Gauge {
    pub(in super::super) fn new(name: &'static str, labels: Labels<'_>) -> Self {
        Self(metrics::gauge!(name, owned(labels)))
    }

    /// Changes the gauge by a difference, because several endpoints of a process count together.
    pub(in super::super) fn change(&self, by: i64) {
        self.0.increment(by as f64);
    }
}

pub(in super::super) struct Times(metrics::Histogram);

impl Times {
    pub(in super::super) fn new(name: &'static str, labels: Labels<'_>) -> Self {
        Self(metrics::histogram!(name, owned(labels)))
    }

    pub(in super::super) fn record(&self, watch: Stopwatch) {
        self.0.record(watch.elapsed());
    }
}
