//! Writes what was pushed to sockets from outside their own tasks.
//!
//! Measured against writing at once from the dispatcher: a broadcast does not hold its sender up
//! for the time of a write a member, and while one round of writes goes on, further broadcasts pile
//! up and leave in one write a socket (see `cargo xtask bench`).

use std::{cell::Cell, mem, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use tokio::{runtime::Handle, sync::Notify};

use super::Outbox;

/// Tokio lets a task make about 128 calls of I/O a turn and then pretends that the next would
/// block; staying below it keeps that from looking like a slow peer.
const WRITES_A_TURN: usize = 64;

thread_local! {
    /// Set while this thread is in a turn of a socket's task, which wakes the flusher at its end.
    static IN_TURN: Cell<bool> = const { Cell::new(false) };
}

pub(crate) struct Flusher {
    marked: Mutex<Marked>,
    more: Notify,
}

#[derive(Default)]
struct Marked {
    outboxes: Vec<Arc<Outbox>>,
    /// Set once the task has been woken for these outboxes.
    woken: bool,
    stopped: bool,
}

impl Flusher {
    /// Starts the task, which runs until [`stop`](Self::stop).
    pub(crate) fn start(runtime: &Handle) -> Arc<Self> {
        let flusher = Arc::new(Self {
            marked: Mutex::default(),
            more: Notify::new(),
        });
        runtime.spawn(flusher.clone().run());
        flusher
    }

    pub(super) fn mark(&self, outbox: Arc<Outbox>) {
        let mut marked = self.marked.lock();
        marked.outboxes.push(outbox);
        if !IN_TURN.get() {
            self.wake(marked);
        }
    }

    fn wake(&self, mut marked: MutexGuard<'_, Marked>) {
        if !marked.woken && !marked.outboxes.is_empty() {
            marked.woken = true;
            drop(marked);
            self.more.notify_one();
        }
    }

    /// Runs a turn of a socket's task, and wakes the flusher after it and not before: several
    /// broadcasts that came in one read then leave in one write a subscriber, and the flusher does
    /// not run into the dispatcher's locks.
    pub(super) fn hold<T>(&self, turn: impl FnOnce() -> T) -> T {
        let _held = SocketTurn {
            flusher: self,
            outer: IN_TURN.replace(true),
        };
        turn()
    }

    /// Ends the task once it has written what is marked.
    pub(crate) fn stop(&self) {
        self.marked.lock().stopped = true;
        self.more.notify_one();
    }

    async fn run(self: Arc<Self>) {
        loop {
            let (outboxes, stopped) = {
                let mut marked = self.marked.lock();
                marked.woken = false;
                (mem::take(&mut marked.outboxes), marked.stopped)
            };
            if outboxes.is_empty() {
                if stopped {
                    return;
                }
                self.more.notified().await;
                continue;
            }
            for outboxes in outboxes.chunks(WRITES_A_TURN) {
                for outbox in outboxes {
                    outbox.flush_marked();
                }
                tokio::task::yield_now().await;
            }
        }
    }
}

/// A turn under way. Its end is marked also when it panics.
struct SocketTurn<'a> {
    flusher: &'a Flusher,
    outer: bool,
}

impl Drop for SocketTurn<'_> {
    fn drop(&mut self) {
        IN_TURN.set(self.outer);
        if !self.outer {
            self.flusher.wake(self.flusher.marked.lock());
        }
    }
}
