//! [`TrackerOptions`], and the check of its bounds.

use std::time::Duration;

use super::changes::MAX_NAME_BYTES;
use crate::replication::message;
use crate::replication::node::NodeOptions;

/// The largest limit on metas: one fits into a message between nodes, with its topic and key, and
/// with all that waits to be sent.
const MAX_META_BYTES: usize = 256 * 1024;

/// The most bytes of a message besides the texts of its entries: 256 removals of up to 10 bytes,
/// the header, and the references of the last meta.
const MAX_OVERHEAD: usize = 4 * 1024;

// Peers drop a message that is over the limit. The sender would repeat it for ever.
const _: () = assert!(
    NodeOptions::MAX_CHUNK_BYTES + MAX_META_BYTES + 2 * MAX_NAME_BYTES + MAX_OVERHEAD
        <= message::MAX_BYTES,
    "the longest delta is longer than a message may be"
);

/// The options of a tracker. The defaults suit rooms of up to some ten thousand users.
///
/// ```
/// use presence_core::tracker::{NodeOptions, TrackerOptions};
/// use std::time::Duration;
///
/// let options = TrackerOptions {
///     node: NodeOptions {
///         diff_interval: Duration::from_millis(200),
///         ..NodeOptions::default()
///     },
///     ..TrackerOptions::default()
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerOptions {
    /// The options of replication: how topics are spread over shards, and when other nodes are
    /// down. The defaults are those of [`NodeOptions`].
    pub node: NodeOptions,
    /// The time for which other nodes keep showing this node's presences after it
    /// [left](crate::Tracker::leave). Default 10 s, at most 10 min; zero is allowed.
    ///
    /// A user who connects to another node within this time never leaves, for all others. A user
    /// who does not connect again is shown until the end of this time.
    pub leave_grace: Duration,
    /// The longest meta, in bytes of JSON without `phx_ref`. Default 16,384, at most 262,144.
    ///
    /// If the engine has a limit
    /// ([`Adapter::max_message_bytes`](crate::pubsub::Adapter::max_message_bytes)), the meta may
    /// also not exceed half of that limit.
    ///
    /// Each subscriber of a topic gets each meta, so keep metas small. Details belong in `fetch`.
    pub max_meta_bytes: usize,
    /// The most presences that one [`Owner`](super::Owner) may have in this tracker. Default 1,000.
    ///
    /// The limit keeps a channel whose clients choose keys from filling the memory. Raise it for an
    /// owner that stands for a whole system.
    pub max_presences_per_owner: usize,
    /// The longest that one call of `fetch`, `init` or `handle_metas` may take. Default 10 s.
    ///
    /// A call that takes longer is dropped at its next await, and logged. The presences are then
    /// sent without the fields of `fetch`. Without this limit, one hung query would silence a topic
    /// for ever.
    pub callback_timeout: Duration,
    /// The most topics that may be in `fetch` or `handle_metas` at once. Default 64, at least 1.
    ///
    /// The diffs of further topics wait. Match it to the resource behind `fetch`, such as a
    /// connection pool.
    pub max_concurrent_diffs: usize,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self {
            node: NodeOptions::default(),
            leave_grace: Duration::from_secs(10),
            max_meta_bytes: 16 * 1024,
            max_presences_per_owner: 1000,
            callback_timeout: Duration::from_secs(10),
            max_concurrent_diffs: 64,
        }
    }
}

impl TrackerOptions {
    pub(super) fn check(&self) {
        if let Some(fault) = self.node.fault() {
            panic!("NodeOptions::{fault}");
        }
        assert!(
            self.leave_grace <= Duration::from_secs(600),
            "TrackerOptions::leave_grace is {:?}, and must be at most 10 min",
            self.leave_grace
        );
        assert!(
            self.max_meta_bytes <= MAX_META_BYTES,
            "TrackerOptions::max_meta_bytes is {}, and must be at most {MAX_META_BYTES}",
            self.max_meta_bytes
        );
        assert!(
            self.max_concurrent_diffs >= 1,
            "TrackerOptions::max_concurrent_diffs is 0, so no diff would ever be sent"
        );
    }
}

#[cfg(test)]
mod tests;
