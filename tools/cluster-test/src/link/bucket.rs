//! The bandwidth of one direction of a link.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

/// The time that a sender may make up after a timer that fired late.
const SLACK: Duration = Duration::from_millis(3);

/// A token bucket, and the number of bytes that passed.
pub(super) struct Bucket {
    /// Bytes per second. `None` sets no limit.
    rate: Option<f64>,
    /// The time at which the bytes that were let through so far have been sent.
    busy_until: Mutex<Instant>,
    delivered: AtomicU64,
}

impl Bucket {
    pub(super) fn new(rate: Option<f64>) -> Self {
        Self {
            rate,
            busy_until: Mutex::new(Instant::now()),
            delivered: AtomicU64::new(0),
        }
    }

    /// Waits for as long as the link takes to send `bytes` behind all that was sent before.
    pub(super) async fn send(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let sent = {
            let mut busy = self
                .busy_until
                .lock()
                .expect("nobody panics with the bucket");
            let begin = Instant::now().checked_sub(SLACK);
            let begin = begin.map_or(*busy, |begin| begin.max(*busy));
            *busy = begin + Duration::from_secs_f64(bytes as f64 / rate);
            *busy
        };
        sleep_until(sent.into()).await;
    }

    /// Returns the number of bytes that may be on their way for `delay`, at this rate.
    pub(super) fn in_flight(&self, delay: Duration) -> usize {
        let rate = self.rate.unwrap_or(UNLIMITED);
        (rate * delay.as_secs_f64()) as usize
    }

    pub(super) fn count(&self, bytes: usize) {
        self.delivered.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Takes back the count of bytes that could not be delivered.
    pub(super) fn uncount(&self, bytes: usize) {
        self.delivered.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }
}

/// The rate for which an unlimited link has memory: 10 Gbit/s.
const UNLIMITED: f64 = 10e9 / 8.0;
