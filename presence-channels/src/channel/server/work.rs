//! The work of a channel while it is polled, for its client.

use std::{future::poll_fn, sync::Arc};

use futures_util::FutureExt;

use super::{AnyChannel, ChannelServer, Work};
use crate::{
    channel::Channel, failure::reason_payload, guard::caught, outgoing::sending, telemetry::Crash,
};

impl<C: Channel> ChannelServer<C> {
    /// Makes work of a future. Its broadcasts count as sent by the channel's client.
    ///
    /// A panic outside of a callback, such as in the `Drop` of an app's value, drops the channel
    /// with the future. The channel ends with that: otherwise its client's messages and its next
    /// join would wait for ever.
    pub(super) fn work(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) -> Work {
        let server = self.clone();
        let work = caught(work).map(move |worked| {
            if let Err(panic) = worked {
                server.crashed(&panic);
            }
        });
        Box::pin(sending::work_for(self.shared.outbox.clone(), work))
    }

    fn crashed(&self, panic: &str) {
        self.log_error(None, panic, "a channel panicked outside of its callbacks");
        self.meter.crashed(Crash::Panicked);
        if !self.is_closed() {
            self.push_control("phx_error", &reason_payload("channel_crash"));
        }
        self.close_mailbox();
    }

    /// Waits until the client has taken so much that more may follow, or is gone. The callback's
    /// time begins anew after that.
    pub(in crate::channel) async fn room(&self) {
        let mut wait = None;
        poll_fn(|cx| {
            let room = self.shared.outbox.poll_room(cx);
            if room.is_pending() {
                wait.get_or_insert_with(|| self.progress.wait_for_client());
            }
            room
        })
        .await;
        self.progress.made();
    }
}
