//! What a message from a client is answered with.

use std::sync::Arc;

use presence_core::pubsub::{IntoPayload, Payload};

use super::{ChannelError, PushError};
use crate::{
    Topic,
    message::{Outgoing, Ref, TopicRef},
    serializer::Version,
    transport::Outbox,
};

/// What [`Channel::handle_in`](crate::Channel::handle_in) gives.
pub type HandleResult = Result<Reply, ChannelError>;

/// What [`Channel::handle_info`](crate::Channel::handle_info) and
/// [`handle_out`](crate::Channel::handle_out) give.
pub type InfoResult = Result<(), ChannelError>;

/// What happens after a message was handled. Made by [`reply_ok`], [`no_reply`] and their kin.
#[derive(Debug)]
#[must_use]
pub struct Reply {
    pub(super) reply: Option<(&'static str, Payload)>,
    pub(super) then: Then,
}

#[derive(Debug)]
pub(super) enum Then {
    GoOn,
    Stop,
    Fail(String),
}

/// Answers with status `ok`: what phoenix.js hands to `receive("ok", ...)` of the push.
///
/// # Errors
/// Those of encoding the payload.
pub fn reply_ok(payload: impl IntoPayload) -> HandleResult {
    reply("ok", payload)
}

/// Answers with status `error`: what phoenix.js hands to `receive("error", ...)` of the push.
///
/// # Errors
/// Those of encoding the payload.
pub fn reply_error(payload: impl IntoPayload) -> HandleResult {
    reply("error", payload)
}

/// Answers with a status of your own.
///
/// # Errors
/// Those of encoding the payload.
pub fn reply(status: &'static str, payload: impl IntoPayload) -> HandleResult {
    Ok(Reply {
        reply: Some((status, payload.into_payload()?)),
        then: Then::GoOn,
    })
}

/// Answers nothing. A reply may follow later, by [`Socket::reply_ref`](crate::Socket::reply_ref).
///
/// # Errors
/// None; a `HandleResult` so that it can end a handler.
pub fn no_reply() -> HandleResult {
    Ok(Reply {
        reply: None,
        then: Then::GoOn,
    })
}

/// Ends the channel. The client gets `phx_close`.
///
/// # Errors
/// None; a `HandleResult` so that it can end a handler.
pub fn stop() -> HandleResult {
    Ok(Reply {
        reply: None,
        then: Then::Stop,
    })
}

/// Answers with `status` and ends the channel. The client gets the reply, then `phx_close`.
///
/// # Errors
/// Those of encoding the payload.
pub fn stop_with_reply(status: &'static str, payload: impl IntoPayload) -> HandleResult {
    Ok(Reply {
        reply: Some((status, payload.into_payload()?)),
        then: Then::Stop,
    })
}

/// Ends the channel because something is wrong. The reason is logged; the client gets `phx_error`,
/// and phoenix.js joins again.
///
/// # Errors
/// None; a `HandleResult` so that it can end a handler.
pub fn stop_with_error(reason: impl Into<String>) -> HandleResult {
    Ok(Reply {
        reply: None,
        then: Then::Fail(reason.into()),
    })
}

/// For an event the channel does not know. As in Phoenix, where no clause matches then, the channel
/// ends with `phx_error`, and the log names the event.
///
/// # Errors
/// None; a `HandleResult` so that it can end a handler.
pub fn unhandled(event: &str) -> HandleResult {
    // What a client sent is not let into the log at any length.
    let shown: String = event.chars().take(64).collect();
    stop_with_error(format!("no handler for the event {shown:?}"))
}

/// Answers a message later, from anywhere: `socket_ref/1` and `reply/2` of `Phoenix.Channel`.
///
/// It can be moved into a task. It keeps no channel alive, and answers even when the channel has
/// ended, as long as the client is connected.
#[derive(Clone)]
pub struct ReplyRef {
    pub(super) outbox: Arc<Outbox>,
    pub(super) version: Version,
    pub(super) topic: Topic,
    pub(super) join_ref: Ref,
    pub(super) reference: Ref,
}

impl ReplyRef {
    /// Answers with status `ok`.
    ///
    /// # Errors
    /// A [`PushError`] if the payload cannot be encoded for this client; it may be tried again with
    /// another.
    pub fn ok(&self, payload: impl IntoPayload) -> Result<(), PushError> {
        self.reply("ok", payload)
    }

    /// Answers with status `error`.
    ///
    /// # Errors
    /// As [`ok`](Self::ok).
    pub fn error(&self, payload: impl IntoPayload) -> Result<(), PushError> {
        self.reply("error", payload)
    }

    /// Answers with a status of your own.
    ///
    /// # Errors
    /// As [`ok`](Self::ok).
    pub fn reply(&self, status: &str, payload: impl IntoPayload) -> Result<(), PushError> {
        let payload = payload.into_payload()?;
        let reply = Outgoing::Reply {
            join_ref: &self.join_ref,
            reference: &self.reference,
            topic: TopicRef::Text(&self.topic),
            status,
            payload: &payload,
        };
        self.outbox.send(self.version.encode(&reply)?);
        Ok(())
    }
}

impl std::fmt::Debug for ReplyRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplyRef")
            .field("topic", &self.topic)
            .field("ref", &self.reference)
            .finish_non_exhaustive()
    }
}
