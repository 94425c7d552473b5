//! A limit on the log lines of the app's failures.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Gate;

/// The most gates of their own. Clients may make up events.
const MOST: usize = 64;

/// Lets one log line a second through for each kind of failure and event.
#[derive(Default)]
pub(in crate::telemetry) struct FailureGates {
    gates: Mutex<HashMap<(&'static str, String), Gate>>,
    /// The gate of all others.
    others: Gate,
}

impl FailureGates {
    /// Returns the number of lines held back since the last one, or `None` to hold this one back.
    pub(in crate::telemetry) fn pass(&self, failure: &'static str, event: &str) -> Option<u64> {
        let key = (failure, event.to_owned());
        let mut gates = self.gates.lock();
        match gates.len() >= MOST && !gates.contains_key(&key) {
            true => self.others.pass(),
            false => gates.entry(key).or_default().pass(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_failure_of_an_event_passes_once_a_second_and_made_up_events_share_a_line() {
        let gates = FailureGates::default();
        assert_eq!(gates.pass("failed", "a"), Some(0));
        assert_eq!(gates.pass("failed", "a"), None);
        assert_eq!(gates.pass("failed", "b"), Some(0));
        assert_eq!(gates.pass("panicked", "a"), Some(0));
        let made_up = (0..1000).map(|number| format!("event {number}"));
        let passed = made_up.filter(|event| gates.pass("failed", event).is_some());
        assert_eq!(passed.count(), MOST - 3 + 1);
        assert_eq!(gates.gates.lock().len(), MOST);
        assert_eq!(gates.pass("failed", "a"), None);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert_eq!(gates.pass("failed", "a"), Some(2));
    }
}
