use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::auth_token::OfferError;
use crate::{
    node::Full,
    socket::{BadQuery, ConnectError},
};

/// The reason that a client does not connect. It has been logged, but for `Stopping`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the endpoint stops")]
    Stopping,
    #[error(transparent)]
    Query(#[from] BadQuery),
    #[error("a page of another origin")]
    Origin,
    #[error(transparent)]
    Subprotocol(#[from] OfferError),
    #[error("an unknown version of the protocol")]
    Version,
    #[error("no place is left")]
    Full(Full),
    #[error("the app refused: {}", .0.reason())]
    App(ConnectError),
    /// The client may connect, but not by this request.
    #[error("not a WebSocket's handshake")]
    NotAHandshake,
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Query(_) | Self::NotAHandshake => StatusCode::BAD_REQUEST,
            Self::Origin | Self::Subprotocol(_) | Self::Version => StatusCode::FORBIDDEN,
            Self::Full(full) => full.status(),
            Self::App(refusal) => refusal.http_status(),
        }
    }

    /// Returns the headers and the body that the app has set.
    pub(crate) fn into_shown(self) -> (HeaderMap, Bytes) {
        match self {
            Self::App(refusal) => refusal.into_shown(),
            _ => Default::default(),
        }
    }

    /// Returns the refusal as the test kit shows it.
    pub(crate) fn into_connect_error(self) -> ConnectError {
        match self {
            Self::App(refusal) => refusal,
            other => ConnectError::new(other.to_string()).status(other.status()),
        }
    }
}
