//! What a shard is made with.

use std::time::Duration;

use crate::crdt::Origin;

/// What a shard is made with.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Who tracks here.
    pub origin: Origin,
    /// A random number that no other shard of the cluster has: it keeps their `phx_ref`s apart.
    pub ref_nonce: u64,
    /// A random number, by which requests to other nodes are spread and told apart.
    pub seed: u64,
    /// The least time between two diffs of one topic. Zero: a diff leaves as soon as the one before
    /// it was dispatched.
    pub diff_interval: Duration,
    /// The least time between two deltas to other nodes. The first change after a pause leaves at
    /// once.
    pub delta_interval: Duration,
    /// How many bytes of changes a delta, or a part of an answer, may carry. An entry larger than
    /// that goes alone.
    pub chunk_bytes: usize,
    /// How many bytes are spent on remembering removals. Whoever missed more gets a list of what
    /// lives.
    pub removal_log_bytes: usize,
    /// How many entries are shown, hidden or forgotten in one turn.
    pub batch: usize,
    /// How many entries are kept of replicas that are down. Beyond, the longest down lose theirs.
    pub max_hidden: usize,
    /// How many answers of several parts may be under way.
    pub max_answers: usize,
}
