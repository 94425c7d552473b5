//! Wakes all who wait for something of a session.

use std::{sync::Arc, task::Wake};

use tokio::sync::{Notify, futures::Notified};

/// Wakes a poll, publishes and the session's keeper at once, because the outbox has one waker. A
/// publish that waits until broadcasts are written is woken by the bell, too.
#[derive(Default)]
pub(super) struct Bell(Notify);

impl Bell {
    pub(super) fn ring(&self) {
        self.0.notify_waiters();
    }

    /// Ready at the next ring after this was enabled.
    pub(super) fn rung(&self) -> Notified<'_> {
        self.0.notified()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}
