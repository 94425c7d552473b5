use std::sync::atomic::{AtomicBool, Ordering};

/// A client as a sender of broadcasts: whether it has had something broadcast since broadcasts did
/// not pile up. Only such a client is made to wait for the backlog.
#[derive(Default)]
pub(crate) struct Sender {
    has_broadcast: AtomicBool,
}

impl Sender {
    pub(crate) fn note_broadcast(&self) {
        if !self.has_broadcast() {
            self.has_broadcast.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn has_broadcast(&self) -> bool {
        self.has_broadcast.load(Ordering::Relaxed)
    }

    pub(crate) fn forget_broadcasts(&self) {
        if self.has_broadcast() {
            self.has_broadcast.store(false, Ordering::Relaxed);
        }
    }
}
