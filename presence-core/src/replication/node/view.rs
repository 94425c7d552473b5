//! A node's view of all replicas, for node pages and for tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Node;
use crate::replication::membership::{Roll, Status};
use crate::replication::set::{Clock, Origin, Replica, ReplicaName};

/// One replica, as a node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// The replica, in its incarnation.
    pub origin: Origin,
    /// The status of the replica. It is `None` if only entries are left: of an incarnation that is
    /// being replaced, or of a replica in its grace.
    pub status: Option<Status>,
    /// The entries that are held of the replica, one view for each shard that holds any.
    pub shards: Vec<ShardView>,
}

/// The entries of one replica in one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardView {
    /// The number of the shard.
    pub shard: usize,
    /// The number of known changes.
    pub clock: Clock,
    /// A hash of the entries that are held. Two nodes that hold the same entries of a replica have
    /// the same hash.
    pub check: u64,
    /// The number of entries.
    pub entries: usize,
    /// Set if at least a part of the entries is shown.
    pub shown: bool,
}

impl Node {
    /// Returns the topics with presences, in order, each with the number of its distinct keys.
    #[must_use]
    pub(crate) fn topics(&self) -> Vec<(Arc<str>, usize)> {
        let mut topics = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            topics.extend(
                shard
                    .topics()
                    .map(|(name, count)| (Arc::clone(name), count)),
            );
        }
        topics.sort_unstable();
        topics
    }

    /// Returns the up nodes of which this node knows that it lacks changes.
    #[must_use]
    pub(crate) fn behind(&self) -> BTreeSet<ReplicaName> {
        let mut behind = BTreeSet::new();
        for shard in &self.shards {
            behind.extend(shard.lock().behind().cloned());
        }
        behind
    }

    /// From now on, diffs tell which keys came and went. For a node that holds nothing.
    pub(crate) fn tell_keys(&self) {
        for shard in &self.shards {
            shard.lock().tell_keys();
        }
    }

    /// Returns the nodes that this node sees, to choose the one that is responsible for a topic.
    #[must_use]
    pub(crate) fn roll(&self) -> Roll {
        self.membership.lock().roll()
    }

    /// Returns all known replicas, this node's own first.
    #[must_use]
    pub(crate) fn replicas(&self) -> Vec<ReplicaView> {
        let statuses = self.membership.lock().statuses();
        let mut views: Vec<ReplicaView> = statuses
            .into_iter()
            .map(|(origin, status)| ReplicaView {
                origin,
                status: Some(status),
                shards: Vec::new(),
            })
            .collect();
        for (number, shard) in self.shards.iter().enumerate() {
            let shard = shard.lock();
            for (replica, shown) in shard.others().chain([(shard.replica(), true)]) {
                let origin = replica.origin();
                let known = views.iter().position(|view| view.origin == **origin);
                let place = known.unwrap_or_else(|| {
                    views.push(ReplicaView {
                        origin: origin.as_ref().clone(),
                        status: None,
                        shards: Vec::new(),
                    });
                    views.len() - 1
                });
                views[place].shards.push(view(number, replica, shown));
            }
        }
        views
    }
}

fn view(shard: usize, replica: &Replica, shown: bool) -> ShardView {
    ShardView {
        shard,
        clock: replica.clock(),
        check: replica.check(),
        entries: replica.len(),
        shown,
    }
}
