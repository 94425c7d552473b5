//! The request of a client that connects.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::{
    Extensions, HeaderMap, HeaderValue, Uri,
    header::{self, HeaderName},
    request::Parts,
};
use ipnet::IpNet;

use super::{client_ip::client_ip, handshake::auth_token};

/// The header in which clients that poll may send their session's token instead of the URL. It
/// overrides the URL's token.
pub(crate) const LONGPOLL_TOKEN_HEADER: HeaderName =
    HeaderName::from_static("x-phoenix-longpoll-token");

/// Headers with credentials. The app can read their values, but `Debug` does not show them.
const SECRETS: [HeaderName; 6] = [
    header::COOKIE,
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::SEC_WEBSOCKET_PROTOCOL,
    auth_token::HEADER,
    LONGPOLL_TOKEN_HEADER,
];

/// The request by which a client connects: `connect_info` in Phoenix.
///
/// All of the request is here, so a socket does not list the parts that it needs. A layer puts a
/// session, or other values of the app, among the [`extensions`](Self::extensions). They reach
/// `connect` by WebSocket and by long-polling:
///
/// ```
/// use axum::{Router, extract::Request, middleware::{Next, from_fn}};
/// use presence_channels::{Config, ConnectError, ConnectInfo, Endpoint, Params, PubSub, Routes};
///
/// #[derive(Clone)]
/// struct Session {
///     user_id: String,
/// }
///
/// struct UserSocket {
///     user_id: String,
/// }
///
/// impl presence_channels::UserSocket for UserSocket {
///     type State = ();
///
///     async fn connect(_: &Params, info: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
///         let session: Option<&Session> = info.extensions().get();
///         let session = session.ok_or(ConnectError::new("not logged in"))?;
///         Ok(Self { user_id: session.user_id.clone() })
///     }
/// #   fn channels(_: &mut Routes<Self>) {}
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), presence_channels::StartError> {
/// let endpoint = Endpoint::builder(PubSub::local()).socket::<UserSocket>("/socket", ());
/// let endpoint = endpoint.start(Config::default()).await?;
/// let app: Router = Router::new()
///     .merge(endpoint.router())
///     .layer(from_fn(async |mut request: Request, next: Next| {
///         // Of a cookie or a header, as you like: here from a store.
///         request.extensions_mut().insert(Session { user_id: "alice".into() });
///         next.run(request).await
///     }));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// The other parts are read by methods:
///
/// ```
/// # use presence_channels::{ConnectError, ConnectInfo};
/// fn describe(info: &ConnectInfo) -> Result<String, ConnectError> {
///     // With `SocketOptions::auth_token`: not checked yet, see `Tokens::verify`.
///     let token = info.auth_token().ok_or(ConnectError::new("no token"))?;
///     // Behind `Config::trusted_proxies` the client, and not the proxy.
///     let (client, peer) = (info.client_ip(), info.peer_addr());
///     let device = info.user_agent().unwrap_or("an unknown device");
///     let session = info.cookie("_app_key");
///     let language = info.headers().get("accept-language");
///     let traces = info.x_headers().filter(|(name, _)| *name == "x-request-id").count();
///     let path = info.uri().path();
///     // With `SocketOptions::subprotocols`.
///     let protocol = info.subprotocol();
///     Ok(format!(
///         "{device} at {client:?} by {peer:?} on {path}, {} bytes of token, session {session:?}, \
///          language {language:?}, {traces} trace ids, protocol {protocol:?}",
///         token.len(),
///     ))
/// }
/// # let _ = describe;
/// ```
pub struct ConnectInfo {
    parts: Parts,
    client_ip: Option<IpAddr>,
    auth_token: Option<String>,
    subprotocol: Option<String>,
}

impl ConnectInfo {
    pub(crate) fn new(mut parts: Parts, trusted_proxies: &[IpNet]) -> Self {
        for (name, line) in &mut parts.headers {
            if SECRETS.contains(name) {
                line.set_sensitive(true);
            }
        }
        let mut info = Self {
            parts,
            client_ip: None,
            auth_token: None,
            subprotocol: None,
        };
        let peer = info.peer_addr().map(|address| address.ip());
        info.client_ip = client_ip(peer, info.headers(), trusted_proxies);
        info
    }

    pub(crate) fn with_auth_token(mut self, token: Option<String>) -> Self {
        self.auth_token = token;
        self
    }

    pub(crate) fn with_subprotocol(mut self, subprotocol: Option<String>) -> Self {
        self.subprotocol = subprotocol;
        self
    }

    /// Returns the subprotocol that the handshake chose from those of
    /// [`SocketOptions::subprotocols`](crate::SocketOptions::subprotocols). Returns `None` if the
    /// client offered no subprotocol, or polls.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Returns the token that a client passes beside the URL, as in
    /// `new Socket("/socket", {authToken: token})`. Returns `None` if the client passes no token,
    /// or the mount does not [ask for one](crate::SocketOptions::auth_token). The token is not
    /// checked: verify it by [`Tokens::verify`](crate::Tokens::verify).
    #[must_use]
    pub fn auth_token(&self) -> Option<&str> {
        self.auth_token.as_deref()
    }

    /// Returns the client's address: the peer's, or, behind [trusted
    /// proxies](crate::Config::trusted_proxies), the last address in `X-Forwarded-For` that is not
    /// a trusted proxy. Returns `None` if the peer's address is not known.
    #[must_use]
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.client_ip
    }

    /// Returns the address that the request came from: behind proxies, the last proxy's. Returns
    /// `None` unless the app is served with [`serve`](crate::serve), or with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.parts
            .extensions
            .get()
            .map(|axum::extract::ConnectInfo(address)| *address)
    }

    /// Returns the request's headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// Returns the request's URI: path and query.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// Returns the values that tower layers left with the request: a session, an authenticated
    /// user.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }

    /// Returns the `User-Agent` header, if it is UTF-8.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        text(self.parts.headers.get(header::USER_AGENT)?)
    }

    /// Returns the cookie `name`, as it came: the first, if there are several. A browser sends its
    /// cookies for every page that connects. So only [`CheckOrigin`](crate::CheckOrigin) keeps a
    /// foreign page from a user's session.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.parts.headers.get_all(header::COOKIE).iter();
        let mut cookies = lines
            .filter_map(text)
            .flat_map(|line| line.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='));
        cookies
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// Returns the headers whose names start with `x-`, with names in lower case. Values that are
    /// not UTF-8 are left out.
    pub fn x_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parts.headers.iter().filter_map(|(name, value)| {
            let name = name.as_str();
            name.starts_with("x-").then_some((name, text(value)?))
        })
    }
}

/// Returns the value of a header, if it is UTF-8.
fn text(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok()
}

/// Leaves out secrets: the URL's query, which often holds a token, the auth token, and the values
/// of cookies and credentials.
impl fmt::Debug for ConnectInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectInfo")
            .field("method", &self.parts.method)
            .field("path", &self.parts.uri.path())
            .field("headers", &self.parts.headers)
            .field("client_ip", &self.client_ip)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn info(cookies: &[&str]) -> ConnectInfo {
        let request = cookies
            .iter()
            .fold(Request::builder(), |request, line| {
                request.header(header::COOKIE, *line)
            })
            .header(header::AUTHORIZATION, "Bearer secret");
        ConnectInfo::new(request.body(()).unwrap().into_parts().0, &[])
    }

    #[test]
    fn cookies_are_found_by_name() {
        let info = info(&["a=1; session=x=y==;b=", "a=2; \u{e9}=3", "c = 4"]);
        for (name, value) in [
            ("a", Some("1")),
            ("session", Some("x=y==")),
            ("b", Some("")),
            ("sess", None),
            ("", None),
        ] {
            assert_eq!(info.cookie(name), value, "{name:?}");
        }
    }

    #[test]
    fn headers_are_utf8() {
        let request = Request::builder()
            .header(
                "user-agent",
                HeaderValue::from_bytes("\u{17e}".as_bytes()).unwrap(),
            )
            .header(
                "x-name",
                HeaderValue::from_bytes("\u{17e}!".as_bytes()).unwrap(),
            )
            .header("x-bytes", HeaderValue::from_bytes(b"\xff").unwrap());
        let info = ConnectInfo::new(request.body(()).unwrap().into_parts().0, &[]);
        assert_eq!(info.user_agent(), Some("\u{17e}"));
        let headers: Vec<_> = info.x_headers().collect();
        assert_eq!(headers, [("x-name", "\u{17e}!")]);
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let info = info(&["session=secret", "other=secret"]);
        let shown = format!("{info:?}");
        assert!(
            shown.contains("cookie") && !shown.contains("secret"),
            "{shown}"
        );
    }

    /// The query is hidden with and without an auth token.
    #[test]
    fn tokens_are_not_shown_wherever_they_stand() {
        let bearer = "base64url.bearer.phx.secret";
        let request = Request::builder()
            .uri("/socket/websocket?token=secret&user=ann")
            .header("sec-websocket-protocol", "phoenix")
            .header("sec-websocket-protocol", bearer)
            .header("x-phoenix-authtoken", "secret")
            .header("x-phoenix-longpoll-token", "secret")
            .header("proxy-authorization", "secret")
            .header("x-shown", "shown");
        let info = ConnectInfo::new(request.body(()).unwrap().into_parts().0, &[]);
        let shown = format!("{info:?}");
        assert!(!shown.contains("secret"), "{shown}");
        for part in ["/socket/websocket", "x-phoenix-authtoken", "\"shown\""] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        // The app itself can read them.
        assert_eq!(info.uri().query(), Some("token=secret&user=ann"));
        assert!(
            info.x_headers()
                .any(|header| header == ("x-phoenix-authtoken", "secret"))
        );
    }
}
