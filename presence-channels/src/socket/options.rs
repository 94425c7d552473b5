//! How a socket is mounted.

use std::time::Duration;

use crate::{
    CheckOrigin, Limits, LongpollOptions,
    serializer::{Added, Serializer},
    telemetry::Level,
};

/// The options of one mounted socket, for
/// [`socket_with`](crate::EndpointBuilder::socket_with).
///
/// ```
/// use presence_channels::{CheckOrigin, SocketOptions};
/// use std::time::Duration;
///
/// let options = SocketOptions::default()
///     .timeout(Duration::from_secs(45))
///     .check_origin(CheckOrigin::Only(vec!["https://example.com".into()]));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct SocketOptions {
    pub(crate) timeout: Duration,
    pub(crate) check_origin: CheckOrigin,
    pub(crate) longpoll: Option<LongpollOptions>,
    pub(crate) limits: Limits,
    pub(crate) auth_token: bool,
    pub(crate) log: Option<Level>,
    pub(crate) serializers: Vec<Added>,
    pub(crate) token_expiry_notice: Duration,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            check_origin: CheckOrigin::default(),
            longpoll: None,
            limits: Limits::default(),
            auth_token: false,
            log: Some(Level::INFO),
            serializers: Vec::new(),
            token_expiry_notice: Duration::from_secs(60),
        }
    }
}

impl SocketOptions {
    /// How long the client of a WebSocket may send no whole message before it is closed with code
    /// 1002. Default 60 s, as in Phoenix; phoenix.js sends a heartbeat every 30 s. A ping counts, a
    /// part of a message does not: raise it if clients upload large messages over slow networks. At
    /// least 100 ms. It is looked at about twenty times a timeout, so a client may get that much
    /// more.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_millis(100));
        self
    }

    /// Which web pages may connect. Default: those of the same host.
    #[must_use]
    pub fn check_origin(mut self, check_origin: CheckOrigin) -> Self {
        self.check_origin = check_origin;
        self
    }

    /// Serves clients too whose network lets no WebSocket through: phoenix.js with
    /// `longPollFallbackMs`. Default: off, as in Phoenix. The path is the socket's with
    /// `/longpoll`.
    ///
    /// With several nodes, give all the same
    /// [`Config::secret_key_base`](crate::Config::secret_key_base): then a poll may reach any of
    /// them. A graceful shutdown of axum's server waits for polls under way, up to a window;
    /// [`Endpoint::stop`](crate::Endpoint::stop) ends them.
    ///
    /// Not with it: clients of versions 1 and 2 get no binary messages (those that they send
    /// arrive), and [`timeout`](Self::timeout) is not theirs.
    #[must_use]
    pub fn longpoll(mut self, longpoll: LongpollOptions) -> Self {
        self.longpoll = Some(longpoll);
        self
    }

    /// Whether clients may pass a token beside the URL, which proxies and servers log: as
    /// phoenix.js does with `new Socket("/socket", {authToken: token})`. Off by default, as in
    /// Phoenix. [`ConnectInfo::auth_token`](crate::ConnectInfo::auth_token) gives it to `connect`.
    /// With it on, a WebSocket that offers other subprotocols, or a token that is not in base64, is
    /// refused with 403.
    #[must_use]
    pub fn auth_token(mut self, auth_token: bool) -> Self {
        self.auth_token = auth_token;
        self
    }

    /// At which level clients that connect, or are refused, are logged with their parameters; none
    /// for not at all. Default: info, as in Phoenix. See [`telemetry`](crate::telemetry).
    #[must_use]
    pub fn log(mut self, level: impl Into<Option<Level>>) -> Self {
        self.log = level.into();
        self
    }

    /// How long before its token [expires](crate::UserSocket::expires_at) a client is told. Default
    /// 60 s; a client whose token is younger when it connects is told at once. Looked at once a
    /// second.
    #[must_use]
    pub fn token_expiry_notice(mut self, notice: Duration) -> Self {
        self.token_expiry_notice = notice;
        self
    }

    /// Speaks a [`Serializer`] of yours with clients whose `vsn` fits `requirement`, as in
    /// `new Socket("/socket", {vsn: "3.0.0", encode, decode})`; the [module](crate::serializer) has
    /// an example. Versions 1 and 2 are spoken as before. Of several that fit, the one added first
    /// counts, and any before versions 1 and 2.
    ///
    /// A requirement is one of Elixir's: `"~> 3.0.0"` (3.0.x), `"~> 3.0"` (3.x), `"== 3.1.0"`,
    /// `">= 3.1.0 and < 4.0.0"`. Another is an error when the endpoint starts.
    #[must_use]
    pub fn serializer(mut self, requirement: &str, serializer: impl Serializer) -> Self {
        self.serializers.push(Added::new(requirement, serializer));
        self
    }

    /// What a client may use up.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
