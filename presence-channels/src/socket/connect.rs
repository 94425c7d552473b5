//! What `connect` sees of a request, and how it refuses.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::{Extensions, HeaderMap, StatusCode, Uri, header, request::Parts};
use ipnet::IpNet;

use super::{ParamsError, client_ip::client_ip};
use crate::token::TokenError;

/// The request by which a client connects.
pub struct ConnectInfo {
    parts: Parts,
    client_ip: Option<IpAddr>,
    auth_token: Option<String>,
}

impl ConnectInfo {
    pub(crate) fn new(parts: Parts, trusted_proxies: &[IpNet]) -> Self {
        let mut info = Self {
            parts,
            client_ip: None,
            auth_token: None,
        };
        let peer = info.peer_addr().map(|address| address.ip());
        info.client_ip = client_ip(peer, info.headers(), trusted_proxies);
        info
    }

    pub(crate) fn with_auth_token(mut self, token: Option<String>) -> Self {
        self.auth_token = token;
        self
    }

    /// The token that a client passes beside the URL, as in
    /// `new Socket("/socket", {authToken: token})`. None if it passes none, or the mount does not
    /// [ask for one](crate::SocketOptions::auth_token). It is the client's word: verify it by
    /// [`Tokens::verify`](crate::Tokens::verify).
    #[must_use]
    pub fn auth_token(&self) -> Option<&str> {
        self.auth_token.as_deref()
    }

    /// The client's address: the peer's, or, behind
    /// [trusted proxies](crate::Config::trusted_proxies), the last one in `X-Forwarded-For` that is
    /// none of them. None if the peer's address is not known.
    #[must_use]
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.client_ip
    }

    /// The address the request came from: the last proxy's, if there is one. None unless the app is
    /// served with `into_make_service_with_connect_info::<SocketAddr>()`.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.parts
            .extensions
            .get()
            .map(|axum::extract::ConnectInfo(address)| *address)
    }

    /// The request's headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The request's URI: path and query.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// What tower layers left with the request: a session, an authenticated user.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }

    /// The `User-Agent` header, if it is text.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.parts.headers.get(header::USER_AGENT)?.to_str().ok()
    }

    /// The headers whose names start with `x-`, with names in lower case.
    pub fn x_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parts.headers.iter().filter_map(|(name, value)| {
            let name = name.as_str();
            name.starts_with("x-")
                .then_some((name, value.to_str().ok()?))
        })
    }
}

/// Without the auth token.
impl fmt::Debug for ConnectInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectInfo")
            .field("parts", &self.parts)
            .field("client_ip", &self.client_ip)
            .finish_non_exhaustive()
    }
}

/// Why a client is not let in. The reason is logged and never sent; the client gets the status.
///
/// Any error converts into one by `?`: 403 for [`ParamsError`] and [`TokenError`], else 500.
#[derive(Debug)]
pub struct ConnectError {
    reason: Cow<'static, str>,
    status: StatusCode,
}

impl ConnectError {
    /// Refuses with 403.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: reason.into(),
            status: StatusCode::FORBIDDEN,
        }
    }

    /// Refuses with another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// What is logged.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What the client gets.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        self.status
    }
}

impl<E: std::error::Error + 'static> From<E> for ConnectError {
    fn from(error: E) -> Self {
        let any = &error as &dyn std::error::Error;
        let is_clients_fault = match any.downcast_ref() {
            Some(TokenError::KeyLength) => false,
            Some(_) => true,
            None => any.is::<ParamsError>(),
        };
        let refusal = Self::new(error.to_string());
        if is_clients_fault {
            refusal
        } else {
            refusal.status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
