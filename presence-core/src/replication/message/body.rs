//! The messages.

use std::borrow::Cow;

use postcard::fixint::le as fixed;
use serde::{Deserialize, Serialize};

use crate::pubsub::TrafficClass;
use crate::replication::set::{Clock, Incarnation, Origin, ReplicaName};

/// The sender of a message, at the beginning of every message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The number of shards that the sender spreads its topics over.
    pub(crate) pool_size: u16,
    /// The sender.
    pub(crate) sender: Origin,
    /// The number of messages that it has sent in this incarnation, this one included.
    pub(crate) number: u64,
}

/// The contents of a message. The order of the variants is a part of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Body<'a> {
    /// To all, every period: the sender is up.
    Heartbeat(Heartbeat),
    /// To all: changes of the sender's replica.
    #[serde(borrow)]
    Delta(DeltaMessage<'a>),
    /// To one: asks for what is missing of a replica, all at once.
    Request(Request),
    /// To one: a part of what is missing of a replica.
    #[serde(borrow)]
    Part(PartMessage<'a>),
    /// To one: all that the sender shows, to be compared.
    Vector(Vector),
    /// To one: the receiver sends as an incarnation that is over, or numbers its messages from
    /// further back than it did.
    Refusal(Refusal),
    /// To all: the sender leaves. Its presences may be shown for the grace.
    Leave { grace_ms: u64 },
    /// To one: asks for a [`Body::Pong`], because a node gets no messages from the receiver.
    Ping {
        /// The node that asked the sender to ping. `None`: the sender itself asks.
        #[serde(with = "or_empty")]
        on_behalf_of: Option<ReplicaName>,
    },
    /// To one: the sender is up. Answers a [`Body::Ping`].
    Pong {
        /// As in the ping.
        #[serde(with = "or_empty")]
        on_behalf_of: Option<ReplicaName>,
    },
    /// To one: asks the receiver to ping the node of this name.
    PingFor { name: ReplicaName },
    /// To one: the node has answered a ping that the receiver asked for, with the message of this
    /// number.
    Vouch { origin: Origin, number: u64 },
    /// To one: as [`Body::Request`], with credit for a part of the answer. The same pull again
    /// gives further credit. Since version 2.
    Pull(Pull),
    /// To one: the answer to the request of this number is complete, or no longer wanted. Since
    /// version 2.
    Cancel { shard: u16, id: u64 },
}

/// The clocks of the sender's replica, and hashes of what it holds and shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heartbeat {
    /// The clock of its replica in each shard.
    pub(crate) clocks: Vec<Clock>,
    /// The hash of all that its replica holds.
    #[serde(with = "fixed")]
    pub(crate) check: u64,
    /// The hash of all that the sender shows.
    #[serde(with = "fixed")]
    pub(crate) digest: u64,
}

/// Changes of the sender's replica in one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaMessage<'a> {
    pub(crate) shard: u16,
    pub(crate) from: Clock,
    pub(crate) to: Clock,
    #[serde(borrow)]
    pub(crate) adds: Vec<EntryRow<'a>>,
    pub(crate) gone: GoneRow,
}

/// The question for all changes of a replica in one shard after a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) shard: u16,
    pub(crate) origin: Origin,
    pub(crate) from: Clock,
    /// The number of the request, which comes back with the answer.
    pub(crate) id: u64,
}

/// A part of the answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartMessage<'a> {
    pub(crate) shard: u16,
    pub(crate) origin: Origin,
    pub(crate) from: Clock,
    pub(crate) to: Clock,
    pub(crate) id: u64,
    pub(crate) index: u32,
    pub(crate) of: u32,
    #[serde(borrow)]
    pub(crate) adds: Vec<EntryRow<'a>>,
    pub(crate) gone: GoneRow,
}

/// A [`Request`], with the credit for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pull {
    pub(crate) request: Request,
    /// The size that parts should have, in bytes.
    pub(crate) part_bytes: u32,
    /// Parts with a lower index may be sent.
    pub(crate) upto: u32,
    /// Parts that have been sent and have not arrived.
    pub(crate) again: Vec<u32>,
}

/// The state of replicas that the sender shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vector {
    pub(crate) rows: Vec<Row>,
    /// The nodes that left in order, whose messages are no longer accepted.
    pub(crate) left: Vec<Left>,
    /// Set in an answer to a vector, which is not answered again.
    pub(crate) answer: bool,
}

/// The rejection of an incarnation of the receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// The incarnation that is rejected.
    pub(crate) refused: Incarnation,
    /// The receiver's latest incarnation that the sender knows.
    pub(crate) known: Incarnation,
    /// The number of the last message of the known incarnation.
    pub(crate) number: u64,
}

impl<'a> Body<'a> {
    /// Returns the rows of a delta or a part.
    fn rows(&self) -> &[EntryRow<'a>] {
        match self {
            Self::Delta(delta) => &delta.adds,
            Self::Part(part) => &part.adds,
            _ => &[],
        }
    }

    /// Returns what a message with rows has after its body, unless it is empty: the places of the
    /// rows of which the owner's connection was lost. Readers that do not know it ignore it.
    pub(super) fn tail(&self) -> Vec<u32> {
        let rows = (0..).zip(self.rows());
        rows.filter(|(_, row)| row.is_lost)
            .map(|(place, _)| place)
            .collect()
    }

    /// Sets the rows of the tail. Returns a place without a row, if the tail has one.
    pub(super) fn set_tail(&mut self, tail: &[u32]) -> Result<(), u32> {
        let rows = match self {
            Self::Delta(delta) => &mut delta.adds,
            Self::Part(part) => &mut part.adds,
            _ => return Ok(()),
        };
        for place in tail {
            let row = rows.get_mut(*place as usize).ok_or(*place)?;
            row.is_lost = true;
        }
        Ok(())
    }

    /// Takes the tail away, as a reader of version 1 does.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn cut_tail(&mut self) {
        if let Self::Delta(DeltaMessage { adds, .. }) | Self::Part(PartMessage { adds, .. }) = self
        {
            adds.iter_mut().for_each(|row| row.is_lost = false);
        }
    }

    /// Returns whether messages of this kind may have a tail.
    pub(super) fn may_have_a_tail(&self) -> bool {
        matches!(self, Self::Delta(_) | Self::Part(_))
    }
    /// Returns the class of the message among the traffic between nodes.
    pub(crate) fn class(&self) -> TrafficClass {
        match self {
            Self::Heartbeat(_)
            | Self::Refusal(_)
            | Self::Leave { .. }
            | Self::Ping { .. }
            | Self::Pong { .. }
            | Self::PingFor { .. }
            | Self::Vouch { .. } => TrafficClass::Control,
            Self::Delta(_)
            | Self::Request(_)
            | Self::Vector(_)
            | Self::Pull(_)
            | Self::Cancel { .. } => TrafficClass::Live,
            Self::Part(_) => TrafficClass::Bulk,
        }
    }
}

/// One entry. Its tag is its replica's, with this clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryRow<'a> {
    /// The difference to the clock before it; for the first, to the delta's beginning.
    pub(crate) step: u64,
    /// The topic. `None`: that of the entry before.
    #[serde(borrow)]
    pub(crate) topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) key: Cow<'a, str>,
    /// JSON, with its `phx_ref` in front.
    #[serde(borrow)]
    pub(crate) meta: Cow<'a, str>,
    /// Set if the owner's connection was lost. Stands in the message's [tail](Body::tail).
    #[serde(skip)]
    pub(crate) is_lost: bool,
}

/// The tags at or below a delta's beginning that are gone. Steps, as in [`EntryRow`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum GoneRow {
    Tags(Vec<u64>),
    /// (step to a run's first, its last above its first).
    Except(Vec<(u64, u64)>),
}

/// The state of one replica that the sender shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) origin: Origin,
    pub(crate) shards: Vec<Cell>,
}

/// The state of a replica in one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) shard: u16,
    pub(crate) clock: Clock,
    /// The hash of what is held at the clock.
    #[serde(with = "fixed")]
    pub(crate) check: u64,
}

/// A replica that left in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    pub(crate) origin: Origin,
    /// The number of its last message.
    pub(crate) number: u64,
    /// The time for which its entries may still be shown.
    pub(crate) grace_ms: u64,
}

/// Encodes a missing name as an empty one.
mod or_empty {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::ReplicaName;

    pub(super) fn serialize<S: Serializer>(
        name: &Option<ReplicaName>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name.as_ref().map_or("", ReplicaName::as_str))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ReplicaName>, D::Error> {
        let name = ReplicaName::deserialize(deserializer)?;
        Ok((!name.as_str().is_empty()).then_some(name))
    }
}
