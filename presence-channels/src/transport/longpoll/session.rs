//! One client that polls: its connection, and the polls and publishes that reach it.

mod polls;
#[cfg(test)]
mod tests;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::StatusCode;
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    batch::BadBody,
    bell::Bell,
    unread::{Unread, UnreadAnswer},
};
use crate::{
    LongpollOptions,
    outgoing::{Outbox, OutboxPhase, close_code, turn},
    serializer::{Data, Frame, Opcode},
    socket::AnyConnection,
    telemetry::Limit,
};
use polls::{Polls, Turn};

/// The messages that are handled before other tasks get their turn.
const MESSAGES_A_TURN: usize = 64;

/// The time in which a client that gave up a poll sends the next one, unless it is lost.
const LOST: Duration = Duration::from_secs(1);

/// The windows for which a client may take nothing of an answer that it has begun to read.
const READING_WINDOWS: u32 = 6;

/// The least that a publish of another node counts, in bytes, for what is kept beside its body.
const MIN_PEER_PUBLISH: usize = 1024;

/// The most that a publish of another node counts: permits are taken as a `u32`.
const MAX_PERMITS: usize = u32::MAX as usize / 2;

/// A client's session. Frames for the client wait in its outbox from one poll to the next.
pub(super) struct Session {
    outbox: Arc<Outbox>,
    /// `None` once the session has ended. A publish has it for its whole batch, so that two at once
    /// do not mix; hence a lock that is waited for without a thread.
    connection: tokio::sync::Mutex<Option<Box<dyn AnyConnection>>>,
    /// The bytes that publishes of other nodes may have, whose bodies are here already: one of the
    /// largest is handled, one waits.
    peer_bytes: Semaphore,
    /// The most that one of them counts.
    max_peer_publish: u32,
    polls: Mutex<Polls>,
    unread: Arc<Unread>,
    bell: Arc<Bell>,
    window: Duration,
}

/// The frames that a poll takes.
#[derive(Default)]
pub(super) struct TakenMessages {
    pub(super) frames: Vec<Frame>,
    /// Counts the frames, and then the answer that is made of them. `None` without frames.
    pub(super) answer: Option<UnreadAnswer>,
}

impl Session {
    pub(super) fn new(connection: Box<dyn AnyConnection>, options: &LongpollOptions) -> Self {
        let outbox = connection.outbox().clone();
        let bell = Arc::<Bell>::default();
        let max_peer_publish = options.max_body_bytes.clamp(1, MAX_PERMITS);
        Self {
            unread: Arc::new(Unread::new(outbox.clone(), bell.clone())),
            outbox,
            connection: tokio::sync::Mutex::new(Some(connection)),
            peer_bytes: Semaphore::new(2 * max_peer_publish),
            max_peer_publish: max_peer_publish as u32,
            polls: Mutex::new(Polls::new()),
            bell,
            window: options.window,
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
            let mut rung = pin!(self.bell.rung());
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
    /// ends, or the client polls again. Takes nothing while the client leaves too many answers
    /// unread.
    pub(super) async fn poll(&self, max_bytes: usize) -> TakenMessages {
        self.poll_in(Turn::begin(self), max_bytes).await
    }

    /// As [`poll`](Self::poll), for another node, which has given the poll a name. Takes nothing if
    /// the node has given the poll up already.
    pub(super) async fn poll_of_peer(&self, name: &str, max_bytes: usize) -> TakenMessages {
        match Turn::begin_named(self, name) {
            Some(turn) => self.poll_in(turn, max_bytes).await,
            None => TakenMessages::default(),
        }
    }

    async fn poll_in(&self, turn: Turn<'_>, max_bytes: usize) -> TakenMessages {
        let taken = self.wait(|_| turn.look(max_bytes));
        let taken = tokio::time::timeout(self.window, taken).await;
        turn.answered();
        let taken = taken.unwrap_or_default();
        // Frames that the answer leaves out.
        let binaries = taken
            .frames
            .iter()
            .filter(|frame| frame.opcode() == Opcode::Binary && !frame.is_base64_for_polls());
        binaries.for_each(|frame| self.outbox.meter().left_out(frame.body().len()));
        taken
    }

    /// Ends the poll that another node has given this name, and has given up: it must take nothing
    /// more. Other polls wait on. A poll that has not begun yet takes nothing when it begins. What
    /// the poll has taken already is lost, so that the session is closed then.
    ///
    /// A node of the version before names no poll, and means whichever waits.
    pub(super) fn give_up(&self, name: &str) {
        let has_lost = self.polls.lock().give_up(name);
        match has_lost {
            true => self.close(close_code::TRY_AGAIN, "messages were lost"),
            false => self.bell.ring(),
        }
    }

    /// Hands the messages of a publish to the connection: 200 if all were, 410 if the session has
    /// ended, 408 if it takes longer than a window or a message is malformed. `batch` reads the
    /// body; it is begun when those of earlier publishes are handled, so that a session holds one
    /// at a time. A message waits while too many wait for handlers, while the client leaves too
    /// much unread, in the queue or in answers, and while the broadcasts of those before it pile
    /// up.
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

    /// As [`publish`](Self::publish), for a body of `bytes` that another node has read. Answers 408
    /// at once if as much is here as two of the largest bodies: a client could send more by
    /// disconnecting before the answer.
    pub(super) async fn publish_of_peer(
        &self,
        bytes: usize,
        batch: impl Future<Output = Result<Vec<Data>, BadBody>>,
    ) -> StatusCode {
        let bytes = u32::try_from(bytes.max(MIN_PEER_PUBLISH)).unwrap_or(u32::MAX);
        let permits = bytes.min(self.max_peer_publish);
        match self.peer_bytes.try_acquire_many(permits) {
            Ok(_place) => self.publish(batch).await,
            Err(_) => {
                let limits = self.outbox.meter().limits();
                limits.refused(Limit::BodyBytes, "a publish beside others that wait");
                StatusCode::REQUEST_TIMEOUT
            }
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
        if self.unread.room().is_none() || self.outbox.poll_room(cx).is_pending() {
            return Some(Limit::OutgoingBytes);
        }
        let is_calm = self.outbox.poll_calm(cx).is_ready();
        (!is_calm).then_some(Limit::UnflushedBytes)
    }

    /// Runs the session to its end: it is closed and its client has got the last frame, or no poll
    /// comes for one and a half windows after the last answer was read. Its channels end with it,
    /// or before when the server stops.
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
    /// waits. A client that reads an answer cannot poll, and may take longer for it.
    fn deadline(&self, has_grace: bool) -> Option<Instant> {
        let polls = self.polls.lock();
        let wait = match has_grace && polls.given_up {
            true => LOST.min(self.window),
            false => self.window * 3 / 2,
        };
        let (is_reading, moved) = self.unread.reading();
        let last = moved.map_or(polls.last, |moved| moved.max(polls.last));
        // A client that has polled since does not read an older answer any more.
        let wait = match is_reading && !polls.given_up {
            true => self.window * READING_WINDOWS,
            false => wait,
        };
        (!polls.parked).then(|| last + wait)
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
