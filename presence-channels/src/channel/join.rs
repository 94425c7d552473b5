use std::{error::Error, fmt, sync::Arc};

use presence_core::pubsub::{EncodeError, IntoPayload, Payload};

use super::{AnyChannel, Channel, ChannelError};
use crate::{
    Topic,
    failure::{Cause, Failure, reason_payload},
    message::Ref,
    telemetry::RouteMeter,
};

/// The result of [`Channel::join`]: the channel and a reply, or a refusal.
pub type JoinResult<C> = Result<Accepted<C>, JoinError>;

/// A join that is accepted.
///
/// A channel by itself converts into one by `.into()`; the reply is empty then.
#[derive(Debug)]
pub struct Accepted<C> {
    pub(super) channel: C,
    pub(super) reply: Payload,
}

impl<C: Channel> Accepted<C> {
    /// Accepts the join with a reply, which phoenix.js passes to `receive("ok", ...)` of the join.
    ///
    /// # Errors
    /// An [`EncodeError`] if the reply has no JSON form.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{Accepted, Channel, JoinResult};
    /// # use serde_json::json;
    /// fn accept<C: Channel>(channel: C) -> JoinResult<C> {
    ///     Ok(Accepted::with_reply(channel, json!({ "latest": 41 }))?)
    /// }
    /// ```
    pub fn with_reply(channel: C, reply: impl IntoPayload) -> Result<Self, EncodeError> {
        Ok(Self {
            channel,
            reply: reply.into_payload()?,
        })
    }
}

impl<C: Channel> From<C> for Accepted<C> {
    fn from(channel: C) -> Self {
        Self {
            channel,
            reply: Payload::empty(),
        }
    }
}

/// A refused join.
///
/// `?` converts every error to it, as to a [`ChannelError`]: the client gets the reply that
/// [`UserSocket::error_reply`](crate::UserSocket::error_reply) chooses for the error, what is wrong
/// with the payload for a [`DecodeError`](crate::DecodeError), and else the reason
/// `internal error`; the error's text is logged.
pub struct JoinError(pub(super) Failure);

impl JoinError {
    /// Refuses with `{"reason": reason}`.
    #[must_use]
    pub fn new(reason: &str) -> Self {
        Self(Failure::Refusal(reason_payload(reason)))
    }

    /// Refuses with a payload of your own. One that has no JSON form becomes the reason
    /// `internal error`.
    pub fn with(payload: impl IntoPayload) -> Self {
        Self(Failure::refusal(payload))
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>> + 'static> From<E> for JoinError {
    fn from(error: E) -> Self {
        Self(Failure::Error(Cause::new(error)))
    }
}

/// Lets `join` and `handle_in` share functions that return a [`ChannelError`].
impl From<ChannelError> for JoinError {
    fn from(error: ChannelError) -> Self {
        Self(error.failure)
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinError").field(&self.0).finish()
    }
}

/// A client's join, on its way to the channel.
pub(crate) struct Join {
    pub(crate) topic: Topic,
    pub(crate) join_ref: Ref,
    pub(crate) reference: Ref,
    pub(crate) payload: Payload,
    /// The client's channel of the same topic, which must end first.
    pub(crate) previous: Option<Arc<dyn AnyChannel>>,
    /// The bytes that the join holds while it waits for its predecessor.
    pub(crate) bytes: usize,
    pub(crate) meter: RouteMeter,
}
