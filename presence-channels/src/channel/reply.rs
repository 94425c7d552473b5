//! Replies to messages from clients.

use std::{borrow::Cow, sync::Arc};

use presence_core::pubsub::{IntoPayload, Payload};

use super::{ChannelError, PushError};
use crate::{
    Topic,
    message::{Outgoing, Ref, TopicRef},
    outgoing::Outbox,
    serializer::Version,
};

/// The result of [`Channel::handle_in`](crate::Channel::handle_in).
///
/// Every arm of a handler says what the client gets: a reply, [`no_reply`], or the channel's end.
/// An arm that ends in `socket.broadcast(..)?` does not, and the compiler says that it expected
/// `Result<Reply, ChannelError>` and found `()`. End such an arm with [`no_reply`]:
///
/// ```
/// # use presence_channels::*;
/// # async fn handle_in<C: Channel>(
/// #     event: &str,
/// #     payload: Payload,
/// #     socket: &mut Socket<C>,
/// # ) -> HandleResult {
/// match event {
///     "ping" => reply_ok(payload),
///     "shout" => {
///         socket.broadcast("shout", payload)?;
///         no_reply()
///     }
///     _ => unhandled(event),
/// }
/// # }
/// ```
pub type HandleResult = Result<Reply, ChannelError>;

/// The result of [`Channel::handle_info`](crate::Channel::handle_info) and
/// [`handle_out`](crate::Channel::handle_out). Nobody waits for an answer there, so the end is
/// `Ok(())`.
pub type InfoResult = Result<(), ChannelError>;

/// The outcome of a message that was handled: a reply, or the end of the channel. [`reply_ok`],
/// [`no_reply`] and similar functions create it.
#[derive(Debug)]
#[must_use = "a reply is sent only if the handler returns it"]
pub struct Reply {
    pub(super) reply: Option<(Cow<'static, str>, Payload)>,
    pub(super) then: Then,
}

#[derive(Debug)]
pub(super) enum Then {
    GoOn,
    Stop,
    Fail(String),
    /// As [`Fail`](Self::Fail), by an event that the channel does not know.
    Unhandled(String),
}

/// Replies with the status `ok`. phoenix.js passes the payload to `receive("ok", ...)` of the push.
///
/// # Errors
/// Those of encoding the payload.
pub fn reply_ok(payload: impl IntoPayload) -> HandleResult {
    reply("ok", payload)
}

/// Replies with the status `error`. phoenix.js passes the payload to `receive("error", ...)` of the
/// push.
///
/// # Errors
/// Those of encoding the payload.
///
/// # Examples
/// ```
/// # use presence_channels::{HandleResult, reply_error, reply_ok};
/// # use serde_json::json;
/// fn rename(name: &str) -> HandleResult {
///     if name.is_empty() {
///         return reply_error(json!({ "reason": "a name is needed" }));
///     }
///     reply_ok(json!({ "name": name }))
/// }
/// # let _ = rename;
/// ```
pub fn reply_error(payload: impl IntoPayload) -> HandleResult {
    reply("error", payload)
}

/// Answers with a status of your own, a constant or a text made at run time. phoenix.js passes the
/// payload to `receive(status, ...)` of the push.
///
/// # Errors
/// Those of encoding the payload.
///
/// # Examples
/// ```
/// # use presence_channels::{HandleResult, reply};
/// # use serde_json::json;
/// fn saved(version: Option<u32>) -> HandleResult {
///     match version {
///         None => reply("conflict", json!({})),
///         Some(version) => reply(format!("saved_as_{version}"), json!({})),
///     }
/// }
/// # let _ = saved;
/// ```
pub fn reply(status: impl Into<Cow<'static, str>>, payload: impl IntoPayload) -> HandleResult {
    Ok(Reply {
        reply: Some((status.into(), payload.into_payload()?)),
        then: Then::GoOn,
    })
}

/// Sends no reply. A reply may follow later, by [`Socket::reply_ref`](crate::Socket::reply_ref).
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

/// Replies with `status` and ends the channel. The client gets the reply, then `phx_close`.
///
/// # Errors
/// Those of encoding the payload.
///
/// # Examples
/// ```
/// # use presence_channels::{HandleResult, stop, stop_with_error, stop_with_reply};
/// # use serde_json::json;
/// fn finish(moves: u32, is_valid: bool) -> HandleResult {
///     match (moves, is_valid) {
///         // phoenix.js joins again, and the game begins anew.
///         (_, false) => stop_with_error("the game is not valid"),
///         (0, true) => stop(),
///         (moves, true) => stop_with_reply("ok", json!({ "moves": moves })),
///     }
/// }
/// # let _ = finish;
/// ```
pub fn stop_with_reply(
    status: impl Into<Cow<'static, str>>,
    payload: impl IntoPayload,
) -> HandleResult {
    Ok(Reply {
        reply: Some((status.into(), payload.into_payload()?)),
        then: Then::Stop,
    })
}

/// Ends the channel because of an error. The reason is logged. The client gets `phx_error`, and
/// phoenix.js joins again.
///
/// # Errors
/// None; a `HandleResult` so that it can end a handler.
pub fn stop_with_error(reason: impl Into<String>) -> HandleResult {
    Ok(Reply {
        reply: None,
        then: Then::Fail(reason.into()),
    })
}

/// Handles an event that the channel does not know. The channel ends with `phx_error`, and the log
/// names the event. In Phoenix no clause matches such an event.
///
/// # Errors
/// None; a `HandleResult` so that it can end a handler.
pub fn unhandled(event: &str) -> HandleResult {
    // A client must not fill the log with a long event.
    let shown: String = event.chars().take(64).collect();
    Ok(Reply {
        reply: None,
        then: Then::Unhandled(format!("no handler for the event {shown:?}")),
    })
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
