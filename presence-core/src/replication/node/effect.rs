//! The output of a [`Node`](super::Node).

use bytes::Bytes;

use crate::pubsub::TrafficClass;
use crate::replication::membership::ReplicaEvent;
use crate::replication::set::ReplicaName;
use crate::replication::shard::TopicDiff;

/// An action that a node asks its runtime for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub(crate) enum NodeEffect {
    /// Tell the topic's listeners on this node, then call
    /// [`Node::dispatched`](super::Node::dispatched).
    TopicDiff(TopicDiff),
    /// Send this to all other nodes. It may be lost, doubled or late.
    Broadcast(TrafficClass, Bytes),
    /// Send this to one node. As above.
    Direct(ReplicaName, TrafficClass, Bytes),
    /// [`Node::next_deadline`](super::Node::next_deadline) may have become earlier.
    Wake,
    /// The status of a node changed.
    Replica(ReplicaEvent),
    /// A peer's message was dropped. The log shows only some of them.
    Rejected(Rejected),
}

/// A peer's message that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// The name of the sender, if it could be read.
    pub(crate) from: Option<String>,
    /// The error in the message, as text.
    pub(crate) reason: String,
}
