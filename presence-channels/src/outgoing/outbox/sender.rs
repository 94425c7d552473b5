//! Clients as senders of broadcasts, which wait while broadcasts pile up.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
};

use super::Outbox;
use crate::outgoing::turn;

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

    fn has_broadcast(&self) -> bool {
        self.has_broadcast.load(Ordering::Relaxed)
    }

    fn forget_broadcasts(&self) {
        if self.has_broadcast() {
            self.has_broadcast.store(false, Ordering::Relaxed);
        }
    }
}

impl Outbox {
    /// Returns whether broadcasts pile up, and this client has sent some. Its transport handles no
    /// further message of it until [`poll_calm`](Self::poll_calm) is ready.
    pub(crate) fn is_flooding(&self) -> bool {
        if !self.flushers.is_backlogged() {
            self.sender.forget_broadcasts();
            return false;
        }
        turn::cost_of(&self.flushers) > 0 || self.sender.has_broadcast()
    }

    /// Ready when the client's next message may be handled: what it has broadcast is written, or
    /// others have sent what piles up.
    pub(crate) fn poll_calm(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.is_flooding() {
            true => self.flushers.poll_calm(cx),
            false => Poll::Ready(()),
        }
    }
}
