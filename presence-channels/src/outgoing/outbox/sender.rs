//! Clients as senders of broadcasts, which wait while broadcasts pile up.

mod unhandled;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use super::Outbox;
use crate::outgoing::turn;
use unhandled::Unhandled;
pub(crate) use unhandled::{Amount, Room, UnhandledBroadcast};

/// A client as a sender of broadcasts.
#[derive(Default)]
pub(crate) struct Sender {
    /// Set once the client has had something broadcast since broadcasts did not pile up. Only such
    /// a client is made to wait for the backlog.
    has_broadcast: AtomicBool,
    /// Its broadcasts that wait for handlers. Most clients never have any.
    unhandled: OnceLock<Arc<Unhandled>>,
}

impl Sender {
    pub(crate) fn note_broadcast(&self) {
        if !self.has_broadcast() {
            self.has_broadcast.store(true, Ordering::Relaxed);
        }
    }

    /// Counts a broadcast of `bytes` that is to wait for the handlers of channels.
    pub(crate) fn wait_for_handlers(&self, bytes: usize) -> UnhandledBroadcast {
        self.unhandled.get_or_init(Arc::default).begin(bytes)
    }

    /// Returns whether too many of the client's broadcasts wait for handlers.
    pub(crate) fn is_held(&self) -> bool {
        self.unhandled
            .get()
            .is_some_and(|unhandled| unhandled.is_held())
    }

    /// Ready when not too many of the client's broadcasts wait for handlers.
    pub(crate) fn poll_released(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.unhandled.get() {
            Some(unhandled) => unhandled.poll_released(cx),
            None => Poll::Ready(()),
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
    /// Returns whether broadcasts pile up, and this client has sent some, or too many of its
    /// broadcasts wait for handlers. Its transport handles no
    /// further message of it until [`poll_calm`](Self::poll_calm) is ready.
    pub(crate) fn is_flooding(&self) -> bool {
        self.sender.is_held() || self.is_piling_up()
    }

    fn is_piling_up(&self) -> bool {
        if !self.flushers.is_backlogged() {
            self.sender.forget_broadcasts();
            return false;
        }
        turn::cost_of(&self.flushers) > 0 || self.sender.has_broadcast()
    }

    /// Ready when the client's next message may be handled: what it has broadcast is written and
    /// handled, or others have sent what piles up.
    pub(crate) fn poll_calm(&self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.sender.poll_released(cx));
        match self.is_piling_up() {
            true => self.flushers.poll_calm(cx),
            false => Poll::Ready(()),
        }
    }
}
