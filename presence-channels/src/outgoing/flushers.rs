//! Writes what was broadcast, from outside the sockets' own tasks: one flusher a worker of the
//! runtime.
//!
//! Measured against writing at once from the dispatcher: a broadcast does not hold its sender up
//! for the time of a write a member, and while one round of writes goes on, further broadcasts pile
//! up and leave in one write a socket (see `cargo xtask bench`).
//!
//! Any flusher may write to any outbox. A large batch is spread over all of them. Each takes a part
//! of one batch after another, so that a small room does not wait for a large one.

mod mark;
#[cfg(test)]
mod tests;
pub(crate) mod turn;

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::{runtime::Handle, time::Instant};

use super::{
    Outbox,
    backlog::Backlog,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(super) use mark::Mark;

/// The outboxes of one batch that are written before another batch gets its turn. Tokio lets a task
/// make about 128 calls of I/O a turn and then pretends that the next would block.
const WRITES_A_TURN: usize = 64;

/// The outboxes that one dispatch, or one turn of a socket's task, has marked.
pub(super) type Batch = Vec<Arc<Outbox>>;

/// The flushers of one endpoint.
pub(crate) struct Flushers {
    flushers: Box<[Flusher]>,
    /// The flusher that gets the next small batch.
    next: AtomicUsize,
    backlog: Backlog,
    /// The zero of the endpoint's clock.
    started: Instant,
}

#[derive(Default)]
struct Flusher {
    state: Mutex<FlusherState>,
}

#[derive(Default)]
struct FlusherState {
    batches: VecDeque<Batch>,
    /// The task, while it waits.
    waker: Option<Waker>,
    stopped: bool,
}

impl Flushers {
    /// Starts a task for each worker of the runtime. They run until [`stop`](Self::stop).
    pub(crate) fn start(runtime: &Handle, max_unflushed: usize, max_held: usize) -> Arc<Self> {
        let workers = runtime.metrics().num_workers();
        let flushers = Arc::new(Self::new(workers, max_unflushed, max_held));
        for index in 0..workers {
            runtime.spawn(flushers.clone().run(index));
        }
        flushers
    }

    pub(super) fn new(workers: usize, max_unflushed: usize, max_held: usize) -> Self {
        Self {
            flushers: (0..workers).map(|_| Flusher::default()).collect(),
            next: AtomicUsize::new(0),
            backlog: Backlog::new(max_unflushed, max_held),
            started: Instant::now(),
        }
    }

    /// Milliseconds since the endpoint's start.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Returns whether broadcasts come faster than they are written, so that senders should wait.
    pub(crate) fn is_backlogged(&self) -> bool {
        self.backlog.is_high(turn::cost_of(self))
    }

    /// Ready when senders need not wait.
    pub(crate) fn poll_calm(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.backlog.poll_calm(cx, turn::cost_of(self))
    }

    /// Waits until senders need not wait, unless nothing was sent.
    pub(crate) async fn after<E>(&self, sent: Result<(), E>) -> Result<(), E> {
        sent?;
        std::future::poll_fn(|cx| self.poll_calm(cx)).await;
        Ok(())
    }

    /// Counts what was written of the backlog.
    pub(super) fn flushed(&self, bytes: usize) {
        if bytes > 0 {
            self.count(-(bytes as isize));
        }
    }

    /// Counts bytes of the backlog. If senders may go on, has the first flusher wake them, some at
    /// a time.
    fn count(&self, bytes: isize) {
        if !self.backlog.add(bytes) {
            return;
        }
        let mut state = self.flushers[0].state.lock();
        if state.stopped {
            drop(state);
            return self.wake_all_senders();
        }
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    fn wake_all_senders(&self) {
        while self.backlog.wake_senders() {}
    }

    /// Counts bytes in the backlog that no flusher writes.
    #[cfg(test)]
    pub(crate) fn pile_up(&self, bytes: isize) {
        self.count(bytes);
    }

    /// Has `batch` written, which adds `bytes` to the backlog.
    fn hand_over(&self, mut batch: Batch, bytes: usize) {
        self.count(bytes as isize);
        if batch.is_empty() {
            return;
        }
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let part = batch.len().div_ceil(self.flushers.len()).max(WRITES_A_TURN);
        let mut index = first;
        while batch.len() > part {
            let rest = batch.len() - part;
            self.flusher(index).add(batch.split_off(rest));
            index = index.wrapping_add(1);
        }
        self.flusher(index).add(batch);
    }

    fn flusher(&self, index: usize) -> &Flusher {
        &self.flushers[index % self.flushers.len()]
    }

    /// Ends the tasks once they have written what is marked.
    pub(crate) fn stop(&self) {
        for flusher in &self.flushers {
            let mut state = flusher.state.lock();
            state.stopped = true;
            let waker = state.waker.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    pub(super) async fn run(self: Arc<Self>, index: usize) {
        while let Some(part) = std::future::poll_fn(|cx| self.poll_part(index, cx)).await {
            let flushed = part.iter().map(|outbox| outbox.flush_marked()).sum();
            drop(part);
            self.flushed(flushed);
            yield_now().await;
        }
        if index == 0 {
            self.wake_all_senders();
        }
    }

    /// Takes a part of the flusher's next batch. `None` is the end. The first flusher also wakes
    /// senders that wait: a portion each time, so that those it has woken have their turn before
    /// the next.
    fn poll_part(&self, index: usize, cx: &mut Context<'_>) -> Poll<Option<Batch>> {
        let part = self.flushers[index].poll_part(cx);
        // After the look for a batch, which leaves the waker: who counts from then on wakes this
        // task.
        if index == 0 && self.backlog.wake_senders() && part.is_pending() {
            cx.waker().wake_by_ref();
        }
        part
    }
}

#[cfg(not(all(test, shuttle)))]
use tokio::task::yield_now;

#[cfg(all(test, shuttle))]
use shuttle::future::yield_now;

impl Flusher {
    fn add(&self, batch: Batch) {
        let mut state = self.state.lock();
        state.batches.push_back(batch);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Takes a part of the next batch. `None` is the end.
    fn poll_part(&self, cx: &mut Context<'_>) -> Poll<Option<Batch>> {
        let mut state = self.state.lock();
        let Some(mut batch) = state.batches.pop_front() else {
            if state.stopped {
                return Poll::Ready(None);
            }
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if batch.len() > WRITES_A_TURN {
            let rest = batch.len() - WRITES_A_TURN;
            let part = batch.split_off(rest);
            state.batches.push_back(batch);
            batch = part;
        }
        Poll::Ready(Some(batch))
    }
}
