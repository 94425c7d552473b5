//! What a tracker can be started with.

use std::time::Duration;

/// Options of a tracker. The defaults suit rooms of a few up to some ten thousand people.
///
/// ```
/// use presence_core::tracker::TrackerOptions;
/// use std::time::Duration;
///
/// let options = TrackerOptions {
///     diff_interval: Duration::from_millis(200),
///     ..TrackerOptions::default()
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerOptions {
    /// How many shards the topics are spread over. Default 8, from 1 to 256.
    ///
    /// It is the same on every machine, however many cores it has: nodes of a cluster must agree on it.
    /// More shards help when many cores track into many topics at once. One busy topic stays in one shard.
    pub pool_size: usize,
    /// The least time between two diffs of one topic. Default 50 ms; zero is allowed.
    ///
    /// A quiet topic's first change is told at once, whatever this says. Raise it for rooms where very many
    /// come and go: each diff costs a frame to each listener.
    pub diff_interval: Duration,
    /// The longest meta, in bytes of JSON without `phx_ref`. Default 16,384.
    ///
    /// Each listener of a topic receives each meta, so a meta should be small; details belong into `fetch`.
    pub max_meta_bytes: usize,
    /// The most presences that one [`Owner`](super::Owner) may have in this tracker. Default 1,000.
    ///
    /// It keeps a channel that lets clients choose keys from filling the memory. Raise it for an owner that
    /// stands for a whole system.
    pub max_presences_per_owner: usize,
    /// The longest that one call of `fetch`, `init` or `handle_metas` may take. Default 10 s.
    ///
    /// A call that takes longer is dropped at its next await and logged; presences then go out without what
    /// `fetch` would have added. Without this bound, one hung query would silence a topic for ever.
    pub callback_timeout: Duration,
    /// How many topics may be in `fetch` or `handle_metas` at once. Default 64, at least 1.
    ///
    /// The diffs of further topics wait. Match it to what stands behind `fetch`, a connection pool say.
    pub max_concurrent_diffs: usize,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self {
            pool_size: 8,
            diff_interval: Duration::from_millis(50),
            max_meta_bytes: 16 * 1024,
            max_presences_per_owner: 1000,
            callback_timeout: Duration::from_secs(10),
            max_concurrent_diffs: 64,
        }
    }
}

impl TrackerOptions {
    pub(super) fn check(&self) {
        assert!(
            (1..=256).contains(&self.pool_size),
            "TrackerOptions::pool_size is {}, and must be from 1 to 256",
            self.pool_size
        );
        assert!(
            self.max_concurrent_diffs >= 1,
            "TrackerOptions::max_concurrent_diffs is 0, so no diff would ever be sent"
        );
    }
}
