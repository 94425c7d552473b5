//! One client that polls: its connection, and the polls and publishes that reach it.

#[cfg(test)]
mod tests;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use http::StatusCode;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use super::batch::BadBody;
use crate::{
    outgoing::{Outbox, OutboxPhase, close_code, turn},
    serializer::{Data, Frame, Opcode},
    socket::AnyConnection,
    telemetry::Limit,
};

/// The messages that are handled before other tasks get their turn.
const MESSAGES_A_TURN: usize = 64;

/// The time in which a client that gave up a poll sends the next one, unless it is lost.
const LOST: Duration = Duration::from_secs(1);

/// A client's session. Frames for the client wait in its outbox from one poll to the next.
pub(super) struct Session {
    outbox: Arc<Outbox>,
    /// `None` once the session has ended. A publish has it for its whole batch, so that two at once
    /// do not mix; hence a lock that is waited for without a thread.
    connection: tokio::sync::Mutex<Option<Box<dyn AnyConnection>>>,
    /// The publishes of other nodes, whose bodies are here already: one is handled, one waits.
    peer_publishes: Semaphore,
    polls: Mutex<Polls>,
    bell: Arc<Bell>,
    window: Duration,
}

struct Polls {
    newest: u64,
    /// Set while the newest poll waits for messages.
    parked: bool,
    /// The time at which the newest poll ended.
    last: Instant,
    /// Set if the client gave up that poll.
    given_up: bool,
}

/// Wakes all who wait for something of a session: the outbox has one waker, and they are a poll,
/// publishes and the session's keeper. A publish that waits until broadcasts are written is woken
/// by the bell, too.
#[derive(Default)]
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_waiters();
    }
}

impl Session {
    pub(super) fn new(connection: Box<dyn AnyConnection>, window: Duration) -> Self {
        let polls = Polls {
            newest: 0,
            parked: false,
            last: Instant::now(),
            given_up: false,
        };
        Self {
            outbox: connection.outbox().clone(),
            connection: tokio::sync::Mutex::new(Some(connection)),
            peer_publishes: Semaphore::new(2),
            polls: Mutex::new(polls),
            bell: Arc::default(),
            window,
        }
    }

    /// Returns whether no more frames come, and the client has got all that came.
    pub(super) fn is_over(&self) -> bool {
        self.outbox.phase() != OutboxPhase::Open && !self.outbox.has_messages()
    }

    /// Returns whether the client's messages are handled: not once the session is closed, nor while
    /// the last of its channels end.
    pub(super) fn is_heard(&self) -> bool {
        self.outbox.is_heard()
    }

    /// Closes the session, as a connection is closed.
    pub(super) fn close(&self, code: u16, reason: &'static str) {
        self.outbox.close(code, reason);
    }

    /// Waits until `look` finds something; it looks whenever something has changed. What else it
    /// polls wakes it by the context.
    async fn wait<T>(&self, mut look: impl FnMut(&mut Context<'_>) -> Option<T>) -> T {
        let waker = Waker::from(self.bell.clone());
        loop {
            let mut rung = pin!(self.bell.0.notified());
            rung.as_mut().enable();
            // Before the look, so that nothing falls between the two.
            self.outbox.listen(&waker);
            if let Some(found) = look(&mut Context::from_waker(&waker)) {
                return found;
            }
            rung.await;
        }
    }

    /// Waits until the client's messages are handled no more.
    async fn unheard(&self) {
        self.wait(|_| (!self.is_heard()).then_some(())).await;
    }

    /// Takes the frames that wait for the client, up to `max_bytes`, but at least one. Waits a
    /// window for the first frame. Returns an empty list when the window has passed, the session
    /// ends, or the client polls again.
    pub(super) async fn poll(&self, max_bytes: usize) -> Vec<Frame> {
        let turn = Turn::begin(self);
        let frames = self.wait(|_| turn.look(max_bytes));
        let frames = tokio::time::timeout(self.window, frames).await;
        turn.answered();
        let frames = frames.unwrap_or_default();
        // Frames that the answer leaves out.
        let binaries = frames
            .iter()
            .filter(|frame| frame.opcode() == Opcode::Binary && !frame.is_base64_for_polls());
        binaries.for_each(|frame| self.outbox.meter().left_out(frame.body().len()));
        frames
    }

    /// Ends the poll that waits, if one does: its client gave it up, and it must take nothing more.
    pub(super) fn end_poll(&self) {
        drop(Turn::begin(self));
    }

    /// Hands the messages of a publish to the connection: 200 if all were, 410 if the session has
    /// ended, 408 if it takes longer than a window or a message is malformed. `batch` reads the
    /// body; it is begun when those of earlier publishes are handled, so that a session holds one
    /// at a time. A message waits while too many wait for handlers, while the client leaves too
    /// much unread, and while the broadcasts of those before it pile up.
    pub(super) async fn publish(
        &self,
        batch: impl Future<Output = Result<Vec<Data>, BadBody>>,
    ) -> StatusCode {
        let mut held_by = None;
        let published = tokio::time::timeout(self.window, self.receive_all(batch, &mut held_by));
        published.await.unwrap_or_else(|_| {
            if let Some(limit) = held_by {
                self.outbox.meter().limits().refused(limit, "a publish");
            }
            StatusCode::REQUEST_TIMEOUT
        })
    }

    /// As [`publish`](Self::publish), for a body that another node has read. Answers 408 at once if
    /// two of them are here: a client could send more by disconnecting before the answer.
    pub(super) async fn publish_of_peer(
        &self,
        batch: impl Future<Output = Result<Vec<Data>, BadBody>>,
    ) -> StatusCode {
        match self.peer_publishes.try_acquire() {
            Ok(_place) => self.publish(batch).await,
            Err(_) => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// Sets `held_by` to the limit that it waits for, while it does.
    async fn receive_all(
        &self,
        batch: impl Future<Output = Result<Vec<Data>, BadBody>>,
        held_by: &mut Option<Limit>,
    ) -> StatusCode {
        let mut connection = self.connection.lock().await;
        let batch = tokio::select! {
            biased;
            () = self.unheard() => return StatusCode::GONE,
            batch = batch => batch,
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(bad) => return bad.status(),
        };
        for (number, data) in (1..).zip(batch) {
            let Some(connection) = connection.as_deref_mut() else {
                return StatusCode::GONE;
            };
            let free = self.wait(|cx| match self.is_heard() {
                true => {
                    *held_by = self.limit_on(connection, cx);
                    held_by.is_none().then_some(true)
                }
                false => Some(false),
            });
            if !free.await {
                return StatusCode::GONE;
            }
            let mut data = Some(data);
            let received = poll_fn(|cx| {
                let data = data.take().expect("this is ready at once");
                Poll::Ready(turn::run(|| connection.receive(data, cx)))
            });
            if let Err(malformed) = received.await {
                let malformed = malformed.for_log();
                tracing::debug!(malformed, "a client published a malformed message");
                self.close(close_code::INTERNAL_ERROR, "malformed frame");
                // Phoenix answers so too, after a window without an answer.
                return StatusCode::REQUEST_TIMEOUT;
            }
            if number % MESSAGES_A_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        StatusCode::OK
    }

    /// Returns the limit for which the client's next message waits. `None` if it may be handled.
    fn limit_on(&self, connection: &dyn AnyConnection, cx: &mut Context<'_>) -> Option<Limit> {
        if let Some(limit) = connection.busy_limit() {
            return Some(limit);
        }
        // A client that does not poll for what it asked for is not answered more.
        if self.outbox.poll_room(cx).is_pending() {
            return Some(Limit::OutgoingBytes);
        }
        let is_calm = self.outbox.poll_calm(cx).is_ready();
        (!is_calm).then_some(Limit::UnflushedBytes)
    }

    /// Runs the session to its end: it is closed and its client has got the last frame, or no poll
    /// comes for one and a half windows. Its channels end with it, or before when the server stops.
    ///
    /// A client that gave up a poll may have lost the network. If it has presences with a grace,
    /// the session waits only [`LOST`] for the next poll, so that the grace begins before the
    /// client connects again.
    pub(super) async fn keep(&self) {
        loop {
            let has_grace = self.has_grace();
            let standing = || (self.is_heard(), self.is_over(), self.deadline(has_grace));
            let before = standing();
            let (is_heard, is_over, deadline) = before;
            if !is_heard {
                let connection = self.connection.lock().await.take();
                drop(connection);
            }
            if is_over {
                return;
            }
            let changed = self.wait(|_| (standing() != before).then_some(()));
            let Some(deadline) = deadline else {
                changed.await;
                continue;
            };
            let is_late = tokio::time::timeout_at(deadline, changed).await.is_err();
            if is_late && self.deadline(has_grace) == Some(deadline) {
                let limits = self.outbox.meter().limits();
                limits.closed(Limit::Window, "a session that is polled no more");
                self.outbox.abandon();
            }
        }
    }

    /// Returns the time at which the session ends without a poll. Returns `None` while a poll
    /// waits.
    fn deadline(&self, has_grace: bool) -> Option<Instant> {
        let polls = self.polls.lock();
        let wait = match has_grace && polls.given_up {
            true => LOST.min(self.window),
            false => self.window * 3 / 2,
        };
        (!polls.parked).then(|| polls.last + wait)
    }

    /// Returns whether presences of the client would stay if its connection were lost.
    fn has_grace(&self) -> bool {
        // A publish that has the connection shows that the client is there.
        let connection = self.connection.try_lock();
        connection.is_ok_and(|connection| {
            connection
                .as_deref()
                .is_some_and(|connection| connection.has_grace())
        })
    }
}

/// A poll under way.
struct Turn<'a> {
    session: &'a Session,
    number: u64,
}

impl<'a> Turn<'a> {
    /// Begins a poll, and ends an older one that still waits.
    fn begin(session: &'a Session) -> Self {
        let mut polls = session.polls.lock();
        polls.newest += 1;
        polls.parked = true;
        polls.given_up = true;
        let number = polls.newest;
        drop(polls);
        session.bell.0.notify_waiters();
        Self { session, number }
    }

    /// The poll is answered, and its client has not given it up.
    fn answered(&self) {
        let mut polls = self.session.polls.lock();
        if polls.newest == self.number {
            polls.given_up = false;
        }
    }

    fn look(&self, max_bytes: usize) -> Option<Vec<Frame>> {
        // Held while frames are taken, so that an older poll takes none of a newer one's.
        let polls = self.session.polls.lock();
        if polls.newest != self.number {
            return Some(Vec::new());
        }
        // Before the frames are taken: none comes after the close.
        let is_closed = self.session.outbox.phase() != OutboxPhase::Open;
        let frames = self.session.outbox.take(max_bytes);
        (!frames.is_empty() || is_closed).then_some(frames)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut polls = self.session.polls.lock();
        if polls.newest == self.number {
            polls.parked = false;
            polls.last = Instant::now();
        }
        drop(polls);
        self.session.bell.0.notify_waiters();
    }
}
