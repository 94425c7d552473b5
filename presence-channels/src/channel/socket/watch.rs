//! The changes of the topic's presence that a member gets.

use presence_core::{Presence, Tracker, pubsub::Interest, tracker::PRESENCE_COUNT};

use super::Socket;
use crate::{
    Channel, PresenceWatch, PushError,
    message::{Outgoing, Ref},
};

/// The most times that a count is encoded, if it changes meanwhile each time.
const TRIES: usize = 3;

impl<C: Channel> Socket<C> {
    /// Sets which changes of `presence` this member gets from now on. Called in `join`, the client
    /// gets the first count after the reply.
    ///
    /// A member that does not watch in full costs nothing when users come and go. If the topic has
    /// several presences, a member counts the one of the last call.
    ///
    /// # Errors
    /// A [`PushError`] if a count cannot be sent to this client. The member watches as set.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # struct Online;
    /// # impl Presence for Online { const NAME: &str = "docs.online"; }
    /// # fn join<C: Channel>(
    /// #     online: &Tracker<Online>,
    /// #     params: Payload,
    /// #     socket: &mut Socket<C>,
    /// # ) -> Result<(), JoinError> {
    /// // In `join`: the client chooses by `{"presence": "count"}`.
    /// let watch = PresenceWatch::from_params(&params)?;
    /// socket.watch_presence(online, watch)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch_presence<P: Presence>(
        &mut self,
        presence: &Tracker<P>,
        watch: PresenceWatch,
    ) -> Result<(), PushError> {
        self.interest = watch.interest();
        self.counting = match watch {
            PresenceWatch::Count => Some(presence.counting(self.topic())),
            PresenceWatch::Full | PresenceWatch::None => None,
        };
        let Some(subscription) = &mut self.subscription else {
            return Ok(());
        };
        subscription.set_interest(self.interest);
        self.push_count()
    }

    /// Sends the count, if the member counts.
    ///
    /// The app's own serializer may take long, and a write is a call of the system. So neither runs
    /// under the lock of the topic's count, and a count that has changed meanwhile is encoded anew.
    /// The member gets the next count in any case, because it subscribes to counts already.
    pub(in crate::channel) fn push_count(&self) -> Result<(), PushError> {
        let Some(counting) = &self.counting else {
            return Ok(());
        };
        let shared = &self.server.shared;
        for _ in 0..TRIES {
            let payload = counting.queue(|payload| payload);
            let frame = shared.version.encode(&Outgoing::Push {
                join_ref: &self.server.effective_join_ref,
                reference: &Ref::NULL,
                topic: self.topic(),
                event: PRESENCE_COUNT,
                payload: &payload,
            })?;
            let bytes = frame.len();
            let queued = counting.queue(|now| {
                let is_still = now.bytes() == payload.bytes();
                is_still.then(|| shared.outbox.enqueue(frame))
            });
            if let Some(is_open) = queued {
                if is_open {
                    shared.outbox.enqueued(bytes);
                }
                break;
            }
        }
        Ok(())
    }

    pub(in crate::channel) fn interest(&self) -> Interest {
        self.interest
    }
}
