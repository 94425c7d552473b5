//! The list of a topic's presences, for a member.

use presence_core::{Presence, Tracker};

use super::Socket;
use crate::{
    Channel, PushError,
    message::{Outgoing, Ref},
};

impl<C: Channel> Socket<C> {
    /// Sends the presences in this topic to this client: `presence_state`, and for a large list
    /// `presence_diff`s that only join after it. phoenix.js's `Presence` merges them as they are.
    ///
    /// Each message has at most 256 KiB of JSON, unless a single meta has more. A message is queued
    /// once no more than a quarter of
    /// [`Limits::max_outgoing_bytes`](crate::Limits::max_outgoing_bytes) waits for this client, so
    /// that a client on a slow line is not closed. Users may come and go meanwhile.
    /// [`Config::handler_timeout`](crate::Config::handler_timeout) begins anew with each message.
    /// The channel handles no other message until all are queued. The call also ends, with `Ok`,
    /// when the client has gone.
    ///
    /// A list of at most 256 KiB is one `presence_state`, which has all that was tracked before
    /// the call. The parts of a larger list are encoded once for all clients that ask between two
    /// diffs. They may lack the newest presences, this member's own among them: the topic's next
    /// `presence_diff` has them. The fields of [`fetch`](Presence::fetch) are shared in the same
    /// way.
    ///
    /// If `fetch` panics or takes too long, this is logged, and the list lacks its fields.
    ///
    /// # Errors
    /// A [`PushError`] if the list cannot be encoded for this client, or the channel has not joined
    /// yet. The client may have a part of the list.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use serde_json::json;
    /// # struct Online;
    /// # impl Presence for Online { const NAME: &str = "docs.online"; }
    /// # async fn handler<C: Channel>(
    /// #     online: &Tracker<Online>,
    /// #     socket: &mut Socket<C>,
    /// # ) -> InfoResult {
    /// // In `handle_info`, after the join.
    /// online.track(socket, "alice", json!({})).await?;
    /// socket.push_presence_state(online).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn push_presence_state<P: Presence>(
        &self,
        presence: &Tracker<P>,
    ) -> Result<(), PushError> {
        if self.subscription.is_none() {
            return Err(PushError::NotJoined);
        }
        let shared = &self.server.shared;
        let outbox = &shared.outbox;
        let mut parts = presence.state_parts(self.topic());
        let mut is_first = true;
        while let Some(part) = parts.next().await {
            if !is_first {
                self.server.room().await;
            }
            let frame = shared.version.encode(&Outgoing::Push {
                join_ref: &self.server.effective_join_ref,
                reference: &Ref::NULL,
                topic: self.topic(),
                event: part.event(),
                payload: part.payload(),
            })?;
            let bytes = frame.len();
            let mut is_open = true;
            if parts.queue(&part, || is_open = outbox.enqueue(frame)) {
                if !is_open {
                    return Ok(());
                }
                outbox.enqueued(bytes);
                is_first = false;
            }
        }
        Ok(())
    }
}
