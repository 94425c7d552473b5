//! Networks that misbehave: for the simulator, and for
//! [`MemoryCluster`](crate::adapters::MemoryCluster).

use std::time::Duration;

/// How the network treats a message that no cut stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// The least delay of a message.
    pub least_delay: Duration,
    /// The longest delay of a message that is not late. Delays between the two are equally likely,
    /// so a message overtakes others sent within their difference.
    pub longest_delay: Duration,
    /// The number of messages that are lost, of a thousand.
    pub lost: u16,
    /// The number of messages that arrive twice, of a thousand.
    pub doubled: u16,
    /// The number of messages that are late, of a thousand.
    pub late: u16,
    /// The longest that a late one is late by.
    pub late_by: Duration,
}

impl Weather {
    /// A network that loses nothing and is fast: from 1 to 3 ms.
    pub const CALM: Self = Self {
        least_delay: Duration::from_millis(1),
        longest_delay: Duration::from_millis(3),
        lost: 0,
        doubled: 0,
        late: 0,
        late_by: Duration::ZERO,
    };
}

/// The bandwidth of a machine's link, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// In bytes a second, at least 1.
    pub bytes_a_second: u64,
    /// The most bytes that wait for the link. A message that comes when more wait is lost, as by a
    /// broker that ends a slow subscriber's messages.
    pub queue_bytes: u64,
}

/// One direction of a machine's link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pipe {
    bandwidth: Bandwidth,
    /// When all that was sent so far has passed.
    free: Duration,
    /// The longest time that a message has waited.
    pub(crate) longest_wait: Duration,
    pub(crate) overflows: u64,
}

impl Pipe {
    pub(crate) fn new(bandwidth: Bandwidth) -> Self {
        Self {
            bandwidth,
            free: Duration::ZERO,
            longest_wait: Duration::ZERO,
            overflows: 0,
        }
    }

    /// Returns when a message that comes at this time has passed; `None` if the queue is full.
    pub(crate) fn pass(&mut self, bytes: usize, at: Duration) -> Option<Duration> {
        let rate = self.bandwidth.bytes_a_second.max(1) as f64;
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
