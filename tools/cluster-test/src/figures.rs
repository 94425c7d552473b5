//! The figures, as lines of JSON.

use std::time::Duration;

use serde_json::{Value, json};
use support::quantiles::Samples;

use crate::engine::Engine;

/// Prints figures with the commit and the engine that they are of.
pub(crate) struct Printer {
    pub(crate) commit: String,
    pub(crate) engine: Engine,
}

impl Printer {
    /// Prints the figures of a scenario, which are a JSON object.
    pub(crate) fn print(&self, scenario: &str, figures: Value) {
        let mut line = json!({
            "scenario": scenario,
            "engine": self.engine.name(),
            "commit": self.commit,
        });
        if let (Value::Object(line), Value::Object(figures)) = (&mut line, figures) {
            line.extend(figures);
        }
        println!("{line}");
    }
}

/// A microsecond, in seconds.
const MICROSECOND: f64 = 1e-6;

/// Returns the duration in milliseconds, rounded to the hundredth.
pub(crate) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

/// Durations whose percentiles are printed in milliseconds.
#[derive(Debug)]
pub(crate) struct Durations(Samples);

impl Durations {
    pub(crate) fn add(&mut self, duration: Duration) {
        self.0.add(duration.as_secs_f64());
    }

    /// Returns the number of durations.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// Returns a percentile in milliseconds, or 0 without durations. It differs from the exact one
    /// by less than one part in 10,000.
    pub(crate) fn percentile_ms(&self, percent: f64) -> f64 {
        ms(Duration::from_secs_f64(self.0.percentile(percent)))
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self(Samples::new(MICROSECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_values() {
        let mut all = Durations::default();
        for millis in (1..=200).rev() {
            all.add(Duration::from_millis(millis));
        }
        assert_eq!(all.len(), 200);
        for (percent, exact) in [(50.0, 100.0), (99.0, 198.0), (100.0, 200.0)] {
            let percentile = all.percentile_ms(percent);
            let error = (percentile - exact).abs() / exact;
            assert!(error < 1e-4, "{percentile} instead of {exact}");
        }
        assert_eq!(Durations::default().percentile_ms(50.0), 0.0);
    }
}
