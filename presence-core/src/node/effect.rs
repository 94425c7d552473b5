//! The output of a [`Node`](super::Node).

use bytes::Bytes;

use crate::crdt::ReplicaName;
use crate::liveness::ReplicaEvent;
use crate::shard::TopicDiff;

/// An action that a node asks its runtime for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub(crate) enum NodeEffect {
    /// Tell the topic's listeners on this node, then call
    /// [`Node::dispatched`](super::Node::dispatched).
    TopicDiff(TopicDiff),
    /// Send this to all other nodes. It may be lost, doubled or late.
    Broadcast(Bytes),
    /// Send this to one node. As above.
    Direct(ReplicaName, Bytes),
    /// [`Node::next_deadline`](super::Node::next_deadline) may have become earlier.
    Wake,
    /// Something became of a node.
    Replica(ReplicaEvent),
    /// A peer's message was dropped. For the log, and not for every one of them.
    Rejected(Rejected),
}

/// Why a peer's message was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// Who sent it, if that could be read.
    pub(crate) from: Option<String>,
    /// What is wrong with it, in words.
    pub(crate) reason: String,
}
