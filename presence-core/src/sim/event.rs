//! The queue of future events, in order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

#[derive(Debug)]
pub(super) enum SimEvent {
    /// A message reaches a machine.
    Deliver { to: usize, message: Bytes },
    /// A machine's node may have something to do.
    Wake { machine: usize },
    /// A diff has reached its listeners, unless the machine's life is another by then.
    Dispatched {
        machine: usize,
        life: u64,
        topic: Arc<str>,
    },
}

/// Events by time, and in the order they were put in at the same time.
#[derive(Debug, Default)]
pub(super) struct Events {
    heap: BinaryHeap<Scheduled>,
    put: u64,
}

#[derive(Debug)]
struct Scheduled {
    at: Duration,
    number: u64,
    event: SimEvent,
}

impl Events {
    pub(super) fn put(&mut self, at: Duration, event: SimEvent) {
        self.put += 1;
        self.heap.push(Scheduled {
            at,
            number: self.put,
            event,
        });
    }

    /// Takes the next event, if it comes no later than `until`.
    pub(super) fn next(&mut self, until: Duration) -> Option<(Duration, SimEvent)> {
        if self.heap.peek()?.at > until {
            return None;
        }
        self.heap
            .pop()
            .map(|scheduled| (scheduled.at, scheduled.event))
    }
}

impl Ord for Scheduled {
    /// The earliest is the greatest: the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scheduled {}
