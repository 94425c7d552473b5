//! Leaving a letter with a channel, and with it the work of handling it.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::{ChannelServer, Mailbox, Work, run::run};
use crate::channel::{Channel, TerminateReason, letter::Letter};

impl<C: Channel> Mailbox<C> {
    fn push(&mut self, letter: Letter<C>) {
        self.broadcasts += u32::from(letter.is_broadcast());
        self.letters.push_back(letter);
    }

    pub(super) fn pop(&mut self) -> Option<Letter<C>> {
        let letter = self.letters.pop_front()?;
        self.broadcasts -= u32::from(letter.is_broadcast());
        Some(letter)
    }

    fn drop_broadcasts(&mut self) {
        self.letters.retain(|letter| !letter.is_broadcast());
        self.broadcasts = 0;
    }
}

impl<C: Channel> ChannelServer<C> {
    /// Posts a letter. Returns the work of handling it, unless work of the channel is already under
    /// way.
    pub(super) fn post(self: &Arc<Self>, letter: Letter<C>) -> Result<Option<Work>, Letter<C>> {
        let mailbox = self.mailbox.lock();
        if mailbox.closed {
            return Err(letter);
        }
        Ok(self.put(mailbox, letter))
    }

    fn put(
        self: &Arc<Self>,
        mut mailbox: MutexGuard<'_, Mailbox<C>>,
        letter: Letter<C>,
    ) -> Option<Work> {
        if let Some(body) = mailbox.body.take() {
            drop(mailbox);
            return Some(Box::pin(run(self.clone(), body, Some(letter))));
        }
        mailbox.push(letter);
        None
    }

    /// Leaves a broadcast. A channel that handles them too slowly ends, and its client joins again:
    /// it must neither fill the memory nor miss some without knowing.
    pub(super) fn post_broadcast(
        self: &Arc<Self>,
        mut mailbox: MutexGuard<'_, Mailbox<C>>,
        letter: Letter<C>,
    ) -> Option<Work> {
        let limit = self.shared.mount.options.limits.max_waiting_messages;
        // A channel that must end before all that waits hears of no more, or what it hears of would
        // have no bound.
        if mailbox.closed || matches!(mailbox.letters.front(), Some(Letter::Close(_))) {
            return None;
        }
        // The client's own messages have their own limit, and are no sign of a slow channel.
        if mailbox.broadcasts as usize >= limit {
            let reason = TerminateReason::Failed("too slow for its broadcasts".into());
            // The client's own letters stay: they are answered, and count no longer as waiting,
            // when the mailbox closes. The app's own messages are dropped there, too, and not under
            // this lock.
            mailbox.drop_broadcasts();
            mailbox.letters.push_front(Letter::Close(reason));
            return None;
        }
        self.put(mailbox, letter)
    }

    /// Posts a letter from outside the connection's task. Returns whether the channel still runs.
    pub(in crate::channel) fn post_spawned(self: &Arc<Self>, letter: Letter<C>) -> bool {
        let posted = self.post(letter);
        if let Ok(Some(work)) = posted {
            self.shared.endpoint.runtime().spawn(work);
            return true;
        }
        posted.is_ok()
    }
}
