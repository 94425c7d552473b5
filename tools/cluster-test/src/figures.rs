//! What is measured, as lines of JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::Engine;

/// Prints lines.
pub(crate) struct Printer {
    pub(crate) commit: String,
    pub(crate) engine: Engine,
}

impl Printer {
    /// Prints the figures of a scenario, an object, with what they are of.
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

/// Milliseconds, to the hundredth.
pub(crate) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

/// The value that so many of a hundred are not above.
pub(crate) fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort_unstable();
    let place = (durations.len() * percent).div_ceil(100).saturating_sub(1);
    durations.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_values() {
        let mut all: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut all, 50), Duration::from_millis(100));
        assert_eq!(percentile(&mut all, 99), Duration::from_millis(198));
        assert_eq!(percentile(&mut all, 100), Duration::from_millis(200));
        assert_eq!(percentile(&mut [], 50), Duration::ZERO);
    }
}
