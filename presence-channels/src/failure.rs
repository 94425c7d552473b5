//! Errors of an app's callbacks: the part that the client may know, and the part for the log.

use std::{any::Any, borrow::Cow, error::Error, fmt, io, iter};

use http::StatusCode;
use presence_core::{
    presence::MetaError,
    pubsub::{DecodeError, EncodeError, IntoPayload, Payload},
    tracker::{TrackError, UpdateError},
};

use crate::guard::call_guarded;

/// The error behind a failed callback, for
/// [`UserSocket::error_reply`](crate::UserSocket::error_reply).
///
/// An error of the app may come by itself, in an `anyhow::Error`, as its context, in an
/// [`io::Error`], or as the [source](Error::source) of another error. [`find`](Self::find) finds it
/// in all of these places. It does not find the context of an `anyhow::Error` that is inside of
/// another error, because `anyhow` hides that type; it finds the error below the context.
pub struct Cause(CauseKind);

enum CauseKind {
    Boxed(Box<dyn Error + Send + Sync>),
    /// In a box it would hide the type of its error.
    Anyhow(anyhow::Error),
}

impl Cause {
    pub(crate) fn new<E: Into<Box<dyn Error + Send + Sync>> + 'static>(error: E) -> Self {
        let mut error = Some(error);
        let any: &mut dyn Any = &mut error;
        let anyhow = any.downcast_mut().and_then(Option::<anyhow::Error>::take);
        Self(match (anyhow, error) {
            (Some(anyhow), _) => CauseKind::Anyhow(anyhow),
            (None, error) => CauseKind::Boxed(error.expect("it was not taken").into()),
        })
    }

    /// Returns the first error of type `E` in the chain of errors, the outermost first. Returns
    /// `None` if there is no such error.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::{Cause, ErrorReply};
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// enum AppError {
    ///     #[error("room {0} does not exist")]
    ///     NoSuchRoom(String),
    ///     #[error("the database failed")]
    ///     Database(#[source] std::io::Error),
    /// }
    ///
    /// fn error_reply(cause: &Cause) -> Option<ErrorReply> {
    ///     match cause.find::<AppError>()? {
    ///         AppError::NoSuchRoom(_) => Some(ErrorReply::new("no such room")),
    ///         AppError::Database(_) => None,
    ///     }
    /// }
    /// # let _ = error_reply;
    /// ```
    #[must_use]
    pub fn find<E: Error + Send + Sync + 'static>(&self) -> Option<&E> {
        if let CauseKind::Anyhow(error) = &self.0
            && let Some(found) = error.downcast_ref()
        {
            return Some(found);
        }
        if let Some(found) = self.chain().find_map(|error| error.downcast_ref()) {
            return Some(found);
        }
        // An anyhow::Error that was made from a box hides the type of the error in it.
        let CauseKind::Anyhow(error) = &self.0 else {
            return None;
        };
        let boxed = error.downcast_ref::<Box<dyn Error + Send + Sync>>()?;
        chain(&**boxed).find_map(|error| error.downcast_ref())
    }

    /// Returns the error and its sources, the outermost error first, and after each [`io::Error`]
    /// the error in it.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::{Cause, ErrorReply};
    ///
    /// /// Any error whose text says so is worth another try.
    /// fn error_reply(cause: &Cause) -> Option<ErrorReply> {
    ///     let mut errors = cause.chain();
    ///     let is_busy = errors.any(|error| error.to_string().contains("try again"));
    ///     is_busy.then(|| ErrorReply::new("busy"))
    /// }
    /// # let _ = error_reply;
    /// ```
    pub fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let first: &(dyn Error + 'static) = match &self.0 {
            CauseKind::Boxed(error) => &**error,
            CauseKind::Anyhow(error) => &**error,
        };
        chain(first)
    }

    /// Returns the texts of the chain, for the log, which cuts them. The error of a payload of the
    /// wrong shape quotes the payload, which may be a password. So the log has only the position of
    /// that error, and the client gets the text.
    fn for_log(&self) -> String {
        if let Some(DecodeError::Json(error)) = self.find() {
            return format!("the payload has another shape at column {}", error.column());
        }
        let mut text = String::new();
        for error in self.chain() {
            let part = call_guarded(|| error.to_string()).unwrap_or_else(text_of_panic);
            // Many errors repeat the text of their source.
            if text.is_empty() {
                text = part;
            } else if !text.contains(&part) {
                text = format!("{text}: {part}");
            }
        }
        text
    }
}

/// Returns the text that stands for an error whose `Display` panicked.
fn text_of_panic(panic: String) -> String {
    format!("an error whose Display panicked: {panic}")
}

/// Returns an error and those below it. A `source` is the app's code, outside of the guard of its
/// callback: one that panics ends the chain.
fn chain<'a>(first: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(first), |error| {
        // The source of an io::Error is that of the error in it.
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => call_guarded(|| (**error).source()).ok().flatten(),
        }
    })
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = call_guarded(|| match &self.0 {
            CauseKind::Boxed(error) => error.fmt(f),
            CauseKind::Anyhow(error) => error.fmt(f),
        });
        shown.unwrap_or_else(|panic| f.write_str(&text_of_panic(panic)))
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            CauseKind::Boxed(error) => error.fmt(f),
            CauseKind::Anyhow(error) => error.fmt(f),
        }
    }
}

/// The reply that an app chooses for an error, from
/// [`UserSocket::error_reply`](crate::UserSocket::error_reply).
#[derive(Clone, Debug)]
pub struct ErrorReply {
    payload: Payload,
    status: StatusCode,
}

impl ErrorReply {
    /// Creates the error reply `{"reason": reason}`.
    ///
    /// # Examples
    /// ```
    /// let reply = presence_channels::ErrorReply::new("no such room");
    /// # let _ = reply;
    /// ```
    #[must_use]
    pub fn new(reason: &str) -> Self {
        Self {
            payload: reason_payload(reason),
            status: StatusCode::FORBIDDEN,
        }
    }

    /// Creates an error reply with a payload of your own.
    ///
    /// # Errors
    /// An [`EncodeError`] if the payload has no JSON form.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::ErrorReply;
    /// use serde_json::json;
    ///
    /// let reply = ErrorReply::with(json!({ "reason": "name taken", "field": "name" }))?;
    /// # let _ = reply;
    /// # Ok::<(), presence_channels::EncodeError>(())
    /// ```
    pub fn with(payload: impl IntoPayload) -> Result<Self, EncodeError> {
        Ok(Self {
            payload: payload.into_payload()?,
            status: StatusCode::FORBIDDEN,
        })
    }

    /// Sets the HTTP status of the refusal, if the error comes from
    /// [`connect`](crate::UserSocket::connect) or [`refresh`](crate::UserSocket::refresh). Default
    /// 403. A client that connects gets only the status. A client with a new token gets
    /// `token refused`, or `internal error` for a status of 500 and above.
    ///
    /// # Examples
    /// ```
    /// use http::StatusCode;
    /// use presence_channels::ErrorReply;
    ///
    /// let reply = ErrorReply::new("log in first").status(StatusCode::UNAUTHORIZED);
    /// # let _ = reply;
    /// ```
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        self.status
    }
}

/// A socket's [`UserSocket::error_reply`](crate::UserSocket::error_reply).
pub(crate) type ChoosesReply = fn(&Cause) -> Option<ErrorReply>;

/// `{"reason": reason}`.
pub(crate) fn reason_payload(reason: &str) -> Payload {
    Payload::encode(&serde_json::json!({ "reason": reason })).expect("a string has a JSON form")
}

/// Asks the socket for its reply to an error. A panic in the app's answer is logged, and counts as
/// no reply.
pub(crate) fn reply_to(cause: &Cause, chooses: ChoosesReply) -> Option<ErrorReply> {
    call_guarded(|| chooses(cause)).unwrap_or_else(|panic| {
        tracing::error!(panic, "UserSocket::error_reply panicked");
        None
    })
}

/// A failure of a callback: an answer for the client, or an error of which the client learns only
/// what its socket chooses.
pub(crate) enum Failure {
    Refusal(Payload),
    Error(Cause),
}

/// A failure whose reply is settled.
pub(crate) struct Settled {
    pub(crate) reply: Payload,
    /// The text for the log. `None` for a refusal, whose reply says everything.
    pub(crate) error: Option<String>,
    /// Set if the client caused the failure, or is to know of it. Then it is no error of the
    /// server's.
    pub(crate) is_clients: bool,
    /// Set if a client may have caused the failure: a presence with its long key, or its meta.
    pub(crate) may_be_clients: bool,
}

impl Failure {
    /// Refuses with a payload. One that has no JSON form becomes an error.
    pub(crate) fn refusal(payload: impl IntoPayload) -> Self {
        payload
            .into_payload()
            .map_or_else(|error| Self::Error(Cause::new(error)), Self::Refusal)
    }

    pub(crate) fn settle(self, chooses: ChoosesReply) -> Settled {
        match self {
            Self::Refusal(reply) => Settled {
                reply,
                error: None,
                is_clients: true,
                may_be_clients: false,
            },
            Self::Error(cause) => {
                let chosen = reply_to(&cause, chooses).map(|reply| reply.payload);
                let is_clients = chosen.is_some() || cause.find::<DecodeError>().is_some();
                Settled {
                    error: Some(cause.for_log()),
                    reply: chosen.unwrap_or_else(|| reason_payload(&default_reason(&cause))),
                    is_clients,
                    may_be_clients: is_refused_presence(&cause),
                }
            }
        }
    }
}

/// Returns whether the error is a presence that a client may have made too long, too large, one too
/// many, or no object.
fn is_refused_presence(cause: &Cause) -> bool {
    match (cause.find(), cause.find(), cause.find::<MetaError>()) {
        (Some(error), _, _) => !matches!(error, TrackError::AlreadyTracked | TrackError::Stopped),
        (_, Some(error), _) => matches!(error, UpdateError::Meta(_)),
        (_, _, meta) => meta.is_some(),
    }
}

/// Returns the part of an error that a client may see, unless its socket says otherwise.
pub(crate) fn default_reason(cause: &Cause) -> Cow<'static, str> {
    match cause.find::<DecodeError>() {
        Some(error) => format!("invalid payload: {error}").into(),
        None => "internal error".into(),
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refusal(reply) => reply.fmt(f),
            Self::Error(cause) => cause.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error, PartialEq)]
    #[error("no such room")]
    struct NoSuchRoom;

    #[derive(Debug, thiserror::Error)]
    #[error("the lookup failed")]
    struct Lookup(#[source] anyhow::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("the page failed")]
    struct Page(#[source] NoSuchRoom);

    fn found<E: Into<Box<dyn Error + Send + Sync>> + 'static>(error: E) -> Option<NoSuchRoom> {
        Cause::new(error).find::<NoSuchRoom>().map(|_| NoSuchRoom)
    }

    #[test]
    fn an_error_is_found_wherever_it_stands() {
        let boxed: Box<dyn Error + Send + Sync> = Box::new(NoSuchRoom);
        let by_context = anyhow::anyhow!("the query failed").context(NoSuchRoom);
        for found in [
            found(NoSuchRoom),
            found(Page(NoSuchRoom)),
            found(boxed),
            found(anyhow::Error::new(NoSuchRoom)),
            found(anyhow::Error::new(NoSuchRoom).context("while joining")),
            found(anyhow::Error::new(Page(NoSuchRoom)).context("while joining")),
            found(by_context),
            found(Lookup(anyhow::Error::new(NoSuchRoom))),
            found(Lookup(anyhow::Error::new(NoSuchRoom).context("asked"))),
            found(io::Error::other(NoSuchRoom)),
            found(io::Error::other(Page(NoSuchRoom))),
            found(io::Error::other(io::Error::other(NoSuchRoom))),
            found(anyhow::Error::new(io::Error::other(NoSuchRoom)).context("while joining")),
            found(io::Error::other(
                anyhow::Error::new(NoSuchRoom).context("asked"),
            )),
            found(Lookup(anyhow::Error::new(io::Error::other(Lookup(
                anyhow::Error::new(NoSuchRoom).context("asked"),
            ))))),
            found(anyhow::Error::from_boxed(Box::new(NoSuchRoom)).context("while joining")),
            found(anyhow::Error::from_boxed(Box::new(io::Error::other(Page(
                NoSuchRoom,
            ))))),
        ] {
            assert_eq!(found, Some(NoSuchRoom));
        }
        assert_eq!(found("no such room"), None);
        assert_eq!(found(io::Error::other("no such room")), None);
        assert_eq!(found(anyhow::anyhow!("no such room")), None);
    }

    #[test]
    fn the_log_has_each_text_of_the_chain_once() {
        let error = anyhow::Error::new(Page(NoSuchRoom)).context("while joining");
        let told = "while joining: the page failed: no such room";
        assert_eq!(Cause::new(error).for_log(), told);
        let error = io::Error::other(NoSuchRoom);
        assert_eq!(Cause::new(error).for_log(), "no such room");
    }

    /// An error whose own code panics.
    #[derive(Debug)]
    struct Rude;

    impl fmt::Display for Rude {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("asked to")
        }
    }

    impl Error for Rude {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            panic!("asked to")
        }
    }

    #[test]
    fn an_error_whose_display_and_source_panic_has_a_text() {
        let text = "an error whose Display panicked: asked to";
        assert_eq!(Cause::new(Rude).for_log(), text);
        assert_eq!(Cause::new(Rude).to_string(), text);
        assert!(Cause::new(Rude).find::<NoSuchRoom>().is_none());
        let error = anyhow::Error::new(Rude).context("while joining");
        let text = format!("while joining: {text}");
        assert_eq!(Cause::new(error).for_log(), text);
    }

    #[test]
    fn a_presence_that_is_refused_may_be_the_clients_wherever_its_error_stands() {
        let limit = 1;
        for (cause, may_be_clients) in [
            (Cause::new(TrackError::TooLong { bytes: 2, limit }), true),
            (Cause::new(TrackError::TooManyPresences { limit }), true),
            (Cause::new(TrackError::Meta(MetaError::NotAnObject)), true),
            (Cause::new(UpdateError::Meta(MetaError::NotAnObject)), true),
            (Cause::new(MetaError::TooLarge { bytes: 2, limit }), true),
            (
                Cause::new(
                    anyhow::Error::new(TrackError::TooManyPresences { limit }).context("joining"),
                ),
                true,
            ),
            (Cause::new(TrackError::AlreadyTracked), false),
            (Cause::new(TrackError::Stopped), false),
            (Cause::new(UpdateError::NotTracked), false),
            (Cause::new(UpdateError::Stopped), false),
            (Cause::new(NoSuchRoom), false),
        ] {
            assert_eq!(is_refused_presence(&cause), may_be_clients, "{cause}");
        }
    }

    #[test]
    fn a_payload_is_quoted_in_no_log_wherever_its_error_stands() {
        let decode = || {
            let payload = Payload::encode("hunter2").expect("a string has a JSON form");
            payload.json::<u8>().unwrap_err()
        };
        assert!(decode().to_string().contains("hunter2"));
        let wrapped = anyhow::Error::new(decode()).context("while reading");
        for cause in [Cause::new(decode()), Cause::new(wrapped)] {
            assert!(!cause.for_log().contains("hunter2"), "{}", cause.for_log());
            let told = default_reason(&cause);
            assert!(told.starts_with("invalid payload: invalid type"), "{told}");
        }
    }
}
