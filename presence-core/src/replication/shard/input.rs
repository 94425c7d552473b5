//! The input of a [`Shard`](super::Shard).

use std::sync::Arc;
use std::time::Duration;

use super::part::{Ask, Credit, Part};
use crate::replication::set::{Clock, Delta, Incarnation, Origin, OwnerId, ReplicaName};

/// An event that a shard handles.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// All that the owner tracked here ends.
    OwnerGone(OwnerId),
    /// The owner's connection was lost: all that it tracked here stays until the given time, or
    /// until the same key is tracked again in the same topic.
    OwnerLost(OwnerId, Duration),
    /// The topic's last [`Effect::TopicDiff`](super::Effect::TopicDiff) has been carried out.
    Dispatched(Arc<str>),
    /// [`Shard::next_deadline`](super::Shard::next_deadline) has come. Harmless at any other time.
    Tick,
    /// All presences of this node end, and no more are taken. Diffs no longer wait for the
    /// interval. Other nodes are told nothing: that this one leaves is told for the node as a
    /// whole.
    Stop,
    /// Sets whether this node is alone. It is at first, and then makes no deltas.
    Alone(bool),
    /// This node goes on under another incarnation. Its entries get new tags and keep their
    /// references.
    Retag(Incarnation),
    /// Another node has spoken for itself: what it tracks is shown, once all of it is here.
    Up(Arc<Origin>),
    /// Another node is down: what it tracks is hidden, and kept.
    Down(ReplicaName),
    /// Another node is given up: what it tracked is forgotten.
    Forget(ReplicaName),
    /// Another node left in order. Its presences are shown until the given time, or until the same
    /// key is tracked again in the same topic.
    Leave(Arc<Origin>, Duration),
    /// Another node told how many changes it has made.
    Announced {
        /// Which.
        origin: Arc<Origin>,
        /// The number of changes.
        clock: Clock,
        /// Set if the node sent it after it was last down.
        recent: bool,
    },
    /// A third node holds another node's replica at this clock.
    Seen(Arc<Origin>, Clock),
    /// Another node told what its replica is at a clock:
    /// [`Replica::check`](crate::replication::set::Replica::check).
    Compare(Arc<Origin>, Clock, u64),
    /// Changes of another node's replica, from that node.
    Delta {
        /// The changes. Must have been [checked](Delta::check).
        delta: Delta,
        /// Set if the node sent it after it was last down.
        recent: bool,
    },
    /// A part of an answer.
    Part {
        /// The part.
        part: Part,
        /// Set if the replica's own node sent it.
        own: bool,
    },
    /// A request of this shard about this replica is over. If it led to nothing, it is made again.
    Over(Arc<Origin>, u64),
    /// Another node asks for what it misses.
    Asked {
        /// The name of the node that asks.
        by: ReplicaName,
        /// For what.
        ask: Ask,
        /// The part of the answer that it takes for now. `None`: all of it, as nodes of version 1
        /// do.
        credit: Option<Credit>,
        /// Set if a later message of that node has overtaken the request: maybe its cancel.
        is_late: bool,
    },
    /// Another node no longer wants the answer to its request of this number.
    Cancelled(ReplicaName, u64),
}

impl Input {
    /// Returns the name of another node whose judgement this is: it came, came back, has gone or
    /// has started again.
    pub(crate) fn judged_node(&self) -> Option<&ReplicaName> {
        match self {
            Self::Up(origin) | Self::Leave(origin, _) => Some(&origin.name),
            Self::Down(name) | Self::Forget(name) => Some(name),
            _ => None,
        }
    }
}
