//! Frames that the test kit and polls take from an outbox.

use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use super::{KEPT_CAPACITY, Outbox, OutboxPhase};
use crate::transport::{Frame, Opcode};

/// Methods of an outbox with a [`Sink::Queue`](super::Sink::Queue).
impl Outbox {
    /// Takes the next frame of the queue. Returns `None` once the queue is closed and empty.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let mut state = self.state.lock();
        if let Some(frame) = state.queue.pop_front() {
            state.bytes -= frame.bytes().len();
            return Poll::Ready(Some(frame));
        }
        if state.phase != OutboxPhase::Open {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes frames of the queue, up to `max_bytes`, but at least one if there is one.
    pub(in crate::transport) fn take(&self, max_bytes: usize) -> Vec<Frame> {
        let mut state = self.state.lock();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(frame) = state.queue.front() {
            bytes += frame.bytes().len();
            if bytes > max_bytes && !taken.is_empty() {
                break;
            }
            state.bytes -= frame.bytes().len();
            taken.extend(state.queue.pop_front());
        }
        if state.queue.is_empty() && state.queue.capacity() > KEPT_CAPACITY {
            state.queue = VecDeque::new();
        }
        taken
    }

    /// Returns whether messages wait in the queue. The close frame does not count, and is the last.
    pub(in crate::transport) fn has_messages(&self) -> bool {
        let state = self.state.lock();
        let first = state.queue.front();
        first.is_some_and(|frame| frame.opcode() != Opcode::Close)
    }

    /// Wakes `waker` at the next frame of the queue, at its end, and when [`wake`](Self::wake) is
    /// called.
    pub(in crate::transport) fn listen(&self, waker: &Waker) {
        self.state.lock().waker = Some(waker.clone());
    }
}
