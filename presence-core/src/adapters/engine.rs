//! The adapter over a network, which all engines share: names, the outgoing queue, the task that
//! subscribes and sends, the handling of incoming frames, and statistics. An engine adds its
//! [`Connection`].

#[cfg(any(feature = "nats", feature = "redis"))]
mod arrivals;
mod incoming;
mod interests;
mod lanes;
mod networked;
mod options;
mod queue;
mod stats;
mod subjects;
mod worker;

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use bytes::Bytes;

pub use networked::Networked;
pub use options::OptionError;
pub use stats::EngineStats;
pub use subjects::NameError;

#[cfg(any(feature = "nats", feature = "redis"))]
pub(super) use arrivals::{Arrivals, Entry};
use incoming::Incoming;
use interests::Interests;
pub(super) use networked::{Connection, Engine, NodeInbox, Outlet};
pub(super) use options::{CLUSTER, QUEUE_BYTES, check_queue};
#[cfg(any(feature = "redis", feature = "zenoh"))]
pub(super) use options::{MESSAGE_BYTES, check_message};
#[cfg(feature = "zenoh")]
pub(super) use options::{at_least, within};
pub(super) use queue::Item;
use queue::{Batch, Queue};
pub(super) use subjects::Target;
use subjects::{Subjects, bucket_of};

use crate::pubsub::{
    AdapterError, Broadcast, Inbox, TrafficClass,
    wire::{self, Kind, SendingNode},
};

/// The log line for a full outgoing queue.
const OUT_FULL: &str =
    "the cluster engine does not keep up or is away; messages for other nodes are dropped";

/// The part that the callers of an adapter and its task share: the callers put messages in, and the
/// task takes frames out.
#[derive(Debug)]
pub(super) struct EngineNode {
    name: Arc<str>,
    /// A random number of this start.
    start: u64,
    pub(super) subjects: Subjects,
    pub(super) interests: Interests,
    pub(super) outgoing: Queue<Item>,
    incoming: Incoming,
    pub(super) stats: EngineStats,
}

impl EngineNode {
    /// Creates a node of the cluster `cluster`. `separator` stands between the parts of the
    /// engine's subjects.
    pub(super) fn new(
        name: &str,
        cluster: &str,
        separator: char,
        queue_bytes: usize,
    ) -> Result<Arc<Self>, NameError> {
        subjects::check_node_name(name)?;
        let stats = EngineStats::default();
        Ok(Arc::new(Self {
            name: name.into(),
            start: RandomState::new().hash_one(name),
            subjects: Subjects::new(cluster, separator)?,
            interests: Interests::default(),
            outgoing: Queue::new(queue_bytes, stats.clone(), OUT_FULL),
            incoming: Incoming::default(),
            stats,
        }))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    #[cfg(feature = "zenoh")]
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    fn sender(&self) -> SendingNode<'_> {
        SendingNode {
            node: &self.name,
            start: self.start,
        }
    }

    /// Queues `message` for all nodes that have subscribers. `limit` is the engine's present limit,
    /// in bytes.
    pub(super) fn broadcast(
        &self,
        class: TrafficClass,
        message: &Broadcast,
        limit: usize,
    ) -> Result<(), AdapterError> {
        let frame = self.encode(Kind::Broadcast, message, limit)?;
        let target = Target::Bucket(bucket_of(&message.topic));
        self.outgoing.push(class, Item { target, frame });
        Ok(())
    }

    /// Queues `message` for one node, which may not exist.
    pub(super) fn direct(
        &self,
        class: TrafficClass,
        node: &str,
        message: &Broadcast,
        limit: usize,
    ) -> Result<(), AdapterError> {
        // No node can have such a name.
        if subjects::check_node_name(node).is_err() {
            return Err(AdapterError::UnknownNode(node.to_owned()));
        }
        let frame = self.encode(Kind::Direct, message, limit)?;
        let target = Target::Node(node.into());
        self.outgoing.push(class, Item { target, frame });
        Ok(())
    }

    fn encode(&self, kind: Kind, message: &Broadcast, limit: usize) -> Result<Bytes, AdapterError> {
        let frame = wire::encode(&self.sender(), kind, message).map_err(|error| {
            let (bytes, limit) = (error.bytes, error.limit);
            AdapterError::TooLarge { bytes, limit }
        })?;
        let bytes = frame.len();
        match bytes > limit {
            true => Err(AdapterError::TooLarge { bytes, limit }),
            false => Ok(frame),
        }
    }

    pub(super) fn subscribed(&self, topic: &str) {
        self.interests.add(bucket_of(topic));
    }

    pub(super) fn unsubscribed(&self, topic: &str) {
        self.interests.remove(bucket_of(topic));
    }

    /// Delivers a frame that the engine received, or drops and counts it.
    pub(super) fn receive(&self, frame: &Bytes, inbox: &Inbox) {
        self.incoming
            .receive(frame, &self.sender(), inbox, &self.stats);
    }
}
