//! The output of one node's judgement of the others, inside the crate and for users.

use crate::crdt::{Incarnation, Origin, ReplicaName};
use crate::shard::Input;

/// An action that follows from a judgement.
#[derive(Clone, Debug)]
pub(crate) enum LivenessEvent {
    /// To every shard.
    Tell(Input),
    /// To a peer.
    Say(ReplicaName, Say),
    /// A heartbeat to this peer alone, at once.
    Greet(ReplicaName),
    /// To whoever watches.
    Replica(ReplicaEvent),
}

/// A word to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// You speak as an incarnation that is over, or as you were before: this is known of you, and
    /// how many of its messages.
    Refusal {
        refused: Incarnation,
        known: (Incarnation, u64),
    },
    /// Are you there?
    Ping { on_behalf_of: Option<ReplicaName> },
    /// I am.
    Pong { on_behalf_of: Option<ReplicaName> },
    /// Ask that node whether it is there.
    PingFor(ReplicaName),
    /// It is: it sent me this.
    Vouch(Origin, u64),
}

/// What became of a node, in this node's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplicaEvent {
    /// It is there: it came, came back, or was started anew. What it tracks is shown as soon as all
    /// of it is here.
    Up(Origin),
    /// It has been silent for too long. What it tracked is hidden.
    Down(Origin),
    /// It has been down for too long. What it tracked is forgotten.
    Permdown(Origin),
    /// It left in order.
    Left(Origin),
    /// Another node runs under this node's name, or claims to know more of this node than it has
    /// done. Both will be seen by turns until one is stopped.
    Conflict {
        /// This node.
        mine: Origin,
        /// What the other one said of itself, or of this one.
        theirs: Incarnation,
    },
    /// A node was turned away: there are as many as may be.
    TooMany(ReplicaName),
}

/// How a node stands, in this node's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It is this node.
    Me,
    /// It is there.
    Up,
    /// It is shown, but may be gone.
    Suspect,
    /// It is silent: hidden, and kept.
    Down,
    /// It was given up.
    Permdown,
    /// It left in order.
    Left,
}
