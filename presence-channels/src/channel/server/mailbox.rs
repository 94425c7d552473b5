//! The letters that wait for a channel, and the limits on them.

use std::{collections::VecDeque, mem::size_of, task::Waker};

use super::ChannelState;
use crate::{
    Limits,
    channel::{
        Channel, TerminateReason,
        letter::{Letter, broadcast_bytes},
    },
    outgoing::{Amount, Room},
    serializer::Frame,
    telemetry::Limit,
    wakers::Wakers,
};

/// The letters that wait while something runs the channel, and the channel while nothing does.
pub(super) struct Mailbox<C: Channel> {
    /// In a box that an idle channel does not have.
    waiting: Option<Box<Waiting<C>>>,
    /// The channel, while nothing runs it.
    pub(super) body: Option<Box<ChannelState<C>>>,
    pub(super) closed: bool,
    /// The join that waits for this channel's end.
    pub(super) successor: Option<Waker>,
}

struct Waiting<C: Channel> {
    letters: VecDeque<Letter<C>>,
    /// Broadcasts on the channel's topic, and on the topics that it subscribes to.
    broadcasts: Amount,
    /// The number of the app's own messages.
    infos: usize,
    /// The tasks that wait until there is room for a message of theirs.
    senders: Wakers,
}

/// The letters that a closed mailbox leaves behind, and the tasks that wait for the mailbox.
pub(super) struct Leftovers<C: Channel> {
    pub(super) letters: VecDeque<Letter<C>>,
    pub(super) waiters: VecDeque<Waker>,
}

impl<C: Channel> Default for Mailbox<C> {
    fn default() -> Self {
        Self {
            waiting: None,
            body: None,
            closed: false,
            successor: None,
        }
    }
}

impl<C: Channel> Default for Waiting<C> {
    fn default() -> Self {
        Self {
            letters: VecDeque::new(),
            broadcasts: Amount::default(),
            infos: 0,
            senders: Wakers::default(),
        }
    }
}

impl<C: Channel> Mailbox<C> {
    /// Returns whether the channel has ended, or ends before it handles another letter.
    pub(super) fn is_ending(&self) -> bool {
        let first = self
            .waiting
            .as_ref()
            .and_then(|waiting| waiting.letters.front());
        self.closed || matches!(first, Some(Letter::Close(_)))
    }

    /// Returns the limit at which no further broadcast is taken. The broadcast that goes over the
    /// bytes is still taken, so that one of any size gets through when nothing else waits.
    pub(super) fn broadcasts_over(&self, limits: &Limits) -> Option<Limit> {
        let waiting = &self.waiting.as_ref()?.broadcasts;
        if waiting.messages >= limits.max_waiting_messages {
            return Some(Limit::WaitingMessages);
        }
        (waiting.bytes >= limits.max_waiting_bytes).then_some(Limit::WaitingBytes)
    }

    /// Returns the room for broadcasts.
    pub(super) fn room(&self, limits: &Limits) -> Room {
        let waiting = self.waiting.as_ref();
        Room {
            most: Amount {
                messages: limits.max_waiting_messages,
                bytes: limits.max_waiting_bytes,
            },
            waits: waiting.map_or(Amount::default(), |waiting| waiting.broadcasts),
        }
    }

    /// As [`broadcasts_over`](Self::broadcasts_over), for messages of the app. What such a message
    /// holds elsewhere is not known.
    pub(super) fn infos_over(&self, limits: &Limits) -> Option<Limit> {
        let waiting = self.waiting.as_ref()?.infos;
        (waiting >= most_infos::<C>(limits)).then_some(match waiting {
            waiting if waiting >= limits.max_waiting_messages => Limit::WaitingMessages,
            _ => Limit::WaitingBytes,
        })
    }

    pub(super) fn push(&mut self, letter: Letter<C>) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.count(&letter, true);
        waiting.letters.push_back(letter);
    }

    /// Puts the end of the channel before all that waits.
    pub(super) fn push_close(&mut self, reason: TerminateReason) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.letters.push_front(Letter::Close(reason));
    }

    /// Takes the next letter. Returns with it the tasks for which there is room now: they are to be
    /// woken without the mailbox's lock.
    pub(super) fn pop(&mut self, limits: &Limits) -> Option<(Letter<C>, VecDeque<Waker>)> {
        let waiting = self.waiting.as_mut()?;
        let Some(letter) = waiting.letters.pop_front() else {
            // An idle channel holds no memory for letters.
            self.waiting = None;
            return None;
        };
        waiting.count(&letter, false);
        // At half of the limit, so that senders are not woken for one place each. A portion for
        // each letter: those that were woken may have no message any more.
        let senders = match waiting.infos <= most_infos::<C>(limits) / 2 {
            _ if waiting.letters.is_empty() => waiting.senders.take_all(),
            true => waiting.senders.take_portion(),
            false => VecDeque::new(),
        };
        Some((letter, senders))
    }

    /// Wakes the task of `waker` when there is room for a message of the app, or the channel ends.
    pub(super) fn wake_when_there_is_room(&mut self, waker: &Waker) {
        self.waiting.get_or_insert_default().senders.add(waker);
    }

    /// Takes out the broadcasts that came before the join was answered.
    pub(super) fn take_held(&mut self, mut take: impl FnMut(Frame)) {
        let Some(waiting) = &mut self.waiting else {
            return;
        };
        let Waiting {
            letters,
            broadcasts,
            ..
        } = &mut **waiting;
        letters.retain(|letter| match letter {
            Letter::Held { frame, .. } => {
                remove(broadcasts, bytes_of(letter));
                take(frame.clone());
                false
            }
            _ => true,
        });
    }

    /// Removes and returns the broadcasts, which are to be dropped without the mailbox's lock: the
    /// app has made values from some.
    pub(super) fn take_broadcasts(&mut self) -> VecDeque<Letter<C>> {
        let Some(waiting) = &mut self.waiting else {
            return VecDeque::new();
        };
        waiting.broadcasts = Amount::default();
        let letters = std::mem::take(&mut waiting.letters);
        let (broadcasts, others) = letters.into_iter().partition(Letter::is_broadcast);
        waiting.letters = others;
        broadcasts
    }

    pub(super) fn close(&mut self) -> Leftovers<C> {
        self.closed = true;
        let Waiting {
            letters,
            mut senders,
            ..
        } = self
            .waiting
            .take()
            .map(|waiting| *waiting)
            .unwrap_or_default();
        let mut waiters = senders.take_all();
        waiters.extend(self.successor.take());
        Leftovers { letters, waiters }
    }
}

impl<C: Channel> Waiting<C> {
    fn count(&mut self, letter: &Letter<C>, comes: bool) {
        match letter {
            Letter::Info(_) if comes => self.infos += 1,
            Letter::Info(_) => self.infos -= 1,
            letter if !letter.is_broadcast() => {}
            letter if comes => {
                self.broadcasts.messages += 1;
                self.broadcasts.bytes += bytes_of(letter);
            }
            letter => remove(&mut self.broadcasts, bytes_of(letter)),
        }
    }
}

fn remove(broadcasts: &mut Amount, bytes: usize) {
    broadcasts.messages -= 1;
    broadcasts.bytes -= bytes;
}

/// Returns the number of the app's messages that may wait, by both limits.
fn most_infos<C: Channel>(limits: &Limits) -> usize {
    let by_bytes = limits.max_waiting_bytes / size_of::<Letter<C>>();
    limits.max_waiting_messages.min(by_bytes).max(1)
}

/// Returns the bytes that a broadcast holds while it waits. Its payload may be shared with others,
/// and counts in full for each.
fn bytes_of<C: Channel>(letter: &Letter<C>) -> usize {
    size_of::<Letter<C>>()
        + match letter {
            Letter::Out { broadcast, .. } => broadcast_bytes(broadcast),
            Letter::Heard { bytes, .. } => *bytes,
            Letter::Held { frame, .. } => frame.len(),
            _ => 0,
        }
}
