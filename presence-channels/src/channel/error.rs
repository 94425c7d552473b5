//! Errors of channels.

use std::{borrow::Cow, error::Error, fmt};

use presence_core::pubsub::{DecodeError, EncodeError, Payload, PubSubError};

use crate::{serializer::FrameError, socket::reason_payload};

/// A callback failed. The channel goes on; a message from the client is answered with an error
/// reply.
///
/// One error ends the channel with `phx_error`, as in Phoenix: a push or broadcast of a payload
/// that is not an object ([`FrameError::NotAnObject`]). Match on it to answer the client instead.
///
/// Any error becomes one by `?`. The client then gets only the reason `internal error`, because an
/// error's text may hold what the client must not see. Only a payload of the wrong shape
/// ([`DecodeError`]) is the client's own fault, and its text is sent. [`ChannelError::new`] takes a
/// reason for the client.
pub struct ChannelError {
    reason: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ChannelError {
    /// Creates an error whose `reason` is sent to the client.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: reason.into(),
            source: None,
        }
    }

    /// Returns the reason that is sent to the client.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns whether the error ends the channel.
    pub(super) fn ends_channel(&self) -> bool {
        let mut next = self
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static));
        while let Some(error) = next {
            if is_not_an_object(error) {
                return true;
            }
            next = error.source();
        }
        false
    }

    /// Returns the text that is logged.
    pub(super) fn for_log(&self) -> String {
        match &self.source {
            Some(source) => for_log(&**source),
            None => self.reason.to_string(),
        }
    }

    pub(super) fn payload(&self) -> Payload {
        reason_payload(&self.reason)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ChannelError {
    fn from(error: E) -> Self {
        let reason = reason_for_client(&error);
        Self {
            reason,
            source: Some(Box::new(error)),
        }
    }
}

fn is_not_an_object(error: &(dyn Error + 'static)) -> bool {
    let frame = match (error.downcast_ref(), error.downcast_ref()) {
        (Some(PushError::Frame(error)), _) | (_, Some(BroadcastError::Frame(error))) => Some(error),
        _ => error.downcast_ref::<FrameError>(),
    };
    frame == Some(&FrameError::NotAnObject)
}

/// Returns the part of an error that a client may see.
pub(super) fn reason_for_client(error: &(dyn Error + 'static)) -> Cow<'static, str> {
    match error.downcast_ref::<DecodeError>() {
        Some(error) => format!("invalid payload: {error}").into(),
        None => "internal error".into(),
    }
}

/// Returns the part of an error that may be logged. The error of a payload of the wrong shape
/// quotes the payload, which may be a password. So the log has only the position, and the client
/// gets the text.
pub(super) fn for_log(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<DecodeError>() {
        Some(DecodeError::Json(error)) => {
            format!("the payload has another shape at column {}", error.column())
        }
        _ => error.to_string(),
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => source.fmt(f),
            None => f.write_str(&self.reason),
        }
    }
}

impl fmt::Debug for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelError")
            .field("reason", &self.reason)
            .field("source", &self.source)
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
    /// The join has not been answered yet. Tell the channel to push later, by
    /// [`Socket::notify`](crate::Socket::notify).
    #[error("nothing can be pushed before the join has been answered")]
    NotJoined,
}

/// A broadcast was not sent everywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The payload has no encoding; nothing was sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The payload is JSON and not an object, or it is binary and the topic or the event is longer
    /// than 255 bytes, which a binary message counts in one byte each; nothing was sent.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// This node's subscribers have it, others may not: see [`PubSubError`].
    #[error(transparent)]
    PubSub(#[from] PubSubError),
    /// The join has not been answered yet; nothing was sent. Tell the channel to broadcast later,
    /// by [`Socket::notify`](crate::Socket::notify).
    #[error("nothing can be broadcast before the join has been answered")]
    NotJoined,
}

#[cfg(test)]
mod tests {
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
