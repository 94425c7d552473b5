//! The parameters of [`Shard::new`](super::Shard::new).

use std::time::Duration;

use crate::crdt::Origin;

/// The parameters of a shard.
#[derive(Clone, Debug)]
pub(crate) struct ShardConfig {
    /// Who tracks here.
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
    /// How many bytes of changes a delta, or a part of an answer, may carry. An entry larger than
    /// that goes alone.
    pub(crate) chunk_bytes: usize,
    /// How many bytes are spent on remembering removals. Whoever missed more gets a list of what
    /// lives.
    pub(crate) removal_log_bytes: usize,
    /// How many entries are shown, hidden or forgotten in one turn.
    pub(crate) batch: usize,
    /// How many entries are kept of replicas that are down. Beyond, the longest down lose theirs.
    pub(crate) max_hidden: usize,
    /// How many answers of several parts may be under way.
    pub(crate) max_answers: usize,
}
