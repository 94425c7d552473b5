//! The frames that are yet to be sent to a client, and its connection.
//!
//! A push queues a frame and does no I/O. Who writes:
//!
//! - the socket's own task, at the end of each of its turns, for what was queued meanwhile. A frame
//!   for this client alone runs the task, so that it waits behind no other room's broadcasts;
//! - for a broadcast, a [flusher](super::flushers). A broadcast to a big room thus costs its sender
//!   a queue push a member, and what piles up for one socket goes out in one gathered write;
//! - the socket's own task again when the peer reads slowly: a write that would block leaves that
//!   task's waker behind.
//!
//! A peer is slow only if it takes nothing, for a time, while more waits for it than may. Bytes
//! that were never offered to the system are not its fault: where those pile up, the senders wait
//! ([`Backlog`](super::backlog::Backlog)).

mod ending;
mod liveness;
mod locked;
mod peer;
mod polls;
mod queue;
mod sender;
mod state;
#[cfg(test)]
mod tests;
mod writing;

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{
    Flushers,
    flushers::{Mark, turn::DispatchTurn},
    stream::Stream,
    sync::{Mutex, MutexGuard},
};
use crate::{
    Limits,
    serializer::Frame,
    telemetry::{self, Deliveries, Limit, SocketMeter},
};
pub(crate) use liveness::Liveness;
use peer::Peer;
pub(crate) use sender::{Amount, Room, Sender, UnhandledBroadcast};
pub(crate) use state::OutboxPhase;
use state::OutboxState;
pub(crate) use state::OutboxStatus;

/// The time in milliseconds that a client has to catch up, while the node's budget for all clients
/// is scarce and the client has more than its share.
const CATCH_UP: u64 = 2000;

/// The destination of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    /// A WebSocket, once its handshake is done.
    WebSocket,
    /// A queue that is read with [`Outbox::poll_take`] or [`Outbox::take`].
    Queue,
}

pub(crate) struct Outbox {
    state: Mutex<OutboxState>,
    /// Locked before `state`, and for the time of a system call: pushes do not wait for it.
    peer: Mutex<Peer>,
    sink: Sink,
    mark: Mark,
    liveness: Liveness,
    sender: Sender,
    flushers: Arc<Flushers>,
    /// The most that may wait behind the first frame, in bytes.
    max_cost: usize,
    slow_reader_timeout: u64,
    meter: SocketMeter,
}

impl Outbox {
    pub(crate) fn new(
        sink: Sink,
        flushers: Arc<Flushers>,
        limits: &Limits,
        meter: SocketMeter,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(OutboxState::new(sink == Sink::Queue)),
            peer: Mutex::default(),
            sink,
            mark: Mark::default(),
            sender: Sender::default(),
            liveness: Liveness::new(flushers.now()),
            flushers,
            max_cost: limits.max_outgoing_bytes,
            slow_reader_timeout: millis(limits.slow_reader_timeout),
            meter,
        })
    }

    /// The handshake is done, and frames can go.
    pub(crate) fn open(&self, stream: Stream) {
        self.peer().stream = Some(stream);
    }

    /// Closes the connection, when the socket's task ends. Whoever keeps the outbox keeps neither
    /// the stream nor the task.
    pub(crate) fn hang_up(&self) {
        let peer = std::mem::take(&mut *self.peer());
        let waker = self.state.lock().waker.take();
        drop((peer, waker));
    }

    /// The connection, for its reader.
    pub(crate) fn peer(&self) -> MutexGuard<'_, Peer> {
        self.peer.lock()
    }

    /// Queues a frame for this client alone; drops it if the connection is closing.
    pub(crate) fn send(&self, frame: Frame) {
        // Pongs and closes are no messages.
        let message = frame.is_message().then(|| frame.len());
        let Some(state) = self.push(frame) else {
            return;
        };
        message
            .into_iter()
            .for_each(|bytes| self.meter.message_out(bytes));
        self.queued(state);
    }

    /// Queues a frame that many clients get; drops it if the connection is closing. A flusher
    /// writes it after the dispatch, or after the turn that the dispatch is a part of.
    pub(crate) fn send_broadcast(
        self: &Arc<Self>,
        frame: Frame,
        turn: &mut DispatchTurn,
        deliveries: &mut Deliveries,
    ) {
        let (cost, bytes) = (frame.cost(), frame.len());
        let Some(mut state) = self.push(frame) else {
            return;
        };
        deliveries.count(&self.meter, bytes);
        if state.attended {
            return;
        }
        if state.blocked {
            state.recount(&self.flushers);
            if self.sink == Sink::Queue && !state.woken {
                state.woken = true;
                wake(state.waker.clone(), state);
            }
            return;
        }
        state.unflushed += cost;
        drop(state);
        turn.mark(self, cost);
        if turn.is_overdrawn() {
            // The sender pays: its broadcasts come faster than they can be written, and it does not
            // wait for that.
            self.flush_inline();
        }
    }

    /// Queues a frame. Returns `None` if it is dropped.
    fn push(&self, frame: Frame) -> Option<StateGuard<'_>> {
        let mut state = self.state.lock();
        if state.phase != OutboxPhase::Open {
            return None;
        }
        if self.limit_on(&frame, &state).is_some() {
            if !state.blocked {
                // Perhaps the queued frames have only not been written yet.
                drop(state);
                self.flush_inline();
                state = self.state.lock();
                if state.phase != OutboxPhase::Open {
                    return None;
                }
            }
            while let Some(limit) = self.limit_on(&frame, &state)
                && state.queue.drop_oldest().is_some()
            {
                self.meter.limits().dropped(limit);
            }
            if let Some(limit) = self.limit_on(&frame, &state) {
                if frame.is_droppable() {
                    self.meter.limits().dropped(limit);
                    state.recount(&self.flushers);
                    return None;
                }
                if self.is_over_share(&state) {
                    self.close_slow(state, Limit::QueuedBytes);
                    return None;
                }
                self.liveness.stalls(|| self.flushers.now());
            }
        }
        state.queue.push(frame);
        Some(state)
    }

    /// Returns the limit that is reached already, so that the client should not wait for `frame`,
    /// too.
    fn limit_on(&self, frame: &Frame, state: &OutboxState) -> Option<Limit> {
        if state.is_full(frame, self.max_cost) {
            return Some(Limit::OutgoingBytes);
        }
        self.is_over_share(state).then_some(Limit::QueuedBytes)
    }

    /// Returns whether this client has more than its share of the node's budget for all clients.
    ///
    /// A large message blocks a client that reads at full speed, too. Such a client gets the time
    /// to catch up. Those that read nothing do not catch up, and free a part of the budget for it
    /// before all is spent. Once all is spent there is no time, but for one message of any size.
    fn is_over_share(&self, state: &OutboxState) -> bool {
        // A client that takes what is written to it holds nothing of the budget.
        if !state.blocked {
            return false;
        }
        let backlog = self.flushers.backlog();
        let is_beyond = |share: Option<usize>, cost| share.is_some_and(|share| cost > share);
        is_beyond(backlog.share_if_spent(), state.queue.cost_behind_first())
            || (is_beyond(backlog.share_if_scarce(), state.queue.cost())
                && state.behind_for(&self.flushers) >= CATCH_UP)
    }

    /// Returns whether the client's messages are handled: it is neither closed nor asked to
    /// disconnect.
    pub(crate) fn is_heard(&self) -> bool {
        self.state.lock().standing() == (OutboxPhase::Open, false)
    }

    /// Begins a turn of the socket's own task, which [`leave`](Self::leave) ends.
    pub(crate) fn attend(&self, waker: &Waker) -> OutboxStatus {
        let mut state = self.state.lock();
        state.attended = true;
        state.woken = false;
        let standing = state.standing();
        if !state
            .waker
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
        {
            state.waker = Some(waker.clone());
            drop(state);
            self.peer.lock().waker = Some(waker.clone());
        }
        standing
    }

    /// Ready when the client has taken so much that more may follow, or is gone.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let state = self.state.lock();
        if state.has_room(self.congestion()) {
            return Poll::Ready(());
        }
        if state.waits_for_room(cx.waker()) {
            return Poll::Pending;
        }
        drop(state);
        // Not under the lock: it may be a waker of any executor.
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        if state.has_room(self.congestion()) {
            drop(state);
            return Poll::Ready(());
        }
        let unneeded = state.wait_for_room(waker);
        drop(state);
        drop(unneeded);
        Poll::Pending
    }

    /// Runs the socket's task again.
    pub(crate) fn wake(&self) {
        let state = self.state.lock();
        wake(state.waker.clone(), state);
    }

    pub(crate) fn flushers(&self) -> &Arc<Flushers> {
        &self.flushers
    }

    pub(super) fn mark(&self) -> &Mark {
        &self.mark
    }

    pub(crate) fn phase(&self) -> OutboxPhase {
        self.state.lock().phase
    }

    /// Returns whether the client's messages are handled, and whether its queue has room for the
    /// answers.
    pub(crate) fn welcomes(&self) -> (bool, bool) {
        let state = self.state.lock();
        let is_heard = state.standing() == (OutboxPhase::Open, false);
        (is_heard, state.queue.cost() <= self.congestion())
    }

    fn congestion(&self) -> usize {
        self.max_cost / 4
    }

    pub(crate) fn meter(&self) -> &SocketMeter {
        &self.meter
    }

    /// Counts the waiting frames and bytes, and gives the memory of an empty queue back. The
    /// endpoint's watch calls this about once a second.
    pub(crate) fn see_queue(&self) {
        let mut state = self.state.lock();
        state.queue.release();
        if telemetry::IS_ON {
            self.meter.see_queue(state.queue.cost(), state.queue.len());
        }
    }

    pub(crate) fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    pub(crate) fn sender(&self) -> &Sender {
        &self.sender
    }
}

type StateGuard<'a> = MutexGuard<'a, OutboxState>;

/// Wakes a task when the lock is free.
fn wake(waker: Option<Waker>, state: StateGuard<'_>) {
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let state = self.state.lock();
        let (held, unflushed) = (state.held, state.unflushed);
        drop(state);
        self.flushers.backlog().hold(held, 0);
        self.flushers.flushed(unflushed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
