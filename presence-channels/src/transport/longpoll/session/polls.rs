//! The polls of a session, of which one waits at a time.

use tokio::time::Instant;

use super::{Session, TakenMessages};
use crate::{outgoing::OutboxPhase, serializer::Frame};

/// The most names of polls that a session keeps in a list. More are not under way at once, unless
/// the engine holds messages back for long.
const MAX_NAMES: usize = 4;

/// The polls of a session.
pub(super) struct Polls {
    newest: u64,
    /// The name of the newest poll, if it is of another node.
    name: Option<Box<str>>,
    /// The names of the last polls of other nodes that took messages. A newer poll may take more
    /// before the request comes that gives an older one up.
    takers: Vec<Box<str>>,
    /// The names of polls that were given up and have not begun. The request that gives a poll up
    /// may overtake the poll.
    early: Vec<Box<str>>,
    /// Set while the newest poll waits for messages.
    pub(super) parked: bool,
    /// The time at which the newest poll ended.
    pub(super) last: Instant,
    /// Set if the client gave up that poll.
    pub(super) given_up: bool,
}

impl Polls {
    pub(super) fn new() -> Self {
        Self {
            newest: 0,
            name: None,
            takers: Vec::new(),
            early: Vec::new(),
            parked: false,
            last: Instant::now(),
            given_up: false,
        }
    }

    /// Begins a poll, which ends an older one.
    fn begin(&mut self, name: Option<&str>) -> u64 {
        self.newest += 1;
        self.name = name.map(Into::into);
        self.parked = true;
        self.given_up = true;
        self.newest
    }

    fn end(&mut self) {
        self.parked = false;
        self.last = Instant::now();
    }

    /// Returns whether the poll was given up before it begins.
    fn is_early(&mut self, name: &str) -> bool {
        let early = self.early.iter().position(|early| **early == *name);
        early.map(|index| self.early.remove(index)).is_some()
    }

    /// Notes that the newest poll takes messages.
    fn takes(&mut self) {
        if let Some(name) = &self.name {
            remember(&mut self.takers, name);
        }
    }

    /// Ends the poll of this name, or the newest if the name is empty. Returns whether messages are
    /// lost with it.
    pub(super) fn give_up(&mut self, name: &str) -> bool {
        if self.takers.iter().any(|taker| **taker == *name) {
            return true;
        }
        if name.is_empty() || self.name.as_deref() == Some(name) {
            self.begin(None);
            self.end();
            return false;
        }
        remember(&mut self.early, name);
        false
    }
}

/// Adds a name to a list, which keeps the last [`MAX_NAMES`].
fn remember(names: &mut Vec<Box<str>>, name: &str) {
    if names.len() == MAX_NAMES {
        names.remove(0);
    }
    names.push(name.into());
}

/// A poll under way.
pub(super) struct Turn<'a> {
    session: &'a Session,
    number: u64,
}

impl<'a> Turn<'a> {
    /// Begins a poll, and ends an older one that still waits.
    pub(super) fn begin(session: &'a Session) -> Self {
        let number = session.polls.lock().begin(None);
        session.bell.ring();
        Self { session, number }
    }

    /// As [`begin`](Self::begin), for a poll of another node. Returns `None` if the node has given
    /// it up already: it ends no other then.
    pub(super) fn begin_named(session: &'a Session, name: &str) -> Option<Self> {
        let mut polls = session.polls.lock();
        if polls.is_early(name) {
            if !polls.parked {
                polls.given_up = true;
                polls.end();
            }
            drop(polls);
            session.bell.ring();
            return None;
        }
        let number = polls.begin(Some(name));
        drop(polls);
        session.bell.ring();
        Some(Self { session, number })
    }

    /// The poll is answered, and its client has not given it up.
    pub(super) fn answered(&self) {
        let mut polls = self.session.polls.lock();
        if polls.newest == self.number {
            polls.given_up = false;
        }
    }

    pub(super) fn look(&self, max_bytes: usize) -> Option<TakenMessages> {
        // Held while frames are taken, so that an older poll takes none of a newer one's.
        let mut polls = self.session.polls.lock();
        if polls.newest != self.number {
            return Some(TakenMessages::default());
        }
        // The bell rings when an answer is read.
        let max_bytes = self.session.unread.room()?.min(max_bytes);
        // Before the frames are taken: none comes after the close.
        let is_closed = self.session.outbox.phase() != OutboxPhase::Open;
        let taken = self.session.outbox.take(max_bytes);
        let is_ready = !taken.is_empty() || is_closed;
        let cost = || taken.iter().map(Frame::cost).sum();
        let answer = (!taken.is_empty()).then(|| self.session.unread.begin(cost()));
        if !taken.is_empty() {
            polls.takes();
        }
        drop(polls);
        // This wakes tasks of any executor, which may use the session.
        let frames = taken.into_frames();
        is_ready.then_some(TakenMessages { frames, answer })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut polls = self.session.polls.lock();
        if polls.newest == self.number {
            polls.end();
        }
        drop(polls);
        self.session.bell.ring();
    }
}
