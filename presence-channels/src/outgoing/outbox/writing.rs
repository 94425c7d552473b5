//! The writes of queued frames to a WebSocket, by the socket's own task or a flusher.
//!
//! One writer at a time holds the peer's lock. It takes all frames from the queue, writes without
//! the lock on the state, so that pushes do not wait for a system call, and gives back what the
//! peer has not taken. It goes on until the queue is empty and flushed, or the peer takes no more.

use std::{
    io,
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::{
    Outbox, OutboxPhase, OutboxState, OutboxStatus, peer::Peer, queue::TakenFrames, state::wake_all,
};

impl Outbox {
    /// Ends a turn: writes what was queued in it.
    pub(crate) fn leave(&self) -> OutboxStatus {
        let (standing, flushed) = self.write(|state| {
            state.attended = false;
            state.standing()
        });
        self.flushers.flushed(flushed);
        standing
    }

    /// Writes what is queued, within a turn of the socket's own task. Ready if all of it is
    /// written, or the connection is gone.
    pub(crate) fn flush(&self) -> Poll<()> {
        let (is_done, flushed) = self.write(|state| state.queue.is_empty());
        self.flushers.flushed(flushed);
        if is_done {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Writes what is queued, on behalf of a flusher. Returns what counted in the backlog.
    pub(in crate::outgoing) fn flush_marked(&self) -> usize {
        // Before the look: who pushes from here on marks the outbox again.
        self.mark.clear();
        // A turn that is under way writes at its end. A blocked peer's task is woken.
        let is_due = |state: &OutboxState| !state.attended && !state.blocked;
        self.write_if(is_due, Peer::write, |_| ()).1
    }

    /// Writes what is queued, in the middle of a dispatch.
    pub(super) fn flush_inline(&self) {
        // The task may have used up its share of I/O: tokio would then say of any socket that it
        // blocks.
        let write = std::future::poll_fn(|_| {
            let ((), flushed) = self.write(|_| ());
            self.flushers.flushed(flushed);
            Poll::Ready(())
        });
        let mut write = pin!(tokio::task::coop::unconstrained(write));
        let _ = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Writes to a blocked peer for which the system does not report room yet.
    pub(super) fn probe(&self) {
        let ((), flushed) = self.write_if(|state| state.blocked, Peer::probe, |_| ());
        self.flushers.flushed(flushed);
    }

    /// Writes until the queue is empty or the peer takes no more. An error ends the connection.
    /// Returns what `look` does with the state as it is then, and what counted in the node's
    /// backlog.
    fn write<T>(&self, look: impl FnOnce(&mut OutboxState) -> T) -> (T, usize) {
        self.write_if(|_| true, Peer::write, look)
    }

    /// As [`write`](Self::write), with this kind of write, if the state is of this kind.
    fn write_if<T>(
        &self,
        is_due: impl Fn(&OutboxState) -> bool,
        write: impl Fn(&mut Peer, &mut TakenFrames) -> Poll<io::Result<()>>,
        look: impl FnOnce(&mut OutboxState) -> T,
    ) -> (T, usize) {
        let mut peer = self.peer.lock();
        let mut state = self.state.lock();
        if !is_due(&state) {
            return (look(&mut state), 0);
        }
        // TLS and the like take the last frame before they can pass it on. A blocked peer with an
        // empty queue is flushed.
        while peer.is_ready()
            && (state.blocked || !state.queue.is_empty())
            && state.phase != OutboxPhase::Closed
        {
            let before = state.queue.cost();
            let mut frames = state.queue.take();
            drop(state);
            let written = write(&mut peer, &mut frames);
            state = self.state.lock();
            self.note_moves(&mut state, before, frames.has_moved());
            state.queue.give_back(frames);
            match written {
                Poll::Ready(Ok(())) => state.blocked = false,
                Poll::Ready(Err(_)) => {
                    state.abandon();
                    if let Some(waker) = &peer.waker {
                        waker.wake_by_ref();
                    }
                }
                Poll::Pending => {
                    state.blocked = true;
                    if state.queue.cost_behind_first() > self.max_cost {
                        self.liveness.stalls(|| self.flushers.now());
                    }
                    break;
                }
            }
        }
        // Also those that were pushed during a write that blocked: all were offered to the system,
        // or are held now.
        let flushed = std::mem::take(&mut state.unflushed);
        state.recount(&self.flushers);
        let room = state.make_room(self.congestion());
        let seen = look(&mut state);
        drop(state);
        drop(peer);
        wake_all(room);
        (seen, flushed)
    }

    /// Notes that the peer has taken bytes of the `waited` that were queued.
    fn note_moves(&self, state: &mut OutboxState, waited: usize, is_moving: bool) {
        if !is_moving {
            return;
        }
        self.liveness.moves();
        if std::mem::take(&mut state.blocked) && waited > self.congestion() {
            // A client whose messages are not read because it is slow is not silent.
            self.liveness.hear(self.flushers.now());
        }
    }
}
