use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{socket::Expiry, transport::Outbox};

/// The connections of a node, for draining them when it stops, and for closing silent ones.
#[derive(Clone, Default)]
pub(super) struct Connections {
    table: Arc<ConnectionTable>,
}

#[derive(Default)]
struct ConnectionTable {
    watched: Mutex<HashMap<usize, Watched>>,
    next: AtomicUsize,
    /// Connections whose channels have not ended yet.
    live: AtomicUsize,
    stopping: AtomicBool,
    drained: Notify,
}

/// A connection, for as long as its socket is there: that may be longer than its channels.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) outbox: Weak<Outbox>,
    pub(super) idle_limit: Duration,
    /// `None` if the client's token does not expire.
    pub(super) expiry: Option<Arc<Expiry>>,
}

/// A connection's entry. Dropping it says that its channels have ended.
pub(crate) struct Registration {
    table: Arc<ConnectionTable>,
}

impl Connections {
    pub(super) fn register(
        &self,
        outbox: &Arc<Outbox>,
        idle_limit: Duration,
        expiry: Option<Arc<Expiry>>,
    ) -> Registration {
        let id = self.table.next.fetch_add(1, Ordering::Relaxed);
        let watched = Watched {
            outbox: Arc::downgrade(outbox),
            idle_limit,
            expiry,
        };
        self.table.live.fetch_add(1, Ordering::AcqRel);
        self.table.watched.lock().insert(id, watched);
        Registration {
            table: self.table.clone(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.table.live.load(Ordering::Acquire)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.table.stopping.load(Ordering::Acquire)
    }

    /// Refuses new connections from now on, and returns the current ones.
    pub(super) fn stop(&self) -> Vec<Arc<Outbox>> {
        self.table.stopping.store(true, Ordering::Release);
        self.table
            .watched
            .lock()
            .values()
            .filter_map(|watched| watched.outbox.upgrade())
            .collect()
    }

    /// Waits until no channel is left.
    pub(super) async fn drained(&self) {
        loop {
            let notified = self.table.drained.notified();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Looks at each connection, and forgets those that are gone.
    pub(super) fn visit(&self, mut visit: impl FnMut(&Arc<Outbox>, &Watched)) {
        self.table
            .watched
            .lock()
            .retain(|_, watched| match watched.outbox.upgrade() {
                Some(outbox) => {
                    visit(&outbox, watched);
                    true
                }
                None => false,
            });
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.table.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.table.drained.notify_waiters();
        }
    }
}
