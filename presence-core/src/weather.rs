//! Networks that misbehave: for the simulator, and for
//! [`MemoryCluster`](crate::adapters::MemoryCluster).

use std::collections::VecDeque;
use std::ops::Range;
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
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    bandwidth: Bandwidth,
    /// The times at which the link is in use, in order. A message that comes late must not make
    /// those wait that are sent after it and come before it.
    busy: VecDeque<Range<Duration>>,
    /// The longest time that a message has waited.
    pub(crate) longest_wait: Duration,
    pub(crate) overflows: u64,
}

impl Pipe {
    pub(crate) fn new(bandwidth: Bandwidth) -> Self {
        Self {
            bandwidth,
            busy: VecDeque::new(),
            longest_wait: Duration::ZERO,
            overflows: 0,
        }
    }

    /// Returns the most bytes that wait for the link.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn queue_bytes(&self) -> u64 {
        self.bandwidth.queue_bytes
    }

    /// Returns the time that a number of bytes takes behind a full queue.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn longest_passage(&self, bytes: u64) -> Duration {
        self.time_of(bytes + self.bandwidth.queue_bytes)
    }

    /// Returns when a message has passed that comes to the link at a time from `now` on. Returns
    /// `None` if the queue is full.
    pub(crate) fn pass(&mut self, bytes: usize, at: Duration, now: Duration) -> Option<Duration> {
        while self.busy.front().is_some_and(|busy| busy.end < now) {
            self.busy.pop_front();
        }
        let takes = self.time_of(bytes as u64);
        let mut start = at;
        let mut place = 0_usize;
        for busy in &self.busy {
            if start + takes <= busy.start {
                break;
            }
            start = start.max(busy.end);
            place += 1;
        }
        let wait = start - at;
        if wait > self.time_of(self.bandwidth.queue_bytes) {
            self.overflows += 1;
            return None;
        }
        self.longest_wait = self.longest_wait.max(wait);
        let end = start + takes;
        match place
            .checked_sub(1)
            .and_then(|last| self.busy.get_mut(last))
        {
            Some(before) if before.end == start => before.end = end,
            _ => self.busy.insert(place, start..end),
        }
        Some(end)
    }

    fn time_of(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bandwidth.bytes_a_second.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn pipe() -> Pipe {
        Pipe::new(Bandwidth {
            bytes_a_second: 1000,
            queue_bytes: 20,
        })
    }

    #[test]
    fn messages_wait_for_each_other_until_the_queue_is_full() {
        let mut pipe = pipe();
        let passed: Vec<_> = (0..4).map(|_| pipe.pass(10, MS, MS)).collect();
        assert_eq!(passed, [Some(11 * MS), Some(21 * MS), Some(31 * MS), None]);
        assert_eq!((pipe.longest_wait, pipe.overflows), (20 * MS, 1));
        assert_eq!(pipe.pass(10, 22 * MS, 22 * MS), Some(41 * MS));
    }

    #[test]
    fn a_late_message_stands_in_the_way_of_none_before_it() {
        let mut pipe = pipe();
        assert_eq!(pipe.pass(10, 1000 * MS, MS), Some(1010 * MS));
        assert_eq!(pipe.pass(10, 2 * MS, MS), Some(12 * MS));
        assert_eq!(pipe.pass(10, 995 * MS, MS), Some(1020 * MS));
        assert_eq!(pipe.pass(10, 3 * MS, 3 * MS), Some(22 * MS));
    }
}
