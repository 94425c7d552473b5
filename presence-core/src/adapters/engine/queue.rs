//! The bounded queue of frames that wait to be sent, or to be delivered.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{EngineStats, Target};
use crate::log_limit::LogLimit;
use crate::pubsub::TrafficClass;

/// An outgoing frame and its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
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
pub(super) const OVERHEAD: usize = 64;
/// The bytes beyond the limit of a class that are kept for urgent frames.
const RESERVE: usize = 1024 * 1024;
/// The size of a batch, in bytes.
const BATCH_BYTES: usize = 256 * 1024;
/// The most bytes of `Bulk` in a batch. A link of 10 Mbit/s carries them in 100 ms, and a frame of
/// `Control` waits no longer behind them.
const BULK_BYTES: usize = 128 * 1024;

/// The queue from broadcasts, which never wait, to the engine, which may be away. Or from an engine
/// that never waits to the task that delivers its messages.
///
/// Each class of traffic has a queue of its own, bounded in bytes. A frame that does not fit is
/// dropped and counted, and its sender gets no error: the subscribers on this node have the
/// message, and a node whose engine is away still serves its own clients. An error would reach
/// those clients instead.
///
/// - Frames of one class keep their order.
/// - A lower class is taken first: `Control`, then `Live`, then `Bulk`.
/// - A frame of one class never makes a frame of another class be dropped. Incoming frames are all
///   of one class, `Live`, so that they keep their order, with a reserve for urgent ones.
/// - Each batch that may have `Bulk` has at least one frame of it. So a flood of `Live` slows a
///   node that catches up, and does not stop it.
#[derive(Debug)]
pub(in crate::adapters) struct Queue<F> {
    queue: Mutex<Waiting<F>>,
    changed: Notify,
    /// The limit of each class, in bytes.
    limit: usize,
    stats: EngineStats,
    /// The log line for a full queue.
    complaint: &'static str,
    full: LogLimit,
}

#[derive(Debug)]
struct Waiting<F> {
    control: Line<F>,
    live: Line<F>,
    bulk: Line<F>,
    closed: bool,
}

/// The frames of one class.
#[derive(Debug)]
struct Line<F> {
    items: VecDeque<F>,
    bytes: usize,
}

/// Frames that are sent together, by class.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::adapters) struct Batch<F> {
    pub(in crate::adapters) control: Vec<F>,
    pub(in crate::adapters) live: Vec<F>,
    pub(in crate::adapters) bulk: Vec<F>,
}

impl<F> Batch<F> {
    fn is_empty(&self) -> bool {
        self.control.is_empty() && self.live.is_empty() && self.bulk.is_empty()
    }
}

impl<F: QueuedFrame> Queue<F> {
    /// Creates a queue that holds at most `limit` bytes of each class.
    pub(in crate::adapters) fn new(
        limit: usize,
        stats: EngineStats,
        complaint: &'static str,
    ) -> Self {
        let queue = Waiting {
            control: Line::default(),
            live: Line::default(),
            bulk: Line::default(),
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

    pub(in crate::adapters) fn push(&self, class: TrafficClass, item: F) {
        self.push_urgent(class, item, |_| false);
    }

    /// As [`push`](Self::push). An urgent frame may use the reserve of a full class, and waits its
    /// turn. `is_urgent` is called only for a class that is full.
    pub(in crate::adapters) fn push_urgent(
        &self,
        class: TrafficClass,
        item: F,
        is_urgent: impl FnOnce(&F) -> bool,
    ) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        let line = queue.line(class);
        let bytes = item.length() + OVERHEAD;
        // An empty queue takes any frame that the engine carries. Otherwise a large message could
        // never leave.
        if !line.items.is_empty() && line.bytes + bytes > self.limit {
            let has_reserve = line.bytes + bytes <= self.limit + RESERVE;
            if !has_reserve || !is_urgent(&item) {
                drop(queue);
                return self.refuse(class);
            }
        }
        line.bytes += bytes;
        line.items.push_back(item);
        self.changed.notify_one();
    }

    fn refuse(&self, class: TrafficClass) {
        self.stats.count_dropped();
        if let Some(before) = self.full.pass() {
            let bytes = self.limit;
            tracing::warn!(?class, bytes, more = before, "{}", self.complaint);
        }
    }

    /// Returns the next frames, or `None` if the queue is closed and empty. For one task. Frames of
    /// a class for which `takes` returns `false` stay: their sender still has earlier ones.
    ///
    /// This method is cancel safe: only a call that returns frames takes them off the queue.
    pub(in crate::adapters) async fn next(
        &self,
        takes: impl Fn(TrafficClass) -> bool,
    ) -> Option<Batch<F>> {
        loop {
            {
                let mut queue = self.queue.lock();
                let batch = queue.take(&takes);
                if !batch.is_empty() {
                    return Some(batch);
                }
                if queue.closed && queue.is_empty() {
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
    fn line(&mut self, class: TrafficClass) -> &mut Line<F> {
        match class {
            TrafficClass::Control => &mut self.control,
            TrafficClass::Live => &mut self.live,
            TrafficClass::Bulk => &mut self.bulk,
        }
    }

    fn is_empty(&self) -> bool {
        let Self {
            control,
            live,
            bulk,
            ..
        } = self;
        [control, live, bulk]
            .iter()
            .all(|line| line.items.is_empty())
    }

    fn take(&mut self, takes: &impl Fn(TrafficClass) -> bool) -> Batch<F> {
        let mut room = BATCH_BYTES;
        let mut take = |class, room: &mut usize| match takes(class) {
            true => self.line(class).take(room),
            false => Vec::new(),
        };
        Batch {
            control: take(TrafficClass::Control, &mut room),
            live: take(TrafficClass::Live, &mut room),
            bulk: take(TrafficClass::Bulk, &mut room.clamp(1, BULK_BYTES)),
        }
    }
}

impl<F> Default for Line<F> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<F: QueuedFrame> Line<F> {
    /// Takes frames until `room` is used up. The last one may exceed it.
    fn take(&mut self, room: &mut usize) -> Vec<F> {
        let mut taken = 0;
        let mut count = 0;
        for item in &self.items {
            if taken >= *room {
                break;
            }
            taken += item.length() + OVERHEAD;
            count += 1;
        }
        self.bytes -= taken;
        *room = room.saturating_sub(taken);
        self.items.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests;
