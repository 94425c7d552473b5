//! What a node knows of all replicas, for node pages and for tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Node;
use crate::crdt::{Clock, Origin, Replica, ReplicaName};
use crate::liveness::Status;

/// One replica, as a node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// Which replica, in which incarnation.
    pub origin: Origin,
    /// How it stands. `None`: only contents of it are left: of an incarnation that is being
    /// replaced, or in its grace.
    pub status: Option<Status>,
    /// What is held of it, a shard each that holds anything.
    pub shards: Vec<ShardView>,
}

/// What one shard holds of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardView {
    /// The shard's number.
    pub shard: usize,
    /// How many changes of it are known.
    pub clock: Clock,
    /// A hash of the entries that are held. Two nodes that hold the same entries of a replica have
    /// the same hash.
    pub check: u64,
    /// How many entries are held.
    pub entries: usize,
    /// Whether any of it is shown.
    pub shown: bool,
}

impl Node {
    /// The topics that anybody is in, in order, with how many distinct keys each has.
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

    /// The nodes that are up and of which this one knows that it lacks changes.
    #[must_use]
    pub(crate) fn behind(&self) -> BTreeSet<ReplicaName> {
        let mut behind = BTreeSet::new();
        for shard in &self.shards {
            behind.extend(shard.lock().behind().cloned());
        }
        behind
    }

    /// All replicas that are known here, this node's own first.
    #[must_use]
    pub(crate) fn replicas(&self) -> Vec<ReplicaView> {
        let statuses = self.liveness.lock().statuses();
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
