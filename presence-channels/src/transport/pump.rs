//! The task of one WebSocket: reads, hands messages to the connection's channels, writes.

use std::{
    future::poll_fn,
    mem::MaybeUninit,
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::{
    Outbox, close_code,
    outbox::OutboxPhase,
    websocket_reader::{WebSocketEvent, WebSocketReader},
};
use crate::{UserSocket, serializer::Data, socket::Connection};

/// On the stack of the reading task, so that an idle socket holds none.
const READ_AT_ONCE: usize = 8 * 1024;
/// The bound on one turn, after which other tasks get theirs.
const READS_A_TURN: usize = 8;

/// Runs a WebSocket to its end. Its channels are gone when this returns.
pub(super) async fn run<S: UserSocket>(mut connection: Connection<S>) {
    let outbox = connection.outbox().clone();
    let mut reader = WebSocketReader::new(connection.limits().max_message_bytes);
    poll_fn(|cx| {
        turn(cx, &outbox, |cx| {
            read(cx, &outbox, &mut reader, &mut connection)
        })
    })
    .await;
    drop(connection);
    drop(reader);
    poll_fn(|cx| turn(cx, &outbox, |cx| linger(cx, &outbox))).await;
}

/// Runs one turn of the task. Frames that are queued during the turn are written at its end.
fn turn(
    cx: &mut Context<'_>,
    outbox: &Arc<Outbox>,
    work: impl FnOnce(&mut Context<'_>) -> Poll<()>,
) -> Poll<()> {
    let before = outbox.attend(cx.waker());
    let done = outbox.flusher().hold(|| work(cx));
    // If the peer does not take all frames now, the waker of the write resumes this task.
    if outbox.leave() != before && done.is_pending() {
        // The connection was closed during the turn, and this task must see that.
        cx.waker().wake_by_ref();
    }
    done
}

/// Reads until there is no more, or the connection closes.
fn read<S: UserSocket>(
    cx: &mut Context<'_>,
    outbox: &Arc<Outbox>,
    reader: &mut WebSocketReader,
    connection: &mut Connection<S>,
) -> Poll<()> {
    for _ in 0..READS_A_TURN {
        if !outbox.is_heard() {
            return Poll::Ready(());
        }
        // A client that does not read what it asked for is not asked for more. What wakes this task
        // then is that it has read some: it is slow and not silent.
        if outbox.is_congested() {
            outbox.set_heard(connection.now());
            ready!(outbox.flush());
        }
        if connection.is_busy() {
            // Woken when handlers have caught up.
            outbox.excuse();
            return Poll::Pending;
        }
        if outbox.is_excused() {
            outbox.set_heard(connection.now());
        }
        let mut buffer = [const { MaybeUninit::uninit() }; READ_AT_ONCE];
        let Ok(bytes) = ready!(outbox.poll_read(cx, &mut buffer)) else {
            outbox.abandon();
            return Poll::Ready(());
        };
        let mut bytes = bytes.filled();
        if bytes.is_empty() {
            outbox.abandon();
            return Poll::Ready(());
        }
        while outbox.is_heard() {
            // Only a whole message is a sign of life, so a client that sends byte by byte counts as
            // silent.
            match reader.next(&mut bytes, |frame| outbox.send(frame)) {
                Ok(Some(WebSocketEvent::Message(data))) => {
                    outbox.set_heard(connection.now());
                    receive(cx, outbox, connection, data);
                }
                Ok(Some(WebSocketEvent::Control)) => outbox.set_heard(connection.now()),
                Ok(Some(WebSocketEvent::Close)) => {
                    outbox.closed_by_peer();
                    return Poll::Ready(());
                }
                Ok(None) => break,
                Err(violation) => {
                    tracing::debug!(reason = violation.reason, "a client broke the protocol");
                    outbox.close(violation.code, &violation.reason);
                    return Poll::Ready(());
                }
            }
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

fn receive<S: UserSocket>(
    cx: &mut Context<'_>,
    outbox: &Arc<Outbox>,
    connection: &mut Connection<S>,
    data: Data,
) {
    if let Err(malformed) = connection.receive(data, cx) {
        let malformed = malformed.for_log();
        tracing::debug!(malformed, "a client sent a malformed frame");
        outbox.close(close_code::INTERNAL_ERROR, "malformed frame");
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
    let _ = ready!(outbox.poll_shutdown(cx));
    loop {
        let mut buffer = [const { MaybeUninit::uninit() }; 512];
        match ready!(outbox.poll_read(cx, &mut buffer)) {
            Ok(bytes) if !bytes.filled().is_empty() => {}
            _ => {
                outbox.abandon();
                return Poll::Ready(());
            }
        }
    }
}
