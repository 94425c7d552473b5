//! A link with a bandwidth, and the queue in front of it.

use std::time::Duration;

/// The bandwidth of a machine's link, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// In bytes a second.
    pub bytes_a_second: u64,
    /// The most bytes that wait for the link. A message that comes when more wait is lost, as by a
    /// broker that ends a slow subscriber's messages.
    pub queue_bytes: u64,
}

/// One direction of a machine's link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pipe {
    bandwidth: Bandwidth,
    /// When all that was sent so far has passed.
    free: Duration,
    /// The longest time that a message has waited.
    pub(super) longest_wait: Duration,
    pub(super) overflows: u64,
}

impl Pipe {
    pub(super) fn new(bandwidth: Bandwidth) -> Self {
        Self {
            bandwidth,
            free: Duration::ZERO,
            longest_wait: Duration::ZERO,
            overflows: 0,
        }
    }

    /// Returns when a message that comes at this time has passed; `None` if the queue is full.
    pub(super) fn pass(&mut self, bytes: usize, at: Duration) -> Option<Duration> {
        let rate = self.bandwidth.bytes_a_second as f64;
        let wait = self.free.saturating_sub(at);
        if wait.as_secs_f64() * rate > self.bandwidth.queue_bytes as f64 {
            self.overflows += 1;
            return None;
        }
        self.longest_wait = self.longest_wait.max(wait);
        self.free = at + wait + Duration::from_secs_f64(bytes as f64 / rate);
        Some(self.free)
    }
}
