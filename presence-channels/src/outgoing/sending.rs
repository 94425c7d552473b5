//! The client for which a thread runs a handler.
//!
//! A handler may broadcast by its socket, by the endpoint, or by the PubSub. All of them dispatch
//! on the thread of the handler, so the dispatch finds the client here, and the client is made to
//! wait for what it causes. A task that a handler spawns runs for no client.

use std::sync::Arc;

use super::Outbox;

tokio::task_local! {
    static CLIENT: Arc<Outbox>;
}

/// Has each poll of `work` be for a client.
pub(crate) fn work_for<F: Future>(
    client: Arc<Outbox>,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    CLIENT.scope(client, work)
}

/// Returns the client for which this thread works.
pub(super) fn client() -> Option<Arc<Outbox>> {
    CLIENT.try_with(Arc::clone).ok()
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::{
        Limits,
        outgoing::{BroadcastFrames, Flushers, Sink},
        serializer::Frame,
        telemetry::{MountMeters, Transport},
    };

    #[tokio::test]
    async fn whoever_works_for_a_client_broadcasts_for_it() {
        const MAX_UNFLUSHED: usize = 100;
        let runtime = tokio::runtime::Handle::current();
        let flushers = Flushers::start(&runtime, MAX_UNFLUSHED, usize::MAX);
        let meters = MountMeters::new("/socket");
        let outbox = || {
            let meter = meters.of(Transport::Longpoll).clone();
            Outbox::new(Sink::Queue, flushers.clone(), &Limits::default(), meter)
        };
        let (sender, member) = (outbox(), outbox());
        let broadcast = || BroadcastFrames::default().send(&member, Frame::binary(vec![1]));
        flushers.pile_up(MAX_UNFLUSHED as isize + 1);
        broadcast();
        assert!(!sender.is_flooding(), "a job has sent it");
        work_for(sender.clone(), work_for(member.clone(), async {})).await;
        assert!(!sender.is_flooding(), "it has sent nothing");
        work_for(sender.clone(), async { broadcast() }).await;
        assert!(sender.is_flooding() && !member.is_flooding());
        assert!(client().is_none());
    }
}
