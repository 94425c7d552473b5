//! Leaving a letter with a channel, and with it the work of handling it.

use std::{sync::Arc, task::Waker};

use parking_lot::MutexGuard;

use super::{AnyChannel, ChannelServer, Work, mailbox::Mailbox, run::run};
use crate::{
    Limits,
    channel::{Channel, NotifyError, TerminateReason, letter::Letter},
    guard::drop_guarded,
    telemetry::{Limit, LimitMeters},
};

impl<C: Channel> ChannelServer<C> {
    pub(super) fn limits(&self) -> &Limits {
        &self.shared.mount.options.limits
    }

    fn limit_meters(&self) -> &LimitMeters {
        self.shared.mount.meters.limits()
    }

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
            return Some(self.work(run(self.clone(), body, Some(letter))));
        }
        let runner = mailbox.push(letter);
        drop(mailbox);
        runner.into_iter().for_each(Waker::wake);
        None
    }

    /// Posts a broadcast. A channel that handles them too slowly ends, and its client joins again:
    /// the channel must neither fill the memory nor miss a broadcast without a sign.
    pub(super) fn post_broadcast(
        self: &Arc<Self>,
        mailbox: MutexGuard<'_, Mailbox<C>>,
        letter: Letter<C>,
    ) {
        let work = match mailbox.broadcasts_over(self.limits()) {
            // A channel that is about to end takes no more, or the letters would have no bound.
            _ if mailbox.is_ending() => {
                drop(mailbox);
                drop_guarded(letter);
                None
            }
            // The client's own messages have their own limit, and are no sign of a slow channel.
            Some(limit) => {
                self.end_over(mailbox, limit, "broadcasts");
                drop_guarded(letter);
                None
            }
            None => {
                if let Some(Some(unhandled)) = letter.unhandled() {
                    let room = mailbox.room(self.limits());
                    unhandled.wait_in(room, self.shared.node().runtime());
                }
                self.put(mailbox, letter)
            }
        };
        self.spawn(work);
    }

    /// Posts a broadcast of a topic that the channel subscribes to, or the end of a channel whose
    /// code failed to read it.
    pub(in crate::channel) fn post_heard(
        self: &Arc<Self>,
        letter: Result<Letter<C>, TerminateReason>,
    ) {
        match letter {
            Ok(letter) => self.post_broadcast(self.mailbox.lock(), letter),
            Err(_) if self.mailbox.lock().is_ending() => {}
            Err(reason) => self.spawn(self.clone().close(reason)),
        }
    }

    /// Posts a message of the app from within the channel, which cannot wait for itself. A channel
    /// that sends itself more than it handles ends.
    pub(in crate::channel) fn post_own(self: &Arc<Self>, info: C::Info) {
        let mailbox = self.mailbox.lock();
        let work = match mailbox.infos_over(self.limits()) {
            _ if mailbox.is_ending() => {
                drop(mailbox);
                drop_guarded(info);
                None
            }
            Some(limit) => {
                self.end_over(mailbox, limit, "messages of its own");
                drop_guarded(info);
                None
            }
            None => self.put(mailbox, Letter::Info(info)),
        };
        self.spawn(work);
    }

    /// Posts a message of the app from another task. If there is no room, returns the message, and
    /// wakes the task of `waker` when there is.
    pub(in crate::channel) fn post_info(
        self: &Arc<Self>,
        info: C::Info,
        waker: Option<&Waker>,
    ) -> Result<(), (NotifyError, C::Info)> {
        let mut mailbox = self.mailbox.lock();
        if mailbox.is_ending() {
            return Err((NotifyError::Closed, info));
        }
        if let Some(limit) = mailbox.infos_over(self.limits()) {
            match waker {
                Some(waker) => mailbox.wake_when_there_is_room(waker),
                None => {
                    drop(mailbox);
                    self.limit_meters().refused(limit, &*self.topic);
                }
            }
            return Err((NotifyError::Full, info));
        }
        let work = self.put(mailbox, Letter::Info(info));
        self.spawn(work);
        Ok(())
    }

    /// Ends the channel before all that waits. The broadcasts are dropped at once. The client's own
    /// letters stay: they are answered, and count no longer as waiting, when the mailbox closes.
    fn end_over(&self, mut mailbox: MutexGuard<'_, Mailbox<C>>, limit: Limit, what: &str) {
        let name = limit.name();
        let reason = format!("too slow for its {what}: {name} is reached");
        let broadcasts = mailbox.take_broadcasts();
        let runner = mailbox.push_close(TerminateReason::Failed(reason.clone()));
        drop(mailbox);
        runner.into_iter().for_each(Waker::wake);
        self.log_slow(&reason);
        self.limit_meters().closed(limit, &*self.topic);
        broadcasts.into_iter().for_each(drop_guarded);
    }

    fn spawn(&self, work: Option<Work>) {
        if let Some(work) = work {
            self.shared.node().runtime().spawn(work);
        }
    }
}
