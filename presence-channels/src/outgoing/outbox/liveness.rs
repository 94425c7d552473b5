//! The times that the endpoint's watch asks a connection for: when its client was last heard, since
//! when it takes nothing, and since when it is closing. In milliseconds since the endpoint's start.

use std::sync::atomic::{AtomicU64, Ordering};

/// The last-heard time of a client that the server does not read from: later than any.
const EXCUSED: u64 = u64::MAX;
/// No time.
const NEVER: u64 = u64::MAX;

pub(crate) struct Liveness {
    /// The time of the client's last message.
    heard: AtomicU64,
    /// The time at which the client last took bytes, or began to owe it, while more wait for it
    /// than may.
    stalled: AtomicU64,
    /// The time at which the connection was first seen closing.
    lingers: AtomicU64,
}

impl Liveness {
    pub(super) fn new(now: u64) -> Self {
        Self {
            heard: AtomicU64::new(now),
            stalled: AtomicU64::new(NEVER),
            lingers: AtomicU64::new(NEVER),
        }
    }

    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    pub(crate) fn set_heard(&self, now: u64) {
        self.heard.store(now, Ordering::Relaxed);
    }

    /// As [`set_heard`](Self::set_heard), unless the server does not read from the client.
    pub(super) fn hear(&self, now: u64) {
        if !self.is_excused() {
            self.set_heard(now);
        }
    }

    pub(crate) fn excuse(&self) {
        self.set_heard(EXCUSED);
    }

    pub(crate) fn is_excused(&self) -> bool {
        self.heard() == EXCUSED
    }

    /// Too much waits for the client, which takes nothing. Counts from the first such time.
    pub(super) fn stalls(&self, now: impl FnOnce() -> u64) {
        if self.stalled.load(Ordering::Relaxed) == NEVER {
            self.stalled.store(now(), Ordering::Relaxed);
        }
    }

    /// The client took bytes, or what waits is no more than may.
    pub(super) fn moves(&self) {
        if self.stalled.load(Ordering::Relaxed) != NEVER {
            self.stalled.store(NEVER, Ordering::Relaxed);
        }
    }

    /// Returns the time for which the client has taken nothing, while too much waits for it.
    pub(super) fn stalled_for(&self, now: u64) -> Option<u64> {
        match self.stalled.load(Ordering::Relaxed) {
            NEVER => None,
            since => Some(now.saturating_sub(since)),
        }
    }

    /// Returns the time at which the connection was first seen closing, which is now if this is the
    /// first time.
    pub(crate) fn lingers_since(&self, now: u64) -> u64 {
        let first = self.lingers.load(Ordering::Relaxed).min(now);
        self.lingers.store(first, Ordering::Relaxed);
        first
    }
}
