//! The traffic of a connection to Redis, by which silence is told from a slow link.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::adapters::engine::EngineStats;

/// The longest that a connection, or an answer, may take, if no bytes are on their way.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The longest silence after the server took a probe, without a large message.
const DEAF: Duration = Duration::from_secs(7);
/// The slowest link that counts as one, in bytes per second: 1 Mbit/s.
const SLOWEST: usize = 125_000;

/// The bytes on their way, and the last message that arrived.
///
/// The client shows no progress within a message or an answer. So each byte on its way extends the
/// time for an answer.
#[derive(Debug)]
pub(super) struct Traffic {
    /// The time of the last message that arrived.
    heard: Mutex<Instant>,
    /// The bytes that were published, and whose answer has not arrived.
    on_their_way: AtomicUsize,
    /// The bytes of the largest message in either direction. A node receives its own too.
    largest: AtomicUsize,
}

impl Traffic {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            heard: Mutex::new(Instant::now()),
            on_their_way: AtomicUsize::new(0),
            largest: AtomicUsize::new(0),
        })
    }

    /// Counts a message that arrived.
    pub(super) fn hear(&self, bytes: usize) {
        *self.heard.lock() = Instant::now();
        self.largest.fetch_max(bytes, Relaxed);
    }

    pub(super) fn heard(&self) -> Instant {
        *self.heard.lock()
    }

    /// Counts the bytes of frames that are published now. `largest` is that of the largest one.
    pub(super) fn publish(
        self: &Arc<Self>,
        stats: &EngineStats,
        frames: usize,
        bytes: usize,
        largest: usize,
    ) -> Publication {
        self.on_their_way.fetch_add(bytes, Relaxed);
        self.largest.fetch_max(largest, Relaxed);
        Publication {
            traffic: Arc::clone(self),
            stats: stats.clone(),
            frames,
            bytes,
        }
    }

    /// Returns the longest that the answer to a publication may take, which waits for all earlier
    /// ones.
    pub(super) fn answer_patience(&self) -> Duration {
        PATIENCE + transfer(self.on_their_way.load(Relaxed))
    }

    /// Returns the longest silence, after the server took a probe, of a link that works.
    pub(super) fn silence_patience(&self) -> Duration {
        DEAF + transfer(self.largest.load(Relaxed))
    }
}

/// Returns the time in which the slowest link carries these bytes.
fn transfer(bytes: usize) -> Duration {
    Duration::from_secs_f64(bytes as f64 / SLOWEST as f64)
}

/// Frames on their way to the server. If it is dropped before they are answered, they count as
/// dropped.
#[derive(Debug)]
pub(super) struct Publication {
    traffic: Arc<Traffic>,
    stats: EngineStats,
    frames: usize,
    bytes: usize,
}

impl Publication {
    /// Handles the answer of the server.
    pub(super) fn answered(mut self) {
        self.stats.count_sent(std::mem::take(&mut self.frames));
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.traffic.on_their_way.fetch_sub(self.bytes, Relaxed);
        self.stats.count_all_dropped(self.frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bytes_on_their_way_extend_the_time_for_an_answer() {
        let (traffic, stats) = (Traffic::new(), EngineStats::default());
        let small = traffic.publish(&stats, 1, 0, 0);
        assert_eq!(traffic.answer_patience(), PATIENCE);
        let large = traffic.publish(&stats, 2, 2 * SLOWEST, SLOWEST);
        assert_eq!(traffic.answer_patience(), PATIENCE + Duration::from_secs(2));
        large.answered();
        assert_eq!(traffic.answer_patience(), PATIENCE);
        assert_eq!((stats.sent(), stats.dropped()), (2, 0));
        drop(small);
        assert_eq!((stats.sent(), stats.dropped()), (2, 1));
        // The answer has arrived, and the message itself may not have.
        assert_eq!(traffic.silence_patience(), DEAF + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_arrives_ends_a_silence() {
        let traffic = Traffic::new();
        let begun = traffic.heard();
        tokio::time::sleep(Duration::from_secs(3)).await;
        traffic.hear(3 * SLOWEST);
        assert_eq!(traffic.heard() - begun, Duration::from_secs(3));
        assert_eq!(traffic.silence_patience(), DEAF + Duration::from_secs(3));
    }
}
