//! The client for which a thread runs a handler.
//!
//! A handler may broadcast by its socket, by the endpoint, or by the PubSub. All of them dispatch
//! on the thread of the handler, so the dispatch finds the client here, and the client is made to
//! wait for what it causes. A task that a handler spawns runs for no client.

use std::{cell::RefCell, sync::Arc};

use super::Outbox;

thread_local! {
    static CLIENT: RefCell<Option<Arc<Outbox>>> = const { RefCell::new(None) };
}

/// Ends the work for a client, also when it panics.
struct Ended(Option<Arc<Outbox>>);

impl Drop for Ended {
    fn drop(&mut self) {
        // Dropped after the borrow.
        drop(CLIENT.replace(self.0.take()));
    }
}

/// Does `work` for a client.
pub(crate) fn work_for<T>(client: &Arc<Outbox>, work: impl FnOnce() -> T) -> T {
    let _ended = Ended(CLIENT.replace(Some(client.clone())));
    work()
}

/// Returns the client for which this thread works.
pub(super) fn client() -> Option<Arc<Outbox>> {
    CLIENT.with_borrow(Clone::clone)
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
        work_for(&sender, || work_for(&member, || {}));
        assert!(!sender.is_flooding(), "it has sent nothing");
        work_for(&sender, broadcast);
        assert!(sender.is_flooding() && !member.is_flooding());
        assert!(client().is_none());
    }
}
