//! The bounded queue of frames that wait to be sent, or to be delivered.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{EngineStats, Target, log_limit::LogLimit};

/// An outgoing frame and its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::adapters) struct Item {
    pub(in crate::adapters) target: Target,
    pub(in crate::adapters) frame: Bytes,
}

/// A frame in a queue.
pub(in crate::adapters) trait QueuedFrame {
    /// Returns the length in bytes.
    fn length(&self) -> usize;
}

impl QueuedFrame for Item {
    fn length(&self) -> usize {
        self.frame.len()
    }
}

impl QueuedFrame for Bytes {
    fn length(&self) -> usize {
        self.len()
    }
}

/// The bytes that a frame counts beyond its own, for its place in the queue.
const OVERHEAD: usize = 64;
/// The size of a batch, in bytes.
const BATCH_BYTES: usize = 256 * 1024;

/// The queue from broadcasts, which never wait, to the engine, which may be away. Or from an engine
/// that never waits to the task that delivers its messages.
///
/// The queue is bounded in bytes. A frame that does not fit is dropped and counted, and its sender
/// gets no error: the subscribers on this node have the message, and a node whose engine is away
/// still serves its own clients. An error would reach those clients instead.
#[derive(Debug)]
pub(in crate::adapters) struct Queue<F> {
    queue: Mutex<Waiting<F>>,
    changed: Notify,
    limit: usize,
    stats: EngineStats,
    /// The log line for a full queue.
    complaint: &'static str,
    full: LogLimit,
}

#[derive(Debug)]
struct Waiting<F> {
    items: VecDeque<F>,
    bytes: usize,
    closed: bool,
}

impl<F: QueuedFrame> Queue<F> {
    pub(in crate::adapters) fn new(
        limit: usize,
        stats: EngineStats,
        complaint: &'static str,
    ) -> Self {
        let queue = Waiting {
            items: VecDeque::new(),
            bytes: 0,
            closed: false,
        };
        Self {
            queue: Mutex::new(queue),
            changed: Notify::new(),
            limit,
            stats,
            complaint,
            full: LogLimit::default(),
        }
    }

    pub(in crate::adapters) fn push(&self, item: F) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        let bytes = item.length() + OVERHEAD;
        // An empty queue takes any frame that the engine carries. Otherwise a large message could
        // never leave.
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
            tracing::warn!(bytes = self.limit, more = before, "{}", self.complaint);
        }
    }

    /// Returns the next frames, in order, or `None` if the queue is closed and empty. For one task.
    ///
    /// This method is cancel safe: only a call that returns frames takes them off the queue.
    pub(in crate::adapters) async fn next(&self) -> Option<Vec<F>> {
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

    /// Closes the queue: it takes no more frames. The frames in it can still be taken out.
    pub(in crate::adapters) fn close(&self) {
        self.queue.lock().closed = true;
        self.changed.notify_one();
    }
}

impl<F: QueuedFrame> Waiting<F> {
    fn take(&mut self) -> Vec<F> {
        let mut taken = 0;
        let mut count = 0;
        for item in &self.items {
            if taken >= BATCH_BYTES {
                break;
            }
            taken += item.length() + OVERHEAD;
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
        let outgoing = Queue::new(2 * (OVERHEAD + 1), stats.clone(), "full");
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
        let outgoing = Queue::new(1000, EngineStats::default(), "full");
        outgoing.push(item("1"));
        outgoing.close();
        outgoing.push(item("2"));
        assert_eq!(outgoing.next().await, Some(vec![item("1")]));
        assert_eq!(outgoing.next().await, None);
    }

    #[tokio::test]
    async fn a_batch_is_bounded() {
        let outgoing = Queue::new(usize::MAX, EngineStats::default(), "full");
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
