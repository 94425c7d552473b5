//! Broadcasts on their way to a channel's client.

use std::{any::Any, sync::atomic::Ordering};

use presence_core::pubsub::{Dispatch, Subscriber};

use super::{AnyChannel, ChannelServer};
use crate::{
    SlowReader,
    channel::{
        Channel, TerminateReason,
        letter::{Letter, broadcast_bytes},
    },
    guard::call_guarded,
    node::{Kick, SinceMark},
    outgoing::BroadcastFrames,
    telemetry::Drops,
};

impl<C: Channel> ChannelServer<C> {
    /// Returns whether a slow client may miss the event. Presences never: a list would stay wrong.
    pub(super) fn may_drop(&self, event: &str) -> bool {
        let policy = self.shared.mount.options.limits.slow_reader;
        (policy == SlowReader::DropBroadcasts || C::DROPPABLE.contains(&event))
            && !event.starts_with("presence_")
    }

    /// Returns the end of a channel whose user was kicked since the mark, while no kick reached the
    /// channel.
    pub(super) fn kicked_since(&self, mark: u64) -> Option<TerminateReason> {
        let recent = self.shared.node().recent_kicks();
        if recent.mark() == mark {
            return None;
        }
        let id = call_guarded(|| self.shared.user_id()).ok().flatten()?;
        match recent.since(mark, &self.topic, &id) {
            SinceMark::Spared => None,
            SinceMark::Kicked => Some(TerminateReason::Kicked),
            // Its client joins again, by which time `join` knows whom to refuse.
            SinceMark::Unknown => {
                let reason =
                    "too many kicks came during the join to know whether one is for its user";
                Some(TerminateReason::Failed(reason.to_owned()))
            }
        }
    }

    /// Ends the channel if the kick is for its user.
    fn kicked(&self, Kick(kicked): &Kick) {
        let id = call_guarded(|| self.shared.user_id()).ok().flatten();
        if id.is_some_and(|id| kicked.bytes() == id.as_bytes())
            && let Some(server) = self.me.upgrade()
            && let Some(work) = server.close(TerminateReason::Kicked)
        {
            self.shared.node().runtime().spawn(work);
        }
    }
}

impl<C: Channel> Subscriber for ChannelServer<C> {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let broadcast = dispatch.message();
        let is_remote = dispatch.is_remote();
        let frames: &mut BroadcastFrames = dispatch.shared();
        if is_remote && self.shared.node().flushers().is_backlogged() {
            // Its sender cannot be made to wait.
            frames.drop_unflushed(&self.shared.outbox);
            return;
        }
        let unhandled = |frames: &mut BroadcastFrames| match is_remote {
            true => None,
            false => frames.unhandled(&self.shared.outbox, broadcast_bytes(broadcast)),
        };
        if C::INTERCEPTS.contains(&&*broadcast.event) {
            if let Some(server) = self.me.upgrade() {
                let letter = Letter::Out {
                    broadcast: broadcast.clone(),
                    unhandled: unhandled(frames),
                };
                server.post_broadcast(self.mailbox.lock(), letter);
            }
            return;
        }
        let frame = match frames.get(&self.shared.version, broadcast) {
            Ok(frame) if self.may_drop(&broadcast.event) => frame.clone().droppable(),
            Ok(frame) => frame.clone(),
            Err(error) => {
                self.shared.outbox.meter().dropped(Drops::Unencodable);
                self.log_unsent_broadcast(&broadcast.event, error);
                return;
            }
        };
        if !self.joined.load(Ordering::Acquire) {
            let unhandled = unhandled(frames);
            let mailbox = self.mailbox.lock();
            // Looked at again under the lock that the join is answered under.
            if !self.joined.load(Ordering::Acquire) {
                if let Some(server) = self.me.upgrade() {
                    server.post_broadcast(mailbox, Letter::Held { frame, unhandled });
                }
                return;
            }
        }
        frames.send(&self.shared.outbox, frame);
    }

    fn signal(&self, signal: &dyn Any) {
        if let Some(kick) = signal.downcast_ref() {
            self.kicked(kick);
        }
    }
}
