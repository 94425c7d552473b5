//! The statistics of an engine.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The counts of an engine's frames since it started. A clone is cheap, and shows the same counts,
/// also after the adapter was given to a [`PubSub`](crate::PubSub).
#[derive(Clone, Debug, Default)]
pub struct EngineStats(Arc<EngineCounters>);

#[derive(Debug, Default)]
struct EngineCounters {
    sent: AtomicU64,
    received: AtomicU64,
    rejected: AtomicU64,
    dropped: AtomicU64,
}

impl EngineStats {
    /// Returns the number of frames that the engine took: one for each broadcast, for any number of
    /// nodes.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Relaxed)
    }

    /// Returns the number of messages that came from other nodes. Some are for topics without a
    /// subscriber on this node, because engines route by a part of the topic's hash.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.0.received.load(Relaxed)
    }

    /// Returns the number of frames that could not be read: garbage, or frames of a newer version.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.0.rejected.load(Relaxed)
    }

    /// Returns the number of messages that were not sent, because the engine was away for long or
    /// too slow. With Redis, it includes messages that were on their way when the connection broke.
    /// With NATS and Redis, it includes messages that came in while this node was too slow.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }

    pub(in crate::adapters) fn count_sent(&self, frames: usize) {
        self.0.sent.fetch_add(frames as u64, Relaxed);
    }

    pub(super) fn count_received(&self) {
        self.0.received.fetch_add(1, Relaxed);
    }

    pub(super) fn count_rejected(&self) {
        self.0.rejected.fetch_add(1, Relaxed);
    }

    pub(in crate::adapters) fn count_dropped(&self) {
        self.count_all_dropped(1);
    }

    pub(in crate::adapters) fn count_all_dropped(&self, frames: usize) {
        self.0.dropped.fetch_add(frames as u64, Relaxed);
    }
}
