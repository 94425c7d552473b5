//! Errors of channels.

use std::{borrow::Cow, error::Error, fmt};

use presence_core::pubsub::{EncodeError, IntoPayload};

use crate::{
    BroadcastError, UserSocket,
    failure::{Cause, Failure, Settled, default_reason, reason_payload},
    serializer::FrameError,
};

/// A callback failed. The channel goes on; a message from the client is answered with an error
/// reply.
///
/// One error ends the channel with `phx_error`, as in Phoenix: a push or broadcast of a payload
/// that is not an object ([`FrameError::NotAnObject`]). Match on it to answer the client instead.
///
/// `?` converts every error to it: an app's own, an `anyhow::Error`, a boxed error, or a text. The
/// client then gets the reply that [`UserSocket::error_reply`] chooses for the error. Without one,
/// the client gets only the reason `internal error`, because an error's text may hold what the
/// client must not see. A payload of the wrong shape ([`DecodeError`](crate::DecodeError)) is the
/// client's own fault, and its text is sent. [`ChannelError::new`] takes a reason for the client.
///
/// ```
/// use presence_channels::{ChannelError, HandleResult, Payload, reply_ok};
///
/// fn read(payload: &Payload) -> anyhow::Result<u32> {
///     Ok(payload.json()?)
/// }
///
/// fn number(payload: Payload) -> HandleResult {
///     let number = read(&payload)?; // an `anyhow::Error`
///     if number > 100 {
///         return Err(ChannelError::new("at most 100")); // a reason for the client
///     }
///     reply_ok(number)
/// }
/// # let _ = number;
/// ```
pub struct ChannelError {
    reason: Cow<'static, str>,
    pub(super) failure: Failure,
}

impl ChannelError {
    /// Creates an error whose `reason` is sent to the client.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = reason.into();
        Self {
            failure: Failure::Refusal(reason_payload(&reason)),
            reason,
        }
    }

    /// Creates an error whose payload is sent to the client. A payload that has no JSON form
    /// becomes the reason `internal error`.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::ChannelError;
    /// use serde_json::json;
    ///
    /// let error = ChannelError::with(json!({ "reason": "too long", "limit": 500 }));
    /// assert_eq!(error.reason(), "too long");
    /// ```
    pub fn with(payload: impl IntoPayload) -> Self {
        let failure = Failure::refusal(payload);
        let reason = match &failure {
            Failure::Refusal(payload) => {
                let value = payload.value().unwrap_or_default();
                value["reason"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
                    .into()
            }
            Failure::Error(cause) => default_reason(cause),
        };
        Self { reason, failure }
    }

    /// Returns the reason that is sent to the client, unless [`UserSocket::error_reply`] chooses
    /// another reply.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns whether the error ends the channel.
    pub(super) fn ends_channel(&self) -> bool {
        self.failure.frame_error() == Some(&FrameError::NotAnObject)
    }

    pub(super) fn settle<S: UserSocket>(self) -> Settled {
        self.failure.settle(S::error_reply)
    }
}

impl Failure {
    /// Returns the error of a push or a broadcast that has no form.
    fn frame_error(&self) -> Option<&FrameError> {
        match self {
            Self::Error(cause) => cause.chain().find_map(as_frame_error),
            Self::Refusal(_) => None,
        }
    }

    /// Returns whether the failure is a message that has no form, because of its client perhaps.
    pub(super) fn is_clients_frame(&self) -> bool {
        self.frame_error().is_some_and(may_be_clients)
    }
}

/// Returns whether a client may have caused that a message has no form: by its version of the
/// protocol, a long topic or ref, or a payload that its channel sends on.
pub(super) fn may_be_clients(error: &FrameError) -> bool {
    match error {
        FrameError::NoBinary | FrameError::NotAnObject => true,
        FrameError::TooLong { field, .. } => *field != "status",
        _ => false,
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>> + 'static> From<E> for ChannelError {
    fn from(error: E) -> Self {
        let cause = Cause::new(error);
        Self {
            reason: default_reason(&cause),
            failure: Failure::Error(cause),
        }
    }
}

fn as_frame_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a FrameError> {
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(PushError::Frame(error)), _) | (_, Some(BroadcastError::Frame(error))) => Some(error),
        _ => error.downcast_ref(),
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            Failure::Error(cause) => cause.fmt(f),
            Failure::Refusal(_) => f.write_str(&self.reason),
        }
    }
}

impl fmt::Debug for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelError")
            .field("reason", &self.reason)
            .field("failure", &self.failure)
            .finish()
    }
}

/// A push or reply was not sent. The channel is as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The payload has no encoding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// This client's version of the protocol cannot carry it, or it is JSON and not an object.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The join has not been answered yet. Leave a message with
    /// [`Socket::notify`](crate::Socket::notify) in `join`, and push in `handle_info`.
    #[error(
        "`push` was called in `join`, where the client knows of no channel yet; call \
         `socket.notify(..)` in `join`, and push in `handle_info`"
    )]
    NotJoined,
}

#[cfg(test)]
mod tests {
    use presence_core::pubsub::Payload;

    use super::*;

    #[test]
    fn a_payload_that_is_no_object_ends_the_channel_and_nothing_else_does() {
        let not_an_object = || FrameError::NotAnObject;
        for error in [
            ChannelError::from(PushError::Frame(not_an_object())),
            ChannelError::from(BroadcastError::Frame(not_an_object())),
            ChannelError::from(not_an_object()),
        ] {
            assert!(error.ends_channel(), "{error:?}");
        }
        for error in [
            ChannelError::new("no"),
            ChannelError::from(PushError::NotJoined),
            ChannelError::from(BroadcastError::Frame(FrameError::NoBinary)),
        ] {
            assert!(!error.ends_channel(), "{error:?}");
        }
    }

    #[test]
    fn a_client_learns_what_is_wrong_with_its_payload_and_nothing_else() {
        let decode = Payload::empty().json::<String>().unwrap_err();
        let error = ChannelError::from(decode);
        assert!(
            error
                .reason()
                .starts_with("invalid payload: invalid type: map"),
            "{error:?}"
        );

        let secret = std::io::Error::other("password is hunter2");
        let error = ChannelError::from(secret);
        assert_eq!(error.reason(), "internal error");
        assert_eq!(error.to_string(), "password is hunter2");
    }
}
