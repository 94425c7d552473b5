//! The frames that have arrived from an engine that never waits, until this node delivers them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinSet, yield_now};

use super::{NodeInbox, Queue};
use crate::pubsub::TrafficClass;

/// The log line for a full incoming queue.
const FULL: &str =
    "this node does not keep up with what the others send; messages of theirs are dropped";

/// The queue of incoming frames, and the task that delivers them. The queue is bounded in bytes;
/// frames that do not fit are dropped and counted.
///
/// Frames of all classes share the queue and keep their order: a frame does not say its class. So
/// a flood of the app's messages may cost a heartbeat. A node is taken for down only if all its
/// messages are lost for as long as [`down_period`](crate::tracker::TrackerOptions::down_period).
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
        self.0
            .push(TrafficClass::Live, Bytes::copy_from_slice(frame));
    }
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
