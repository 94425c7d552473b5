use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use presence_channels::TerminateReason;
use serde_json::Value;
use tokio::sync::Semaphore;

/// A test's view of the channels, and a gate that holds them up.
#[derive(Debug)]
pub struct Probe {
    /// A permit lets one `slow` message through, or one channel of a topic `:held` end.
    pub gate: Semaphore,
    begun: Mutex<Vec<Value>>,
    ended: AtomicUsize,
    departures: Mutex<Vec<Departure>>,
}

/// How a channel of a lobby ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Departure {
    /// The channel's user.
    pub user_id: String,
    /// The reason that `terminate` was called with.
    pub reason: TerminateReason,
    /// Set if the user's presence was still listed in `terminate`.
    pub was_present: bool,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            gate: Semaphore::new(0),
            begun: Mutex::default(),
            ended: AtomicUsize::new(0),
            departures: Mutex::default(),
        }
    }
}

impl Probe {
    /// Returns the payloads of `slow` messages, in the order in which their handling began.
    #[must_use]
    pub fn begun(&self) -> Vec<Value> {
        self.begun.lock().clone()
    }

    /// Returns the number of channels of rooms and lobbies that have ended.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    /// Returns how the channels of lobbies ended, in order.
    #[must_use]
    pub fn departures(&self) -> Vec<Departure> {
        self.departures.lock().clone()
    }

    pub(crate) fn begin(&self, payload: Value) {
        self.begun.lock().push(payload);
    }

    pub(crate) fn end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn depart(&self, departure: Departure) {
        self.departures.lock().push(departure);
    }

    pub(crate) async fn pass_gate(&self) {
        let permit = self.gate.acquire().await;
        permit.expect("the gate is never closed").forget();
    }
}
