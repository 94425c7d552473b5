//! Frames that the test kit and polls take from an outbox.

use std::{
    ops::Deref,
    task::{Context, Poll, Waker},
};

use super::{
    Outbox, OutboxPhase, OutboxState,
    state::{RoomWakers, wake_all},
};
use crate::serializer::Frame;

/// Frames that a poll took. The tasks that waited for room are woken when this is dropped, which is
/// to happen without a lock.
#[must_use]
pub(crate) struct Taken {
    frames: Vec<Frame>,
    room: RoomGuard,
}

impl Taken {
    /// Wakes the tasks that waited for room, and returns the frames.
    pub(crate) fn into_frames(self) -> Vec<Frame> {
        drop(self.room);
        self.frames
    }
}

impl Deref for Taken {
    type Target = [Frame];

    fn deref(&self) -> &[Frame] {
        &self.frames
    }
}

struct RoomGuard(RoomWakers);

impl Drop for RoomGuard {
    fn drop(&mut self) {
        wake_all(self.0.take());
    }
}

/// Methods of an outbox with a [`Sink::Queue`](super::Sink::Queue).
impl Outbox {
    /// Takes the next frame of the queue. Returns `None` once the queue is closed and empty.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let mut state = self.state.lock();
        state.woken = false;
        if let Some(frame) = state.queue.pop() {
            let room = self.taken(&mut state);
            drop(state);
            wake_all(room);
            return Poll::Ready(Some(frame));
        }
        if state.phase != OutboxPhase::Open {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes frames of the queue, up to `max_bytes`, but at least one if there is one.
    pub(crate) fn take(&self, max_bytes: usize) -> Taken {
        let mut state = self.state.lock();
        let (mut frames, mut bytes) = (Vec::new(), 0);
        while let Some(frame) = state.queue.first() {
            bytes += frame.len();
            if bytes > max_bytes && !frames.is_empty() {
                break;
            }
            frames.extend(state.queue.pop());
        }
        let room = match frames.is_empty() {
            true => None,
            false => self.taken(&mut state),
        };
        let room = RoomGuard(room);
        Taken { frames, room }
    }

    /// Counts what the client took. Returns the tasks that waited for it, to be woken without the
    /// lock.
    fn taken(&self, state: &mut OutboxState) -> RoomWakers {
        self.liveness.moves();
        state.recount(&self.flushers);
        state.make_room(self.congestion())
    }

    /// Notes that the client took a part of an answer. If too much waits in the queue, the time in
    /// which it must take more begins anew.
    pub(crate) fn answer_moves(&self) {
        let state = self.state.lock();
        self.liveness.moves();
        if state.queue.cost_behind_first() > self.max_cost {
            self.liveness.stalls(|| self.flushers.now());
        }
    }

    /// Returns the most that may wait behind the first frame, in bytes.
    pub(crate) fn max_outgoing(&self) -> usize {
        self.max_cost
    }

    /// Returns whether messages wait in the queue. The close frame does not count, and is the last.
    pub(crate) fn has_messages(&self) -> bool {
        self.state.lock().queue.has_messages()
    }

    /// Wakes `waker` at the next frame of the queue, at its end, and when [`wake`](Self::wake) is
    /// called.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut state = self.state.lock();
        state.woken = false;
        state.waker = Some(waker.clone());
    }
}
