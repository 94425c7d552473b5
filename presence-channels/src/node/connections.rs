use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Expiry;
use crate::outgoing::Outbox;

/// The number of parts of the table, each behind a lock of its own. With 200,000 connections a
/// part has about 3,000.
pub(crate) const PARTS: usize = 64;

/// The connections of a node, for draining them when it stops, and for closing silent ones.
// `O` is another type in tests only.
pub(super) struct Connections<O = Outbox> {
    parts: Box<[Mutex<Part<O>>]>,
    next: AtomicUsize,
    live: Arc<Live>,
    stopping: AtomicBool,
}

/// Some connections, by their numbers.
type Part<O> = HashMap<usize, Watched<O>>;

/// The connections whose channels have not ended yet.
#[derive(Default)]
struct Live {
    count: AtomicUsize,
    drained: Notify,
}

/// A connection, for as long as its socket is there: that may be longer than its channels.
pub(crate) struct Watched<O = Outbox> {
    outbox: Weak<O>,
    pub(crate) idle_limit: Duration,
    /// `None` if the client's token does not expire.
    pub(crate) expiry: Option<Arc<Expiry>>,
}

/// A connection's entry. Dropping it says that its channels have ended.
pub(crate) struct Registration(Arc<Live>);

impl<O> Default for Connections<O> {
    fn default() -> Self {
        Self {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            next: AtomicUsize::new(0),
            live: Arc::default(),
            stopping: AtomicBool::new(false),
        }
    }
}

// Not derived: an outbox need not be cloned.
impl<O> Clone for Watched<O> {
    fn clone(&self) -> Self {
        Self {
            outbox: self.outbox.clone(),
            idle_limit: self.idle_limit,
            expiry: self.expiry.clone(),
        }
    }
}

impl<O> Connections<O> {
    pub(super) fn register(
        &self,
        outbox: &Arc<O>,
        idle_limit: Duration,
        expiry: Option<Arc<Expiry>>,
    ) -> Registration {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let watched = Watched {
            outbox: Arc::downgrade(outbox),
            idle_limit,
            expiry,
        };
        self.live.count.fetch_add(1, Ordering::AcqRel);
        self.parts[id % PARTS].lock().insert(id, watched);
        Registration(self.live.clone())
    }

    pub(super) fn count(&self) -> usize {
        self.live.count.load(Ordering::Acquire)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Refuses new connections from now on, and returns the current ones.
    pub(super) fn stop(&self) -> Vec<Arc<O>> {
        // First: a connection that is registered in a part after that part was read sees it.
        self.stopping.store(true, Ordering::Release);
        let mut connections = Vec::new();
        for part in &self.parts {
            let part = part.lock();
            connections.extend(part.values().filter_map(|watched| watched.outbox.upgrade()));
        }
        connections
    }

    /// Waits until no channel is left.
    pub(super) async fn drained(&self) {
        loop {
            let notified = self.live.drained.notified();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Visits each connection of these parts, and removes those that are gone. No lock is held
    /// during a visit.
    pub(super) fn visit(&self, parts: Range<usize>, mut visit: impl FnMut(&Arc<O>, &Watched<O>)) {
        let mut present = Vec::new();
        for part in &self.parts[parts] {
            let mut part = part.lock();
            present.reserve(part.len());
            part.retain(|_, watched| {
                let outbox = watched.outbox.upgrade();
                let is_present = outbox.is_some();
                present.extend(outbox.map(|outbox| (outbox, watched.clone())));
                is_present
            });
            // After a wave of clients the memory of the table is given back, all of it at the end.
            if part.len() <= part.capacity() / 8 {
                let twice = part.len() * 2;
                part.shrink_to(twice);
            }
            drop(part);
            for (outbox, watched) in present.drain(..) {
                visit(&outbox, &watched);
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.drained.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    fn visited(connections: &Connections<usize>, parts: Range<usize>) -> Vec<usize> {
        let mut visited = Vec::new();
        connections.visit(parts, |outbox, _| visited.push(**outbox));
        visited.sort_unstable();
        visited
    }

    #[test]
    fn the_parts_together_are_all_connections_and_each_is_visited_once() {
        const COUNT: usize = 1000;
        let connections = Connections::default();
        let outboxes: Vec<_> = (0..COUNT).map(Arc::new).collect();
        let registrations: Vec<_> = outboxes
            .iter()
            .map(|outbox| connections.register(outbox, IDLE, None))
            .collect();
        let mut all = Vec::new();
        for part in 0..PARTS {
            let part = visited(&connections, part..part + 1);
            assert!(part.len() <= COUNT.div_ceil(PARTS));
            all.extend(part);
        }
        all.sort_unstable();
        assert_eq!(all, (0..COUNT).collect::<Vec<_>>());
        assert_eq!(visited(&connections, 0..PARTS), all);
        assert_eq!(connections.stop().len(), COUNT);

        // The channels have ended, and then the sockets.
        drop(registrations);
        assert_eq!(connections.count(), 0);
        assert_eq!(visited(&connections, 0..PARTS).len(), COUNT);
        drop(outboxes);
        assert!(visited(&connections, 0..PARTS).is_empty());
        let held: usize = connections.parts.iter().map(|part| part.lock().len()).sum();
        assert_eq!(held, 0);
    }

    /// It would wait for ever if a visit held a lock.
    #[test]
    fn connections_are_registered_during_a_visit() {
        let connections = Connections::default();
        let outbox = Arc::new(7);
        let mut registrations = Vec::new();
        registrations.push(connections.register(&outbox, IDLE, None));
        connections.visit(0..PARTS, |outbox, _| {
            if registrations.len() == 1 {
                let more = (0..PARTS).map(|_| connections.register(outbox, IDLE, None));
                registrations.extend(more);
            }
        });
        assert_eq!(connections.count(), PARTS + 1);
    }
}
