//! The frames that are yet to be sent to a client: a queue bounded in bytes, and its connection.
//!
//! A push queues a frame and does no I/O. Who writes:
//!
//! - the socket's own task, at the end of each of its turns, for what was queued meanwhile;
//! - else the [`Flusher`], to which the first push marks the outbox. A broadcast to a big room thus
//!   costs its sender a queue push a member, and what piles up for one socket goes out in one
//!   gathered write;
//! - the socket's own task again when the peer reads slowly: a write that would block leaves that
//!   task's waker behind.

mod queue;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures_util::FutureExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Flusher, Frame, Opcode, close_code};
use crate::{
    Limits, SlowReader,
    telemetry::{self, Drops, SocketMeter},
};

/// The most frames of one gathered write.
const GATHERED: usize = 32;
/// A queue that grew beyond this many frames gives its memory back once it is empty.
const KEPT_CAPACITY: usize = 4;

/// The last-heard time of a client that the server does not read from: later than any.
const EXCUSED: u64 = u64::MAX;

/// The destination of frames.
pub(crate) enum Sink {
    /// No connection yet: the handshake is under way.
    Opening,
    /// A WebSocket.
    WebSocket(TokioIo<Upgraded>),
    /// A queue that is read with [`Outbox::poll_take`] or [`Outbox::take`].
    Queue,
}

pub(crate) struct Outbox {
    state: Mutex<OutboxState>,
    flusher: Arc<Flusher>,
    /// Set while the outbox is on the flusher's list, so that it is not listed once a frame.
    marked: AtomicBool,
    /// The time of the client's last message, in milliseconds since the endpoint's start. Read by
    /// the endpoint's watch over idle sockets, which spares each a timer.
    heard: AtomicU64,
    /// The most bytes that may wait.
    max_bytes: usize,
    /// The policy for a client for which more would wait.
    slow_reader: SlowReader,
    meter: SocketMeter,
}

struct OutboxState {
    queue: VecDeque<Frame>,
    /// Bytes in `queue`, less those of its first frame that are written already.
    bytes: usize,
    /// The bytes of the first frame that are written.
    written: usize,
    phase: OutboxPhase,
    /// The code and reason to close with when the channels have ended, if they were asked to end.
    drain: Option<(u16, &'static str)>,
    sink: Sink,
    /// The task that reads, and goes on writing where a write would have blocked.
    waker: Option<Waker>,
    /// Set while that task is in a turn, at whose end it writes what is queued.
    attended: bool,
    /// The time at which the endpoint's watch first saw the connection closing, in its
    /// milliseconds.
    lingers_since: Option<u64>,
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
pub(super) type OutboxStatus = (OutboxPhase, bool);

impl Outbox {
    pub(crate) fn new(
        sink: Sink,
        flusher: Arc<Flusher>,
        limits: &Limits,
        meter: SocketMeter,
        now: u64,
    ) -> Arc<Self> {
        let state = OutboxState {
            queue: VecDeque::new(),
            bytes: 0,
            written: 0,
            phase: OutboxPhase::Open,
            drain: None,
            sink,
            waker: None,
            attended: false,
            lingers_since: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            flusher,
            marked: AtomicBool::new(false),
            heard: AtomicU64::new(now),
            max_bytes: limits.max_outgoing_bytes,
            slow_reader: limits.slow_reader,
            meter,
        })
    }

    /// The handshake is done, and frames can go.
    pub(super) fn open(&self, io: TokioIo<Upgraded>) {
        self.state.lock().sink = Sink::WebSocket(io);
    }

    /// Queues a frame; drops it if the connection is closing. If too many bytes wait for the
    /// client, the policy decides.
    pub(crate) fn send(self: &Arc<Self>, frame: Frame) {
        let mut state = self.state.lock();
        if state.phase != OutboxPhase::Open {
            return;
        }
        let room = |state: &OutboxState| state.bytes + frame.bytes().len() <= self.max_bytes;
        if !room(&state) {
            // Perhaps the queued frames have only not been written yet.
            state.flush_now();
        }
        if self.slow_reader == SlowReader::DropBroadcasts {
            while !room(&state) && state.drop_broadcast() {
                self.meter.dropped(Drops::SlowBroadcast);
            }
            if !room(&state) && frame.is_droppable() {
                self.meter.dropped(Drops::SlowBroadcast);
                return;
            }
        }
        if room(&state) {
            // Pongs and closes are no messages.
            if frame.opcode() != Opcode::Close {
                self.meter.message_out(frame.bytes().len());
            }
            state.push(frame);
        } else {
            let bytes = state.bytes;
            self.meter.dropped(Drops::SlowReader);
            tracing::warn!(bytes, "a client reads too slowly and is closed");
            state.clear_unsent();
            state.close(close_code::TRY_AGAIN, "slow reader");
        }
        self.after_push(state);
    }

    /// Closes the connection with a code and a reason. Later frames are dropped.
    pub(crate) fn close(self: &Arc<Self>, code: u16, reason: &str) {
        let mut state = self.state.lock();
        if state.phase == OutboxPhase::Open {
            state.close(code, reason);
            self.after_push(state);
        }
    }

    /// Asks the connection to end as soon as its channels have: what their handlers still answer is
    /// delivered, and then the connection is closed.
    pub(crate) fn drain(&self, code: u16, reason: &'static str) {
        let mut state = self.state.lock();
        state.drain = Some((code, reason));
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
    }

    /// Returns whether the client's messages are handled: it is neither closed nor asked to
    /// disconnect.
    pub(super) fn is_heard(&self) -> bool {
        self.state.lock().standing() == (OutboxPhase::Open, false)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state.lock().drain.is_some()
    }

    /// Handles the end of the connection's last channel: a connection that was asked to drain is
    /// closed.
    pub(crate) fn drained(self: &Arc<Self>) {
        let drain = self.state.lock().drain;
        if let Some((code, reason)) = drain {
            self.close(code, reason);
        }
    }

    /// Wakes the task that takes the queued frames, or marks the outbox for the flusher. In a turn
    /// of the socket's own task, the end of the turn writes them.
    fn after_push(self: &Arc<Self>, mut state: parking_lot::MutexGuard<'_, OutboxState>) {
        if state.attended {
            return;
        }
        let is_queue = matches!(state.sink, Sink::Queue);
        // The socket's task must see the end of the connection itself.
        let wake = is_queue || state.phase != OutboxPhase::Open;
        let waker = if wake { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        } else if !is_queue && !self.marked.swap(true, Ordering::AcqRel) {
            self.flusher.mark(self.clone());
        }
    }

    /// Writes what is queued, on behalf of the flusher.
    pub(super) fn flush_marked(&self) {
        // Before the lock: who pushes from here on marks the outbox again.
        self.marked.store(false, Ordering::Release);
        let mut state = self.state.lock();
        if !state.attended {
            let _ = state.flush();
        }
    }

    /// Begins a turn of the socket's own task.
    pub(super) fn attend(&self, waker: &Waker) -> OutboxStatus {
        let mut state = self.state.lock();
        state.attended = true;
        match &mut state.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        state.standing()
    }

    /// Ends a turn: writes what was queued in it.
    pub(super) fn leave(&self) -> OutboxStatus {
        let mut state = self.state.lock();
        let _ = state.flush();
        state.attended = false;
        state.standing()
    }

    /// Writes what is queued, within a turn.
    pub(super) fn flush(&self) -> Poll<()> {
        self.state.lock().flush()
    }

    /// Reads what the peer sent. No bytes are the end.
    pub(super) fn poll_read<'a>(
        &self,
        cx: &mut Context<'_>,
        buffer: &'a mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<ReadBuf<'a>>> {
        let mut buffer = ReadBuf::uninit(buffer);
        let mut state = self.state.lock();
        let Sink::WebSocket(io) = &mut state.sink else {
            return Poll::Pending;
        };
        Pin::new(io).poll_read(cx, &mut buffer).map_ok(|()| buffer)
    }

    /// Says that no more is written. The peer then closes its side.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state.lock().sink {
            Sink::WebSocket(io) => Pin::new(io).poll_shutdown(cx),
            Sink::Opening | Sink::Queue => Poll::Ready(Ok(())),
        }
    }

    /// The peer began to close, and its answer is queued: nothing may follow.
    pub(super) fn closed_by_peer(&self) {
        let mut state = self.state.lock();
        if state.phase == OutboxPhase::Open {
            state.phase = OutboxPhase::Closing;
        }
    }

    /// Drops the connection without a close frame.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.abandon();
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
    }

    /// Runs the socket's task again.
    pub(crate) fn wake(&self) {
        let waker = self.state.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn flusher(&self) -> &Flusher {
        &self.flusher
    }

    pub(crate) fn phase(&self) -> OutboxPhase {
        self.state.lock().phase
    }

    /// Returns whether the queue is so long that reading from this client should wait.
    pub(super) fn is_congested(&self) -> bool {
        self.state.lock().bytes > self.max_bytes / 4
    }

    pub(crate) fn meter(&self) -> &SocketMeter {
        &self.meter
    }

    /// Counts the waiting frames and bytes. Without metrics the lock is not taken.
    pub(crate) fn see_queue(&self) {
        if telemetry::IS_ON {
            let state = self.state.lock();
            self.meter.see_queue(state.bytes, state.queue.len());
        }
    }

    /// Returns the time at which the connection was first seen closing, which is now if this is the
    /// first time.
    pub(crate) fn lingers_since(&self, now: u64) -> u64 {
        *self.state.lock().lingers_since.get_or_insert(now)
    }

    pub(crate) fn set_heard(&self, now: u64) {
        self.heard.store(now, Ordering::Relaxed);
    }

    /// Marks a client that the server does not read from, so that its silence does not count
    /// against it.
    pub(super) fn excuse(&self) {
        self.set_heard(EXCUSED);
    }

    pub(super) fn is_excused(&self) -> bool {
        self.heard() == EXCUSED
    }

    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }
}

impl OutboxState {
    fn standing(&self) -> OutboxStatus {
        (self.phase, self.drain.is_some())
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.bytes().len();
        self.queue.push_back(frame);
    }

    fn close(&mut self, code: u16, reason: &str) {
        self.push(Frame::close(code, reason));
        self.phase = OutboxPhase::Closing;
    }

    /// Drops the oldest broadcast that waits. Returns whether there was one.
    fn drop_broadcast(&mut self) -> bool {
        // Of a frame that has begun, the rest must follow.
        let begun = usize::from(self.written > 0);
        let mut waiting = self.queue.iter().skip(begun);
        let Some(oldest) = waiting.position(Frame::is_droppable) else {
            return false;
        };
        if let Some(frame) = self.queue.remove(begun + oldest) {
            self.bytes -= frame.bytes().len();
            tracing::debug!("a slow client misses a broadcast");
        }
        true
    }

    /// Drops what waits, but for the frame whose beginning the peer already has.
    fn clear_unsent(&mut self) {
        self.queue.truncate(usize::from(self.written > 0));
        self.bytes = self
            .queue
            .front()
            .map_or(0, |frame| frame.bytes().len() - self.written);
    }

    fn abandon(&mut self) {
        self.phase = OutboxPhase::Closed;
        self.queue = VecDeque::new();
        (self.bytes, self.written) = (0, 0);
    }

    /// Writes until the queue is empty or the peer takes no more. An error ends the connection.
    fn flush(&mut self) -> Poll<()> {
        if self.queue.is_empty() || self.phase == OutboxPhase::Closed {
            return Poll::Ready(());
        }
        // Taken for the time of the write, because the write borrows all of `self`.
        let Some(waker) = self.waker.take() else {
            return Poll::Pending;
        };
        let flushed = self.write_all(&mut Context::from_waker(&waker));
        if let Poll::Ready(Err(_)) = flushed {
            self.abandon();
            waker.wake_by_ref();
        }
        self.waker = Some(waker);
        flushed.map(|_| ())
    }

    /// As [`flush`](Self::flush), from a task that may have used up its share of I/O: tokio would
    /// then say of any socket that it blocks.
    fn flush_now(&mut self) {
        let flush = poll_fn(|_| Poll::Ready(self.flush()));
        let _ = tokio::task::coop::unconstrained(flush).now_or_never();
    }

    fn write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Sink::WebSocket(io) = &mut self.sink else {
            return Poll::Pending;
        };
        let mut io = Pin::new(io);
        while let Some(first) = self.queue.front() {
            let first = &first.bytes()[self.written..];
            let written = if self.queue.len() == 1 {
                io.as_mut().poll_write(cx, first)
            } else {
                let mut slices = [IoSlice::new(&[]); GATHERED];
                slices[0] = IoSlice::new(first);
                let rest = self
                    .queue
                    .iter()
                    .skip(1)
                    .map(|frame| IoSlice::new(frame.bytes()));
                let count = slices[1..]
                    .iter_mut()
                    .zip(rest)
                    .map(|(slot, slice)| *slot = slice);
                let count = 1 + count.count();
                io.as_mut().poll_write_vectored(cx, &slices[..count])
            };
            match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.bytes -= count;
                    advance(&mut self.queue, &mut self.written, count);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        if self.queue.capacity() > KEPT_CAPACITY {
            self.queue = VecDeque::new();
        }
        // TLS and the like keep bytes back until they are flushed.
        io.poll_flush(cx)
    }
}

/// Takes `count` written bytes off the queue.
fn advance(queue: &mut VecDeque<Frame>, written: &mut usize, count: usize) {
    *written += count;
    while let Some(first) = queue.front()
        && *written >= first.bytes().len()
    {
        *written -= first.bytes().len();
        queue.pop_front();
    }
}
