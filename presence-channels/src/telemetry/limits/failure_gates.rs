//! A limit on the log lines of the app's failures.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Gate;

/// The most gates of events. Clients may make up events.
const MOST: usize = 64;

/// Lets one log line a second through for each kind of failure and event.
#[derive(Default)]
pub(in crate::telemetry) struct FailureGates {
    gates: Mutex<Gates>,
}

#[derive(Default)]
struct Gates {
    events: HashMap<(&'static str, String), Gate>,
    /// The gates of the events that have none, one for each kind of failure.
    others: HashMap<&'static str, Gate>,
}

impl FailureGates {
    /// Returns the number of lines held back since the last one, or `None` to hold this one back.
    pub(in crate::telemetry) fn pass(&self, failure: &'static str, event: &str) -> Option<u64> {
        let key = (failure, event.to_owned());
        let Gates { events, others } = &mut *self.gates.lock();
        if events.len() >= MOST && !events.contains_key(&key) {
            // Those of a moment ago are not in the way of others for ever.
            events.retain(|_, gate| !gate.is_idle());
        }
        match events.len() >= MOST && !events.contains_key(&key) {
            true => others.entry(failure).or_default().pass(),
            false => events.entry(key).or_default().pass(),
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
        assert_eq!(gates.gates.lock().events.len(), MOST);
        assert_eq!(gates.pass("failed", "a"), None);
        // Made-up events hide no failure of another kind.
        assert_eq!(gates.pass("panicked", "c"), Some(0));
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert_eq!(gates.pass("failed", "a"), Some(2));
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert_eq!(gates.pass("failed", "c"), Some(0));
        let known = gates.gates.lock().events.len();
        assert_eq!(known, 1, "the made-up events are forgotten");
    }
}
