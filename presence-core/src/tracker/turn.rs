//! Small diffs go out at the end of the turn that caused them.
//!
//! A turn is work that a caller runs to its end on one thread, such as the work of a socket's task
//! on the bytes that it has read. A diff of a small room is cheaper to send than to hand to the
//! task of the dispatcher. At the turn's end it also shares the write in which the caller answers
//! its client.
//!
//! Only a presence without code of the app can do so: the answer waits for no `fetch`.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Host;
use super::handle::Shared;
use super::{callback, dispatcher};
use crate::presence::Presence;
use crate::replication::shard::TopicDiff;
use crate::sync;

/// The most diffs at the end of a turn. The dispatcher gets the others.
const MAX_DIFFS: usize = 16;
/// The most metas of a diff, and the most bytes of their JSON.
const MAX_METAS: usize = 16;
const MAX_BYTES: usize = 4 * 1024;
/// The most subscribers of the topic. The answers of the turn wait until all subscribers have the
/// diff in their queues, which takes some 100 ns each.
const MAX_SUBSCRIBERS: usize = 16;

/// A tracker whose presence has no code of the app.
pub(super) trait AtOnce: Send + Sync {
    /// Sends a diff to the topic's subscribers, or hands it to the dispatcher.
    fn send(self: Arc<Self>, diff: TopicDiff);
}

/// The turn under way on a thread.
struct Current {
    /// The number of turns under way, one within the other.
    depth: Cell<usize>,
    diffs: RefCell<Vec<(Arc<dyn AtOnce>, TopicDiff)>>,
}

sync::thread_local! {
    static CURRENT: Current = const {
        Current {
            depth: Cell::new(0),
            diffs: RefCell::new(Vec::new()),
        }
    };
}

/// A turn under way. Its end sends the diffs, also when it panics.
struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        let diffs = CURRENT.with(|current| {
            current.depth.set(current.depth.get() - 1);
            match current.depth.get() {
                0 => current.diffs.take(),
                _ => Vec::new(),
            }
        });
        for (tracker, diff) in diffs {
            tracker.send(diff);
        }
    }
}

/// Runs a turn, which must not wait for a diff that it causes.
pub fn in_turn<T>(turn: impl FnOnce() -> T) -> T {
    CURRENT.with(|current| current.depth.set(current.depth.get() + 1));
    let _turn = Turn;
    turn()
}

/// Keeps a diff until the end of the turn under way. Returns the diff if there is no turn, or the
/// diff is not small.
pub(super) fn keep(
    diff: TopicDiff,
    tracker: impl FnOnce() -> Option<Arc<dyn AtOnce>>,
) -> Option<TopicDiff> {
    CURRENT.with(|current| {
        if current.depth.get() == 0 || !is_small(&diff) {
            return Some(diff);
        }
        let mut diffs = current.diffs.borrow_mut();
        let tracker = match diffs.len() < MAX_DIFFS {
            true => tracker(),
            false => None,
        };
        let Some(tracker) = tracker else {
            return Some(diff);
        };
        diffs.push((tracker, diff));
        None
    })
}

fn is_small(diff: &TopicDiff) -> bool {
    let metas = diff.joins.iter().chain(&diff.leaves);
    diff.joins.len() + diff.leaves.len() <= MAX_METAS
        && metas.map(|entry| entry.meta.as_str().len()).sum::<usize>() <= MAX_BYTES
}

impl<P: Presence> AtOnce for Shared<P> {
    fn send(self: Arc<Self>, diff: TopicDiff) {
        if self.pubsub.subscribers(&diff.topic) > MAX_SUBSCRIBERS {
            return self.host.dispatch(diff);
        }
        let mut sending = Box::pin(dispatcher::dispatch(Arc::clone(&self), diff));
        let sent = catch_unwind(AssertUnwindSafe(|| poll_once(sending.as_mut())));
        match sent {
            Ok(Poll::Ready(())) => {}
            // Not without code of the app.
            Ok(Poll::Pending) => drop(self.runtime.spawn(sending)),
            Err(panic) => {
                let reason = callback::reason(&*panic);
                dispatcher::log_panic(P::NAME, reason);
            }
        }
    }
}

fn poll_once(work: Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
    work.poll(&mut Context::from_waker(Waker::noop()))
}

impl Host {
    /// Sends a diff, now or soon. It is under way until [`Host::dispatched`].
    pub(super) fn hand_over(&self, diff: TopicDiff) {
        self.begins();
        let tracker = || {
            let runs = self.initialised.initialized() && !self.closed.initialized();
            self.at_once.get().filter(|_| runs)?.upgrade()
        };
        if let Some(diff) = keep(diff, tracker) {
            self.dispatch(diff);
        }
    }

    /// Hands a diff to the dispatcher.
    fn dispatch(&self, diff: TopicDiff) {
        // Refused only once the dispatcher has ended, and then nobody listens.
        if self.diffs.send(diff).is_err() {
            self.ends();
        }
    }
}
