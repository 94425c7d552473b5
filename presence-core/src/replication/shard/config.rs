//! The parameters of [`Shard::new`](super::Shard::new).

use std::time::Duration;

use crate::replication::set::Origin;

/// The parameters of a shard.
#[derive(Clone, Debug)]
pub(crate) struct ShardConfig {
    /// The origin of this node's own replica.
    pub(crate) origin: Origin,
    /// A random number that no other shard of the cluster has: it keeps their `phx_ref`s apart.
    pub(crate) ref_nonce: u64,
    /// A random number, by which requests to other nodes are spread and told apart.
    pub(crate) seed: u64,
    /// The least time between two diffs of one topic. Zero: a diff leaves as soon as the one before
    /// it was dispatched.
    pub(crate) diff_interval: Duration,
    /// The least time between two deltas to other nodes. The first change after a pause leaves at
    /// once.
    pub(crate) delta_interval: Duration,
    /// The most bytes of changes that a delta, or a part of an answer, may carry. A larger entry is
    /// sent alone.
    pub(crate) chunk_bytes: usize,
    /// The size of the log of removals, in bytes. A node that missed more removals gets a list of
    /// the live entries.
    pub(crate) removal_log_bytes: usize,
    /// The most entries that are shown, hidden or forgotten in one turn.
    pub(crate) batch: usize,
    /// The most entries of down replicas that are kept. Beyond it, the entries of those that are
    /// down longest are dropped.
    pub(crate) max_hidden: usize,
    /// The most answers of several parts at once.
    pub(crate) max_answers: usize,
}
