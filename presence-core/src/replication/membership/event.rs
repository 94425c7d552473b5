//! The output of one node's judgement of the others, inside the crate and for users.

use crate::replication::message::Body;
use crate::replication::set::{Incarnation, Origin, ReplicaName};
use crate::replication::shard::Input;

/// An action that follows from a judgement.
#[derive(Clone, Debug)]
pub(crate) enum MembershipEvent {
    /// An input for every shard.
    Tell(Input),
    /// A message to a peer.
    Say(ReplicaName, Body<'static>),
    /// A heartbeat to this peer alone, at once.
    Greet(ReplicaName),
    /// An event for users.
    Replica(ReplicaEvent),
}

/// A change in the status of a node, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplicaEvent {
    /// The node is up: it came, came back, or was restarted. Its presences are shown when all of
    /// them have arrived.
    Up(Origin),
    /// The node has been silent for too long. Its presences are hidden.
    Down(Origin),
    /// The node has been down for too long. Its presences are forgotten.
    Permdown(Origin),
    /// The node left in order.
    Left(Origin),
    /// Another node runs under this node's name, or claims to know later changes of this node than
    /// it has made. The other nodes see both by turns until one is stopped.
    Conflict {
        /// This node.
        mine: Origin,
        /// The incarnation that the other node has, or claims of this node.
        theirs: Incarnation,
    },
    /// A node was rejected, because the number of nodes is at `max_replicas`.
    TooMany(ReplicaName),
}

/// The status of a node, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// This node itself.
    Me,
    /// The node is up.
    Up,
    /// The node may be gone. Its presences are still shown.
    Suspect,
    /// The node is silent. Its presences are hidden, and kept.
    Down,
    /// The node was given up. Its presences are forgotten.
    Permdown,
    /// The node left in order.
    Left,
}
