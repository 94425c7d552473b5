//! Pushes of callers that hold a lock, and what follows a push.

use super::{Outbox, OutboxPhase, Sink, StateGuard, wake};
use crate::serializer::Frame;

impl Outbox {
    /// Queues a message without a write, a wait or a call of other code, for who holds a lock. It
    /// does not look for [room](Self::poll_room): a caller with much to send does that before. The
    /// caller calls [`enqueued`](Self::enqueued) without the lock. Returns `false` if the
    /// connection is closing.
    pub(crate) fn enqueue(&self, frame: Frame) -> bool {
        let mut state = self.state.lock();
        let is_open = state.phase == OutboxPhase::Open;
        if is_open {
            state.queue.push(frame);
        }
        is_open
    }

    /// Has a frame of these bytes written that was [enqueued](Self::enqueue).
    pub(crate) fn enqueued(&self, bytes: usize) {
        self.meter.message_out(bytes);
        let state = self.state.lock();
        // A write that blocks sees to that by itself.
        if state.blocked && state.queue.cost_behind_first() > self.max_cost {
            self.liveness.stalls(|| self.flushers.now());
        }
        self.queued(state);
    }

    /// Has the socket's task write what was queued.
    pub(super) fn queued(&self, mut state: StateGuard<'_>) {
        state.recount(&self.flushers);
        // A blocked peer's task is woken when the peer takes more.
        if state.attended || (state.blocked && self.sink == Sink::WebSocket) || state.woken {
            return;
        }
        state.woken = true;
        wake(state.waker.clone(), state);
    }
}
