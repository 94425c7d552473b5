//! The counts of a node's events.

use super::Node;
use crate::replication::membership::MembershipCounts;
#[cfg(any(test, feature = "sim"))]
use crate::replication::set::{Clock, Delta};
use crate::replication::shard::Counts;
#[cfg(test)]
use crate::replication::{membership::Status, set::Origin};

/// The counts of all events since the node was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeCounters {
    /// In the shards, all together.
    pub(crate) shards: Counts,
    /// Of other nodes' coming and going.
    pub(crate) membership: MembershipCounts,
    /// Peers' messages that made no sense.
    pub(crate) malformed: u64,
    /// Comparisons with another node, begun or answered.
    pub(crate) vectors: u64,
}

impl Node {
    /// Returns the counts so far.
    #[must_use]
    pub(crate) fn counters(&self) -> NodeCounters {
        let mut shards = Counts::default();
        for shard in &self.shards {
            shards += shard.lock().counts();
        }
        let counts = *self.order.lock();
        NodeCounters {
            shards,
            membership: self.membership.lock().counts(),
            malformed: counts.malformed,
            vectors: counts.vectors,
        }
    }

    /// Returns the status of each other node.
    #[cfg(test)]
    pub(crate) fn statuses(&self) -> Vec<(Origin, Status)> {
        self.membership.lock().statuses()
    }

    /// Returns the changes of this node's replica since these clocks, one for each shard.
    #[cfg(test)]
    pub(crate) fn changes_since(&self, clocks: &[Clock]) -> Vec<Delta> {
        let shards = self.shards.iter().zip(clocks);
        shards
            .map(|(shard, since)| shard.lock().replica().delta(*since))
            .collect()
    }

    /// Returns all that this node tracks, as a delta of each shard.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn snapshots(&self) -> Vec<Delta> {
        let shards = self.shards.iter();
        shards
            .map(|shard| shard.lock().replica().delta(Clock::ZERO))
            .collect()
    }
}
