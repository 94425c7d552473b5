//! The task of one WebSocket: reads, hands messages to the connection's channels, writes.

#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    mem::MaybeUninit,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use presence_core::tracker::in_turn;

use super::websocket_reader::{WebSocketEvent, WebSocketReader};
use crate::{
    UserSocket,
    node::Admission,
    outgoing::{Outbox, OutboxPhase, Stream, close_code, turn},
    serializer::Data,
    socket::Connection,
    telemetry::Limit,
};

/// On the stack of the reading task, so that an idle socket holds none.
const READ_AT_ONCE: usize = 8 * 1024;
/// The bound on one turn, after which other tasks get theirs.
const READS_A_TURN: usize = 8;

/// Runs a WebSocket from its handshake to its end. The stream is closed when the future is ready.
/// Handlers that have begun may be at work still. The client's place is free after them.
///
/// The future is what an idle socket's task holds. Each value is in it once, because the block uses
/// what it captures in place: an `async fn` keeps an argument beside the local that it moves to.
pub(super) fn run<S: UserSocket>(
    connection: Connection<S>,
    upgrade: OnUpgrade,
    admission: Admission,
) -> impl Future<Output = ()> + Send {
    let wire = Wire(connection.outbox().clone());
    let mut pump = Pump {
        reader: WebSocketReader::new(connection.limits().max_message_bytes),
        outbox: wire.0.clone(),
        connection,
        unread: Bytes::new(),
    };
    async move {
        match upgrade.await {
            Ok(upgraded) => {
                let (stream, unread) = Stream::take_over(upgraded);
                wire.0.open(stream);
                pump.unread = unread;
            }
            Err(error) => {
                return tracing::debug!(%error, "a client went away during the handshake");
            }
        }
        poll_fn(|cx| attended(cx, &wire.0, |cx| pump.read(cx))).await;
        drop(pump);
        poll_fn(|cx| attended(cx, &wire.0, |cx| linger(cx, &wire.0))).await;
        drop(wire);
        drop(admission);
    }
}

/// The outbox of a socket whose stream is closed when this is dropped, by a panic too. The outbox
/// itself lives on in a handler that hangs, or in a reply that comes later.
struct Wire(Arc<Outbox>);

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.hang_up();
    }
}

/// Runs one turn of the task. Frames that are queued during the turn are written at its end, with
/// small diffs of presences that the turn has changed.
fn attended(
    cx: &mut Context<'_>,
    outbox: &Arc<Outbox>,
    work: impl FnOnce(&mut Context<'_>) -> Poll<()>,
) -> Poll<()> {
    let before = outbox.attend(cx.waker());
    let done = turn::run(|| in_turn(|| work(cx)));
    // If the peer does not take all frames now, the waker of the write resumes this task.
    if outbox.leave() != before && done.is_pending() {
        // The connection was closed during the turn, and this task must see that.
        cx.waker().wake_by_ref();
    }
    done
}

struct Pump<S: UserSocket> {
    connection: Connection<S>,
    outbox: Arc<Outbox>,
    reader: WebSocketReader,
    /// Bytes that were read and not handled, because the client must send no more for now.
    unread: Bytes,
}

impl<S: UserSocket> Pump<S> {
    /// Reads until there is no more, or the connection closes.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_A_TURN {
            let (is_heard, has_room) = self.outbox.welcomes();
            if !is_heard {
                return Poll::Ready(());
            }
            ready!(self.poll_welcome(has_room, cx));
            if ready!(self.read_once(cx)).is_break() {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready when the client may send more.
    fn poll_welcome(&mut self, has_room: bool, cx: &mut Context<'_>) -> Poll<()> {
        // A client that does not read what it asked for is not asked for more. What wakes this task
        // then is that it has read some.
        if !has_room && self.outbox.flush().is_pending() && !self.outbox.welcomes().1 {
            // The excuse ends with its reason: from here on the client is silent by its own doing.
            if self.outbox.liveness().is_excused()
                && !self.connection.is_busy()
                && self.outbox.poll_calm(cx).is_ready()
            {
                self.heard();
            }
            return Poll::Pending;
        }
        if self.connection.is_busy() {
            // Woken when handlers have caught up.
            self.outbox.liveness().excuse();
            return Poll::Pending;
        }
        if self.outbox.poll_calm(cx).is_pending() {
            // Woken when what it has broadcast is written.
            self.outbox.liveness().excuse();
            return Poll::Pending;
        }
        if self.outbox.liveness().is_excused() {
            self.heard();
        }
        Poll::Ready(())
    }

    /// Reads once, and handles what has come.
    fn read_once(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        if !self.unread.is_empty() {
            let unread = std::mem::take(&mut self.unread);
            return Poll::Ready(self.handle(&unread, cx));
        }
        let direct = self
            .reader
            .direct()
            .map(|place| self.outbox.peer().poll_read_into(cx, place));
        if let Some(read) = direct {
            return match ready!(read) {
                Ok(count) if count > 0 => {
                    self.reader.filled(count);
                    Poll::Ready(self.handle(&[], cx))
                }
                _ => Poll::Ready(self.lost()),
            };
        }
        let mut buffer = [const { MaybeUninit::uninit() }; READ_AT_ONCE];
        let read = self.outbox.peer().poll_read(cx, &mut buffer);
        match ready!(read) {
            Ok(bytes) if !bytes.filled().is_empty() => Poll::Ready(self.handle(bytes.filled(), cx)),
            _ => Poll::Ready(self.lost()),
        }
    }

    fn lost(&self) -> ControlFlow<()> {
        self.outbox.abandon();
        ControlFlow::Break(())
    }

    fn handle(&mut self, mut bytes: &[u8], cx: &mut Context<'_>) -> ControlFlow<()> {
        let mut is_heard = self.outbox.is_heard();
        while is_heard {
            // Only a whole message is a sign of life, so a client that sends byte by byte counts as
            // silent.
            match self
                .reader
                .next(&mut bytes, |frame| self.outbox.send(frame))
            {
                Ok(Some(WebSocketEvent::Message(data))) => {
                    self.heard();
                    self.receive(data, cx);
                    let has_room;
                    (is_heard, has_room) = self.outbox.welcomes();
                    let is_welcome =
                        has_room && !self.connection.is_busy() && !self.outbox.is_flooding();
                    if !bytes.is_empty() && !is_welcome {
                        self.unread = Bytes::copy_from_slice(bytes);
                        return ControlFlow::Continue(());
                    }
                }
                Ok(Some(WebSocketEvent::Control)) => {
                    self.heard();
                    is_heard = self.outbox.is_heard();
                }
                Ok(Some(WebSocketEvent::Close)) => {
                    self.outbox.closed_by_peer();
                    return ControlFlow::Break(());
                }
                Ok(None) => break,
                Err(violation) => {
                    tracing::debug!(reason = violation.reason, "a client broke the protocol");
                    if violation.code == close_code::TOO_BIG {
                        self.connection
                            .limit_refused(Limit::MessageBytes, "a WebSocket message");
                    }
                    self.outbox.close(violation.code, violation.reason);
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn heard(&self) {
        self.outbox.liveness().set_heard(self.connection.now());
    }

    fn receive(&mut self, data: Data, cx: &mut Context<'_>) {
        if let Err(malformed) = self.connection.receive(data, cx) {
            let malformed = malformed.for_log();
            tracing::debug!(malformed, "a client sent a malformed frame");
            self.outbox
                .close(close_code::INTERNAL_ERROR, "malformed frame");
        }
    }
}

/// After the end of the channels, or while the last of them end: writes what is left, says that no
/// more comes, and waits for the peer to close its side. Closing at once could take the close frame
/// back out of the peer's hands. The endpoint's watch over idle sockets bounds the wait.
fn linger(cx: &mut Context<'_>, outbox: &Arc<Outbox>) -> Poll<()> {
    if outbox.phase() == OutboxPhase::Closed {
        return Poll::Ready(());
    }
    ready!(outbox.flush());
    if outbox.phase() == OutboxPhase::Open {
        // Handlers are at work still, and may answer. Woken by the close that follows the last.
        return Poll::Pending;
    }
    let _ = ready!(outbox.peer().poll_shutdown(cx));
    loop {
        let mut buffer = [const { MaybeUninit::uninit() }; 512];
        let read = outbox.peer().poll_read(cx, &mut buffer);
        match ready!(read) {
            Ok(bytes) if !bytes.filled().is_empty() => {}
            _ => {
                outbox.abandon();
                return Poll::Ready(());
            }
        }
    }
}
