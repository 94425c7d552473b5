//! The state that a push, a writer and the socket's task share under one lock.

use std::task::Waker;

use super::{ending::Ending, queue::FrameQueue};
use crate::{outgoing::Flushers, serializer::Frame, wakers::Wakers};

pub(super) struct OutboxState {
    pub(super) queue: FrameQueue,
    pub(super) phase: OutboxPhase,
    pub(super) ending: Ending,
    /// The task that reads, or that takes frames from a queue.
    pub(super) waker: Option<Waker>,
    /// Set while the socket's task is in a turn, at whose end it writes what is queued.
    pub(super) attended: bool,
    /// Set once the task was woken for what is queued.
    pub(super) woken: bool,
    /// Set while the peer takes no more. A client that takes from a queue is never written to.
    pub(super) blocked: bool,
    /// The part of the node's backlog: broadcasts that were not offered to the system yet.
    pub(super) unflushed: usize,
    /// The part that counts as waiting for blocked clients.
    pub(super) held: usize,
    /// The time since when some of it waits without a break, in milliseconds since the endpoint's
    /// start. Valid while `held` is not zero.
    held_since: u64,
    /// Tasks that wait until there is room for more. They are woken without a lock, because their
    /// wakers may be of any executor, and may use the socket. In a box that few outboxes have.
    room: RoomWakers,
}

/// The tasks that waited for room, to be [woken](wake_all) without a lock.
pub(super) type RoomWakers = Option<Box<Wakers>>;

pub(super) fn wake_all(room: RoomWakers) {
    if let Some(room) = room {
        room.wake();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutboxPhase {
    Open,
    /// The close frame is queued and nothing may follow it. Channels go now; the connection stays
    /// until the peer has closed its side, so that the close frame is not lost.
    Closing,
    /// There is no connection any more.
    Closed,
}

/// All that the socket's own task must notice: its phase, and whether it is asked to drain.
pub(crate) type OutboxStatus = (OutboxPhase, bool);

impl OutboxState {
    /// A client is blocked from the start if it is never written to.
    pub(super) fn new(blocked: bool) -> Self {
        Self {
            queue: FrameQueue::default(),
            phase: OutboxPhase::Open,
            ending: Ending::default(),
            waker: None,
            attended: false,
            woken: false,
            blocked,
            unflushed: 0,
            held: 0,
            held_since: 0,
            room: None,
        }
    }

    pub(super) fn standing(&self) -> OutboxStatus {
        (self.phase, self.ending.is_draining())
    }

    /// Returns whether more would wait behind the first frame than may. An empty queue takes any
    /// frame.
    pub(super) fn is_full(&self, frame: &Frame, max_cost: usize) -> bool {
        // All of it is less than the limit, most often.
        self.queue.cost() + frame.cost() > max_cost
            && !self.queue.is_empty()
            && self.queue.cost_behind_first() + frame.cost() > max_cost
    }

    pub(super) fn close(&mut self, code: u16, reason: &'static str) {
        self.ending.closes(code, reason);
        self.queue.push(Frame::close(code, reason));
        self.phase = OutboxPhase::Closing;
    }

    pub(super) fn abandon(&mut self) {
        self.ending.lost();
        self.phase = OutboxPhase::Closed;
        self.queue.end();
    }

    /// Counts what waits for a blocked client.
    pub(super) fn recount(&mut self, flushers: &Flushers) {
        let held = if self.blocked { self.queue.cost() } else { 0 };
        if held != self.held {
            if self.held == 0 {
                self.held_since = flushers.now();
            }
            flushers.backlog().hold(self.held, held);
            self.held = held;
        }
    }

    /// Returns the time for which the client has not caught up, in milliseconds.
    pub(super) fn behind_for(&self, flushers: &Flushers) -> u64 {
        match self.held {
            0 => 0,
            _ => flushers.now().saturating_sub(self.held_since),
        }
    }

    /// Returns whether more may follow what waits, or nothing will.
    pub(super) fn has_room(&self, congestion: usize) -> bool {
        self.queue.cost() <= congestion || self.phase != OutboxPhase::Open
    }

    /// Returns those who wait for room, if there is some.
    pub(super) fn make_room(&mut self, congestion: usize) -> RoomWakers {
        match self.room.is_some() && self.has_room(congestion) {
            true => self.room.take(),
            false => None,
        }
    }

    /// Returns whether the waker is woken when there is room.
    pub(super) fn waits_for_room(&self, waker: &Waker) -> bool {
        self.room.as_ref().is_some_and(|room| room.has(waker))
    }

    /// Has `waker` woken when there is room. Returns a waker that is not needed.
    pub(super) fn wait_for_room(&mut self, waker: Waker) -> Option<Waker> {
        self.room.get_or_insert_default().put(waker)
    }
}
