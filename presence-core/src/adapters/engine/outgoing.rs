//! What waits to be sent.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{EngineStats, Target, log_limit::LogLimit};

/// A frame on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::adapters) struct Item {
    pub(in crate::adapters) target: Target,
    pub(in crate::adapters) frame: Bytes,
}

/// A frame counts this much more than its bytes, for what stands around it.
const OVERHEAD: usize = 64;
/// How much an engine is handed at once.
const BATCH_BYTES: usize = 256 * 1024;

/// The queue between those who broadcast, who never wait, and the engine, which may be away.
///
/// Bounded in bytes: what does not fit is dropped and counted, and its sender is not told. Its subscribers
/// on this node have got the message, and a node whose engine is away serves its own clients; an
/// error would reach those clients instead.
#[derive(Debug)]
pub(in crate::adapters) struct Outgoing {
    queue: Mutex<Queue>,
    changed: Notify,
    limit: usize,
    stats: EngineStats,
    full: LogLimit,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    closed: bool,
}

impl Outgoing {
    pub(super) fn new(limit: usize, stats: EngineStats) -> Self {
        Self {
            queue: Mutex::default(),
            changed: Notify::new(),
            limit,
            stats,
            full: LogLimit::default(),
        }
    }

    pub(super) fn push(&self, item: Item) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        let bytes = item.frame.len() + OVERHEAD;
        // An empty queue takes whatever the engine carries: else a large message could never leave.
        if !queue.items.is_empty() && queue.bytes + bytes > self.limit {
            drop(queue);
            return self.refuse();
        }
        queue.bytes += bytes;
        queue.items.push_back(item);
        self.changed.notify_one();
    }

    fn refuse(&self) {
        self.stats.count_dropped();
        if let Some(before) = self.full.pass() {
            tracing::warn!(
                bytes = self.limit,
                more = before,
                "the cluster engine does not keep up or is away; messages for other nodes are dropped"
            );
        }
    }

    /// The next frames, in order; none once the queue is closed and empty. For one task.
    ///
    /// Cancel safe: frames are taken only by a call that returns them.
    pub(in crate::adapters) async fn next(&self) -> Option<Vec<Item>> {
        loop {
            {
                let mut queue = self.queue.lock();
                if !queue.items.is_empty() {
                    return Some(queue.take());
                }
                if queue.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Takes nothing more. What is in it can still be had.
    pub(in crate::adapters) fn close(&self) {
        self.queue.lock().closed = true;
        self.changed.notify_one();
    }
}

impl Queue {
    fn take(&mut self) -> Vec<Item> {
        let mut taken = 0;
        let mut count = 0;
        for item in &self.items {
            if taken >= BATCH_BYTES {
                break;
            }
            taken += item.frame.len() + OVERHEAD;
            count += 1;
        }
        self.bytes -= taken;
        self.items.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(frame: &'static str) -> Item {
        Item {
            target: Target::Bucket(0),
            frame: frame.into(),
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_counted() {
        let stats = EngineStats::default();
        let outgoing = Outgoing::new(2 * (OVERHEAD + 1), stats.clone());
        for frame in ["1", "2", "3"] {
            outgoing.push(item(frame));
        }
        assert_eq!(stats.dropped(), 1);
        assert_eq!(outgoing.next().await.unwrap(), [item("1"), item("2")]);
        outgoing.push(item(
            "longer than the limit allows, but there is nothing else in the queue",
        ));
        outgoing.push(item("4"));
        assert_eq!(stats.dropped(), 2);
        assert_eq!(outgoing.next().await.unwrap().len(), 1);
        outgoing.push(item("5"));
        assert_eq!(outgoing.next().await.unwrap(), [item("5")]);
    }

    #[tokio::test]
    async fn a_closed_queue_still_gives_what_it_has() {
        let outgoing = Outgoing::new(1000, EngineStats::default());
        outgoing.push(item("1"));
        outgoing.close();
        outgoing.push(item("2"));
        assert_eq!(outgoing.next().await, Some(vec![item("1")]));
        assert_eq!(outgoing.next().await, None);
    }

    #[tokio::test]
    async fn a_batch_is_bounded() {
        let outgoing = Outgoing::new(usize::MAX, EngineStats::default());
        let frame = Bytes::from(vec![0; 100_000]);
        for _ in 0..5 {
            let (target, frame) = (Target::Bucket(0), frame.clone());
            outgoing.push(Item { target, frame });
        }
        assert_eq!(outgoing.next().await.unwrap().len(), 3);
        assert_eq!(outgoing.next().await.unwrap().len(), 2);
        assert_eq!(outgoing.queue.lock().bytes, 0);
    }
}
