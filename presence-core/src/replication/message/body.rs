//! The messages.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::pubsub::TrafficClass;

/// The sender of a message, at the beginning of every message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header<'a> {
    /// The number of shards that the sender spreads its topics over.
    pub(crate) pool_size: u16,
    /// The sender's name.
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    /// Its incarnation: the start, and the nonce.
    pub(crate) started_ms: u64,
    pub(crate) nonce: u64,
    /// The number of messages that it has sent in this incarnation, this one included.
    pub(crate) number: u64,
}

/// The contents of a message. The order of the variants is a part of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Body<'a> {
    /// To all, every period: the sender is there.
    Heartbeat {
        /// The clock of its replica in each shard.
        clocks: Vec<u64>,
        /// A number for all that its replica holds.
        check: [u8; 8],
        /// A number for all that the sender shows.
        digest: [u8; 8],
    },
    /// To all: changes of the sender's replica.
    Delta {
        shard: u16,
        from: u64,
        to: u64,
        #[serde(borrow)]
        adds: Vec<EntryRow<'a>>,
        gone: GoneRow,
    },
    /// To one: what is missing of a replica?
    Request {
        shard: u16,
        #[serde(borrow)]
        name: Cow<'a, str>,
        started_ms: u64,
        nonce: u64,
        from: u64,
        id: u64,
    },
    /// To one: a part of what is missing of a replica.
    Part {
        shard: u16,
        #[serde(borrow)]
        name: Cow<'a, str>,
        started_ms: u64,
        nonce: u64,
        from: u64,
        to: u64,
        id: u64,
        index: u32,
        of: u32,
        #[serde(borrow)]
        adds: Vec<EntryRow<'a>>,
        gone: GoneRow,
    },
    /// To one: all that the sender shows, to be compared.
    Vector {
        #[serde(borrow)]
        rows: Vec<Row<'a>>,
        /// The nodes that left in order, whose messages are no longer accepted.
        #[serde(borrow)]
        left: Vec<Left<'a>>,
        /// Set in an answer to a vector, which is not answered again.
        answer: bool,
    },
    /// To one: the receiver speaks as an incarnation that is over, or counts its messages from
    /// further back than it did.
    Refusal {
        /// The incarnation it spoke as.
        started_ms: u64,
        nonce: u64,
        /// The one that is known here.
        known_started_ms: u64,
        known_nonce: u64,
        /// The last message of that one which is known here.
        number: u64,
    },
    /// To all: the sender leaves. Its presences may be shown for the grace.
    Leave { grace_ms: u64 },
    /// To one: asks for an answer, because another node gets no messages from it.
    Ping {
        /// The node that asks. Empty for the sender.
        #[serde(borrow)]
        on_behalf_of: Cow<'a, str>,
    },
    /// To one: the sender is there. Answers a ping.
    Pong {
        #[serde(borrow)]
        on_behalf_of: Cow<'a, str>,
    },
    /// To one: ping that node for me.
    PingFor {
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    /// To one: that node answered a ping that you asked for.
    Vouch {
        #[serde(borrow)]
        name: Cow<'a, str>,
        started_ms: u64,
        nonce: u64,
        number: u64,
    },
    /// To one: as [`Body::Request`], with credit for a part of the answer. The same request again
    /// gives further credit. Since version 2.
    Pull {
        shard: u16,
        #[serde(borrow)]
        name: Cow<'a, str>,
        started_ms: u64,
        nonce: u64,
        from: u64,
        id: u64,
        /// The size that parts should have, in bytes.
        part_bytes: u32,
        /// Parts with a lower index may be sent.
        upto: u32,
        /// Parts that have been sent and have not arrived.
        again: Vec<u32>,
    },
    /// To one: the answer to the request of this number is complete, or no longer wanted. Since
    /// version 2.
    Cancel { shard: u16, id: u64 },
}

impl Body<'_> {
    /// Returns the class of the message among the traffic between nodes.
    pub(crate) fn class(&self) -> TrafficClass {
        match self {
            Self::Heartbeat { .. }
            | Self::Refusal { .. }
            | Self::Leave { .. }
            | Self::Ping { .. }
            | Self::Pong { .. }
            | Self::PingFor { .. }
            | Self::Vouch { .. } => TrafficClass::Control,
            Self::Delta { .. }
            | Self::Request { .. }
            | Self::Vector { .. }
            | Self::Pull { .. }
            | Self::Cancel { .. } => TrafficClass::Live,
            Self::Part { .. } => TrafficClass::Bulk,
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
pub(crate) struct Row<'a> {
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    pub(crate) started_ms: u64,
    pub(crate) nonce: u64,
    /// A shard each: its number, the clock, and what is held at it.
    pub(crate) shards: Vec<(u16, u64, [u8; 8])>,
}

/// A replica that left in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left<'a> {
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    pub(crate) started_ms: u64,
    pub(crate) nonce: u64,
    /// The number of its last message.
    pub(crate) number: u64,
    /// The time for which its entries may still be shown.
    pub(crate) grace_ms: u64,
}
