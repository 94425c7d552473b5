//! The work of a channel while it is polled, for its client.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use super::{ChannelServer, Work};
use crate::{channel::Channel, outgoing::sending};

impl<C: Channel> ChannelServer<C> {
    /// Makes work of a future. Its broadcasts count as sent by the channel's client.
    pub(super) fn work<F>(
        self: Arc<Self>,
        begin: impl FnOnce(Arc<Self>) -> F + Send + 'static,
    ) -> Work
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Box::pin(async move {
            let mut work = pin!(begin(self.clone()));
            poll_fn(|cx| {
                // Set again by a callback that still waits.
                self.waits_for_client.store(false, Ordering::Relaxed);
                sending::work_for(&self.shared.outbox, || work.as_mut().poll(cx))
            })
            .await;
        })
    }

    /// Waits until the client has taken so much that more may follow, or is gone. The callback's
    /// time begins anew after that.
    pub(in crate::channel) async fn room(&self) {
        poll_fn(|cx| {
            let room = self.shared.outbox.poll_room(cx);
            if room.is_pending() {
                self.waits_for_client.store(true, Ordering::Relaxed);
            }
            room
        })
        .await;
        self.makes_progress();
    }

    /// Has the time of the callback begin anew.
    pub(in crate::channel) fn makes_progress(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns whether the work waits for the client, in the poll under way.
    pub(super) fn waits_for_client(&self) -> bool {
        self.waits_for_client.load(Ordering::Relaxed)
    }
}
