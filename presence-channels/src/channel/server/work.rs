//! The work of a channel while it is polled, for its client.

use std::{future::poll_fn, sync::Arc};

use super::{ChannelServer, Work};
use crate::{channel::Channel, outgoing::sending};

impl<C: Channel> ChannelServer<C> {
    /// Makes work of a future. Its broadcasts count as sent by the channel's client.
    pub(super) fn work(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) -> Work {
        Box::pin(sending::work_for(self.shared.outbox.clone(), work))
    }

    /// Waits until the client has taken so much that more may follow, or is gone. The callback's
    /// time begins anew after that.
    pub(in crate::channel) async fn room(&self) {
        poll_fn(|cx| {
            let room = self.shared.outbox.poll_room(cx);
            if room.is_pending() {
                self.progress.waits_for_client();
            }
            room
        })
        .await;
        self.progress.made();
    }
}
