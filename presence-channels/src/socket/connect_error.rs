use std::{borrow::Cow, error::Error};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{ParamsError, UserSocket};
use crate::{
    failure::{Cause, reply_to},
    token::TokenError,
};

/// The refusal of a client. The client gets the status, and the headers and the body that the app
/// sets. The reason is logged and never sent.
///
/// `?` converts every error, an `anyhow::Error` or a boxed error, too: to the status that
/// [`UserSocket::error_reply`] chooses, else to 403 for [`ParamsError`] and [`TokenError`], else to
/// 500.
///
/// A browser shows a page neither headers nor body of a WebSocket's failed handshake. A page that
/// wants them asks by a plain GET: see [`Endpoint::router`](crate::Endpoint::router). A client that
/// polls gets the body in the field `response` of the answer.
///
/// ```
/// use http::{StatusCode, header};
/// use presence_channels::ConnectError;
/// use serde_json::json;
///
/// let refusal = ConnectError::new("user 7 is banned")
///     .status(StatusCode::TOO_MANY_REQUESTS)
///     .header(header::RETRY_AFTER, 3600.into())
///     .json(&json!({"reason": "banned", "until": "tomorrow"}));
/// # let _ = refusal;
/// ```
#[derive(Debug)]
pub struct ConnectError {
    reason: Cow<'static, str>,
    status: StatusCode,
    shown: Option<Box<Shown>>,
    /// The error that `?` converted.
    cause: Option<Box<Cause>>,
}

/// The parts of the answer that the app sets.
#[derive(Debug, Default)]
struct Shown {
    headers: HeaderMap,
    body: Bytes,
}

impl ConnectError {
    /// Creates a refusal with the status 403.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: reason.into(),
            status: StatusCode::FORBIDDEN,
            shown: None,
            cause: None,
        }
    }

    /// Takes the status that the socket chooses for the error, if the error is the app's.
    pub(crate) fn settle<S: UserSocket>(mut self) -> Self {
        if let Some(reply) = self
            .cause
            .take()
            .and_then(|cause| reply_to(&cause, S::error_reply))
        {
            self.status = reply.http_status();
        }
        self
    }

    /// Sets another status. Of these, a client that polls knows 403 and 500 only: it gets 500 for a
    /// status of 500 and above, and tries again.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Sets a header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.shown().headers.insert(name, value);
        self
    }

    /// Sets the body of the answer, as plain text.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::ConnectError;
    ///
    /// let refusal = ConnectError::new("the app is in maintenance").body("Back at 10 o'clock.");
    /// assert_eq!(refusal.http_status(), 403);
    /// assert_eq!(refusal.reason(), "the app is in maintenance");
    /// ```
    #[must_use]
    pub fn body(self, body: impl Into<String>) -> Self {
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        let mut refusal = self.header(header::CONTENT_TYPE, text);
        refusal.shown().body = body.into().into();
        refusal
    }

    /// Sets the body of the answer, as JSON. A body that has no JSON form is logged and left out.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Self {
        let body = match serde_json::to_vec(body) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, "the body of a refusal has no JSON form");
                return self;
            }
        };
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let mut refusal = self.header(header::CONTENT_TYPE, json);
        refusal.shown().body = body.into();
        refusal
    }

    fn shown(&mut self) -> &mut Shown {
        self.shown.get_or_insert_default()
    }

    /// Returns the reason, which is logged.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the status, which the client gets.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        self.status
    }

    /// Takes out the headers and the body that the app has set.
    pub(crate) fn into_shown(self) -> (HeaderMap, Bytes) {
        let Shown { headers, body } = self.shown.map(|shown| *shown).unwrap_or_default();
        (headers, body)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>> + 'static> From<E> for ConnectError {
    fn from(error: E) -> Self {
        let cause = Cause::new(error);
        let is_clients_fault = match cause.find() {
            Some(TokenError::KeyLength) => false,
            Some(_) => true,
            None => cause.find::<ParamsError>().is_some(),
        };
        let status = match is_clients_fault {
            true => StatusCode::FORBIDDEN,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self {
            reason: cause.to_string().into(),
            status,
            shown: None,
            cause: Some(Box::new(cause)),
        }
    }
}
