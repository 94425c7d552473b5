//! Figures of an engine.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What an engine has carried since it started. A cheap clone counts on, also once the adapter
/// belongs to a [`PubSub`](crate::PubSub).
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
    /// Frames that the engine took: one a broadcast, however many nodes get it.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Relaxed)
    }

    /// Messages of other nodes that came in. Some are for topics that nobody here listens to,
    /// because engines route by a part of a topic's hash.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.0.received.load(Relaxed)
    }

    /// Frames that could not be read: garbage, or of a newer version.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.0.rejected.load(Relaxed)
    }

    /// Messages that were not sent, because the engine was away for long or did not keep up; with
    /// Redis, also those that came in while this node did not keep up with it.
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
        self.0.dropped.fetch_add(1, Relaxed);
    }
}
