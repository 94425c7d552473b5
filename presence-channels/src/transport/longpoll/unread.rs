//! Answers to polls that clients have not read yet.
//!
//! A message leaves its queue when an answer is made of it. The answer then waits in the server
//! until the client has read it, and a client that polls on many connections may leave many. So the
//! bytes of an answer count until they are dropped:
//!
//! - for the session: a poll takes nothing while two answers or more are unread that have
//!   `max_outgoing_bytes`. One unread answer of any size holds up no poll: a client that has
//!   changed its network need not wait for its dead connection;
//! - for the node: they are part of what its clients leave unread. When that budget is spent, a
//!   session has a share of it.
//!
//! Each part of an answer that the server takes shows that the client reads.

mod body;
mod elsewhere;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, pin::pin, sync::Arc};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::bell::Bell;
use crate::outgoing::{Flushers, Outbox};
pub(super) use elsewhere::UnreadElsewhere;

/// The unread answers of one session.
pub(super) struct Unread {
    answers: Mutex<Answers>,
    max_bytes: usize,
    flushers: Arc<Flushers>,
    /// `None` for a session of another node.
    outbox: Option<Arc<Outbox>>,
    /// Rung when an answer is dropped.
    bell: Arc<Bell>,
    /// Drops the place of a session of another node.
    _place: Option<elsewhere::Place>,
}

#[derive(Default)]
struct Answers {
    /// The bytes of each answer, by its number.
    bytes: HashMap<u64, usize>,
    total: usize,
    newest: u64,
    /// The time at which a part of an answer was last taken, or an answer was dropped.
    moved: Option<Instant>,
}

impl Answers {
    /// Counts an answer with these bytes, or takes it off with 0.
    fn set(&mut self, number: u64, bytes: usize, flushers: &Flushers) {
        let counted = match bytes {
            0 => self.bytes.remove(&number),
            _ => self.bytes.insert(number, bytes),
        };
        let total = self.total - counted.unwrap_or(0) + bytes;
        flushers.backlog().hold(self.total, total);
        self.total = total;
    }
}

impl Unread {
    /// Counts the answers to a client of this node.
    pub(super) fn new(outbox: Arc<Outbox>, bell: Arc<Bell>) -> Self {
        Self {
            answers: Mutex::default(),
            max_bytes: outbox.max_outgoing(),
            flushers: outbox.flushers().clone(),
            outbox: Some(outbox),
            bell,
            _place: None,
        }
    }

    /// Returns the bytes that the next answer may have, beside its first message. Returns `None`
    /// while the client must read first.
    pub(super) fn room(&self) -> Option<usize> {
        let answers = self.answers.lock();
        let left = |limit: usize, bytes| limit.checked_sub(bytes).filter(|left| *left > 0);
        let room = match left(self.max_bytes, answers.total) {
            None if answers.bytes.len() == 1 => 0,
            room => room?,
        };
        match self.flushers.backlog().share_if_spent() {
            Some(share) if answers.total > 0 => Some(room.min(left(share, answers.total)?)),
            Some(share) => Some(room.min(share)),
            None => Some(room),
        }
    }

    /// Waits until there is [room](Self::room).
    pub(super) async fn has_room(&self) {
        loop {
            let mut rung = pin!(self.bell.rung());
            rung.as_mut().enable();
            if self.room().is_some() {
                return;
            }
            rung.await;
        }
    }

    /// Counts an answer until the returned guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, bytes: usize) -> UnreadAnswer {
        let mut answers = self.answers.lock();
        answers.newest += 1;
        let number = answers.newest;
        answers.set(number, bytes.max(1), &self.flushers);
        UnreadAnswer {
            unread: self.clone(),
            number,
        }
    }

    /// Returns whether answers are unread, and the time at which the client last took a part of
    /// one.
    pub(super) fn reading(&self) -> (bool, Option<Instant>) {
        let answers = self.answers.lock();
        (answers.total > 0, answers.moved)
    }

    /// Notes that a part of an answer was taken.
    fn moves(&self) {
        self.answers.lock().moved = Some(Instant::now());
        if let Some(outbox) = &self.outbox {
            outbox.answer_moves();
        }
    }
}

/// An answer that is not read yet.
pub(super) struct UnreadAnswer {
    unread: Arc<Unread>,
    number: u64,
}

impl UnreadAnswer {
    /// Counts the answer with these bytes from here on.
    fn recount(&self, bytes: usize) {
        let Unread {
            answers, flushers, ..
        } = &*self.unread;
        answers.lock().set(self.number, bytes.max(1), flushers);
    }
}

impl Drop for UnreadAnswer {
    fn drop(&mut self) {
        let Unread {
            answers, flushers, ..
        } = &*self.unread;
        answers.lock().set(self.number, 0, flushers);
        self.unread.moves();
        self.unread.bell.ring();
    }
}
