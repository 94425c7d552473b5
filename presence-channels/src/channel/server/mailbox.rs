//! The letters that wait for a channel, and the limits on them.

use std::{
    collections::VecDeque,
    mem::size_of,
    task::{Poll, Waker},
};

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
    /// Set from the channel's last callback on. No letter is handled any more.
    pub(super) ending: bool,
    pub(super) closed: bool,
    /// The join that waits for this channel's end.
    pub(super) successor: Option<Waker>,
}

struct Waiting<C: Channel> {
    /// The client's letters that others have overtaken while the client was held. All of them came
    /// before all of `letters`.
    overtaken: VecDeque<Letter<C>>,
    letters: VecDeque<Letter<C>>,
    /// Broadcasts on the channel's topic, and on the topics that it subscribes to.
    broadcasts: Amount,
    /// The number of the app's own messages.
    infos: usize,
    /// The tasks that wait until there is room for a message of theirs.
    senders: Wakers,
    /// The task that runs the channel, while only letters of a held client wait.
    runner: Option<Waker>,
}

/// The next letter of a channel.
pub(super) enum Next<C: Channel> {
    /// The letter, and the tasks for which there is room now: they are to be woken without the
    /// mailbox's lock.
    Letter(Letter<C>, VecDeque<Waker>),
    /// Only letters of a held client wait.
    Held,
    None,
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
            ending: false,
            closed: false,
            successor: None,
        }
    }
}

impl<C: Channel> Default for Waiting<C> {
    fn default() -> Self {
        Self {
            overtaken: VecDeque::new(),
            letters: VecDeque::new(),
            broadcasts: Amount::default(),
            infos: 0,
            senders: Wakers::default(),
            runner: None,
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
        self.ending || self.closed || matches!(first, Some(Letter::Close(_)))
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

    /// Adds a letter. Returns the task that waits for such a letter: it is to be woken without the
    /// mailbox's lock.
    #[must_use]
    pub(super) fn push(&mut self, letter: Letter<C>) -> Option<Waker> {
        let waiting = self.waiting.get_or_insert_default();
        waiting.count(&letter, true);
        let waits = letter.is_clients();
        waiting.letters.push_back(letter);
        waiting.runner.take_if(|_| !waits)
    }

    /// Puts the end of the channel before all that waits. Returns what [`push`](Self::push) does.
    #[must_use]
    pub(super) fn push_close(&mut self, reason: TerminateReason) -> Option<Waker> {
        let waiting = self.waiting.get_or_insert_default();
        waiting.letters.push_front(Letter::Close(reason));
        waiting.runner.take()
    }

    /// Puts a letter of a held client, which came when the channel was idle, before all others of
    /// the client.
    pub(super) fn hold_first(&mut self, letter: Letter<C>) {
        self.waiting
            .get_or_insert_default()
            .overtaken
            .push_front(letter);
    }

    /// Takes the next letter. Those of a client that is held stay: the channel handles the others
    /// meanwhile, which may be what another held client waits for.
    pub(super) fn pop(&mut self, limits: &Limits, is_held: impl FnOnce() -> bool) -> Next<C> {
        let Some(waiting) = &mut self.waiting else {
            return Next::None;
        };
        let Some(letter) = waiting.take(is_held) else {
            if !waiting.overtaken.is_empty() {
                return Next::Held;
            }
            // An idle channel holds no memory for letters.
            self.waiting = None;
            return Next::None;
        };
        waiting.count(&letter, false);
        // At half of the limit, so that senders are not woken for one place each. A portion for
        // each letter: those that were woken may have no message any more.
        let senders = match waiting.infos <= most_infos::<C>(limits) / 2 {
            _ if waiting.letters.is_empty() => waiting.senders.take_all(),
            true => waiting.senders.take_portion(),
            false => VecDeque::new(),
        };
        Next::Letter(letter, senders)
    }

    /// Ready when a letter waits that a held client does not hold up.
    pub(super) fn poll_unheld(&mut self, waker: &Waker) -> Poll<()> {
        let Some(waiting) = &mut self.waiting else {
            return Poll::Ready(());
        };
        waiting.pass_clients();
        if !waiting.letters.is_empty() {
            return Poll::Ready(());
        }
        waiting.runner = Some(waker.clone());
        Poll::Pending
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

    /// Takes no more messages but the client's. Returns the broadcasts, as
    /// [`take_broadcasts`](Self::take_broadcasts) does, and the tasks that wait for room.
    pub(super) fn end(&mut self) -> Leftovers<C> {
        self.ending = true;
        let letters = self.take_broadcasts();
        let senders = self.waiting.as_mut().map(|waiting| &mut waiting.senders);
        let waiters = senders.map(Wakers::take_all).unwrap_or_default();
        Leftovers { letters, waiters }
    }

    pub(super) fn close(&mut self) -> Leftovers<C> {
        self.closed = true;
        let Waiting {
            overtaken: mut letters,
            letters: mut later,
            mut senders,
            ..
        } = self
            .waiting
            .take()
            .map(|waiting| *waiting)
            .unwrap_or_default();
        letters.append(&mut later);
        let mut waiters = senders.take_all();
        waiters.extend(self.successor.take());
        Leftovers { letters, waiters }
    }
}

impl<C: Channel> Waiting<C> {
    /// Takes the next letter that may be handled.
    fn take(&mut self, is_held: impl FnOnce() -> bool) -> Option<Letter<C>> {
        let first = self.letters.front();
        let is_end = matches!(first, Some(Letter::Close(_)));
        let may_be_held = !self.overtaken.is_empty() || matches!(first, Some(Letter::In { .. }));
        if is_end || !may_be_held {
            return self.letters.pop_front();
        }
        if is_held() {
            self.pass_clients();
            return self.letters.pop_front();
        }
        let overtaken = self.overtaken.pop_front();
        overtaken.or_else(|| self.letters.pop_front())
    }

    /// Has the first letter that is not the client's overtake those before it. Each letter is
    /// overtaken once, so a long line costs no visits.
    fn pass_clients(&mut self) {
        while let Some(letter) = self.letters.pop_front_if(|letter| letter.is_clients()) {
            self.overtaken.push_back(letter);
        }
    }

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
