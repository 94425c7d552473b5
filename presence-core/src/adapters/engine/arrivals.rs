//! The frames that have arrived from an engine that never waits, until this node delivers them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinSet, yield_now};

use super::{NodeInbox, Queue};
use crate::pubsub::{
    Payload, TrafficClass,
    wire::{self, NodeFrame},
};
use crate::tracker::{TOPIC_PREFIX, is_control};

/// The log line for a full incoming queue.
const FULL: &str =
    "this node does not keep up with what the others send; messages of theirs are dropped";

/// The most bytes before the topic of a frame: the name of its node, and a few numbers.
const MAX_BEFORE_TOPIC: usize = wire::MAX_NODE_NAME + 32;
/// The longest frame that is looked at for its class, in bytes.
const MAX_CONTROL: usize = 8 * 1024;

/// The queue of incoming frames, and the task that delivers them. The queue is bounded in bytes;
/// frames that do not fit are dropped and counted.
///
/// Frames of all classes share the queue and keep their order. Heartbeats and leaves have a reserve
/// in it: a flood of the app's messages does not make a healthy node look dead.
#[derive(Debug)]
pub(in crate::adapters) struct Arrivals {
    queue: Arc<Queue<Bytes>>,
    /// Ends with this.
    _deliverer: JoinSet<()>,
}

/// The entry of the queue, for the tasks that read from the engine.
#[derive(Clone, Debug)]
pub(in crate::adapters) struct Entry(Arc<Queue<Bytes>>);

impl Arrivals {
    /// Creates a queue of at most `bytes`. Call it within a runtime.
    pub(in crate::adapters) fn new(node: &NodeInbox, bytes: usize) -> Self {
        let queue = Arc::new(Queue::new(bytes, node.node.stats.clone(), FULL));
        let mut deliverer = JoinSet::new();
        deliverer.spawn(deliver(Arc::clone(&queue), node.clone()));
        Self {
            queue,
            _deliverer: deliverer,
        }
    }

    pub(in crate::adapters) fn entry(&self) -> Entry {
        Entry(Arc::clone(&self.queue))
    }
}

impl Entry {
    /// Copies a frame into the queue. The frame may be a part of a far larger buffer, which would
    /// stay in memory and is not counted.
    pub(in crate::adapters) fn push(&self, frame: &[u8]) {
        let frame = Bytes::copy_from_slice(frame);
        self.0
            .push_urgent(TrafficClass::Live, frame, is_tracker_control);
    }
}

/// Returns whether a frame carries a tracker's message of the class `Control`. A frame does not say
/// its class, so the message is decoded; a look at the topic saves that for most frames.
fn is_tracker_control(frame: &Bytes) -> bool {
    let prefix = TOPIC_PREFIX.as_bytes();
    let names = &frame[..frame.len().min(MAX_BEFORE_TOPIC + prefix.len())];
    if frame.len() > MAX_CONTROL || !names.windows(prefix.len()).any(|part| part == prefix) {
        return false;
    }
    let Ok((_, NodeFrame { message, .. })) = wire::decode(frame) else {
        return false;
    };
    // The bytes of the prefix may stand in a short message of the app.
    let is_tracker = message.topic.starts_with(TOPIC_PREFIX);
    matches!(message.payload, Payload::Binary(bytes) if is_tracker && is_control(&bytes))
}

async fn deliver(queue: Arc<Queue<Bytes>>, node: NodeInbox) {
    // The queue is never closed, so there always is a next batch.
    while let Some(batch) = queue.next(|_| true).await {
        for frame in batch.live {
            node.receive(&frame);
        }
        // Lets other tasks run between two full batches.
        yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PubSub;
    use crate::adapters::{MemoryCluster, engine::EngineNode};
    use crate::pubsub::{
        Broadcast, Dispatch, Subscriber,
        wire::{Kind, SendingNode},
    };
    use crate::replication::message::{Body, Header, Pull, Request, encode};
    use crate::replication::set::{Clock, Incarnation, Origin, ReplicaName};

    fn frame(message: &Broadcast) -> Bytes {
        let sender = SendingNode {
            node: &"b".repeat(wire::MAX_NODE_NAME),
            start: u64::MAX,
        };
        wire::encode(&sender, Kind::Broadcast, message).unwrap()
    }

    fn of_a_tracker(topic: &str, body: &Body<'_>) -> Bytes {
        let header = Header {
            pool_size: 8,
            sender: origin(),
            number: 1,
        };
        let message = encode(&header, body).unwrap();
        frame(&Broadcast::new(topic, "e", Payload::Binary(message)))
    }

    fn origin() -> Origin {
        Origin {
            name: ReplicaName::new("b"),
            incarnation: Incarnation {
                started_ms: 1,
                nonce: 1,
            },
        }
    }

    #[tokio::test]
    async fn a_flood_of_messages_costs_no_heartbeat() {
        let cluster = MemoryCluster::default();
        let pubsub = PubSub::with_adapter(cluster.join("a"));
        let topic = format!("{TOPIC_PREFIX}x");
        let mut heard = pubsub.receiver(&topic, 100);
        let node = NodeInbox {
            node: EngineNode::new("a", "test", '.', 1000).unwrap(),
            inbox: cluster.inbox("a").unwrap(),
        };
        let (arrivals, stats) = (Arrivals::new(&node, 1000), node.node.stats.clone());
        let entry = arrivals.entry();
        // The task that delivers runs at the first await.
        let text = Payload::Binary(TOPIC_PREFIX.into());
        let flood = frame(&Broadcast::new("t", "e", text));
        while stats.dropped() == 0 {
            entry.push(&flood);
        }
        let request = Request {
            shard: 0,
            origin: origin(),
            from: Clock::new(0),
            id: 1,
        };
        let pull = Pull {
            request,
            part_bytes: 1,
            upto: 1,
            again: Vec::new(),
        };
        let leave = Body::Leave { grace_ms: 1 };
        entry.push(&of_a_tracker(&topic, &Body::Pull(pull)));
        entry.push(&of_a_tracker("of the app", &leave));
        assert_eq!(stats.dropped(), 3);
        let control = of_a_tracker(&topic, &leave);
        entry.push(&control);
        assert_eq!(stats.dropped(), 3);
        assert!(heard.recv().await.is_some());
        // The reserve has a bound.
        for _ in 0..2 * 1024 * 1024 / control.len() {
            entry.push(&control);
        }
        assert!(stats.dropped() > 3);
    }

    /// A subscriber that breaks its promise at the first message.
    struct Panics;

    impl Subscriber for Panics {
        fn deliver(&self, dispatch: &mut Dispatch<'_>) {
            let event = &*dispatch.message().event;
            assert_ne!(event, "first", "a panic which this test wants");
        }
    }

    #[tokio::test]
    async fn a_subscriber_that_panics_costs_no_later_message() {
        let cluster = MemoryCluster::default();
        let pubsub = PubSub::with_adapter(cluster.join("a"));
        let _panics = pubsub.subscribe("t", Arc::new(Panics));
        let mut on_a = pubsub.receiver("t", 100);
        let node = NodeInbox {
            node: EngineNode::new("a", "test", '.', 1000).unwrap(),
            inbox: cluster.inbox("a").unwrap(),
        };
        let arrivals = Arrivals::new(&node, 1000);
        for event in ["first", "second"] {
            let message = Broadcast::new("t", event, Payload::empty());
            arrivals.entry().push(&frame(&message));
        }
        let second = async { while on_a.recv().await.unwrap().event.as_ref() != "second" {} };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(30), second).await;
        waited.expect("the second message arrives");
    }
}
