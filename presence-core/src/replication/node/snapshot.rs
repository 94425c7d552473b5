//! Snapshots of a node: the simulator restores machines to an earlier state.

use super::{Node, ShardLock};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

impl Node {
    /// Returns a copy of the node with all its state.
    ///
    /// Only one of the two may go on among the same peers.
    #[must_use]
    pub(crate) fn fork(&self) -> Self {
        let copy = |shard: &ShardLock| ShardLock::new(shard.lock().clone());
        Self {
            shards: self.shards.iter().map(copy).collect(),
            membership: Mutex::new(self.membership.lock().clone()),
            beats: Mutex::new(self.beats.lock().clone()),
            order: Mutex::new(*self.order.lock()),
            pulls: Mutex::new(self.pulls.lock().clone()),
            compare: AtomicBool::new(self.compare.load(Ordering::Relaxed)),
            chunk_bytes: self.chunk_bytes,
            clustered: self.clustered,
        }
    }
}
