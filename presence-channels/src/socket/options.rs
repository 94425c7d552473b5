//! Options of a mounted socket.

use std::time::Duration;

use super::LongpollOptions;
use crate::{
    CheckOrigin, Limits,
    option_error::{OptionError, SHORTEST_TIMEOUT, at_least},
    serializer::{Added, Serializer},
    telemetry::Level,
};

/// The options of one mounted socket, for
/// [`socket_with`](crate::EndpointBuilder::socket_with).
///
/// ```
/// use presence_channels::{CheckOrigin, SocketOptions, telemetry::Level};
/// use std::time::Duration;
///
/// let options = SocketOptions::default()
///     .timeout(Duration::from_secs(45))
///     .auth_token(true)
///     .token_expiry_notice(Duration::from_secs(30))
///     // A line for each of many clients would fill the log.
///     .log(Level::DEBUG)
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
    pub(crate) subprotocols: Vec<String>,
    pub(crate) connect_check: bool,
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
            subprotocols: Vec::new(),
            connect_check: true,
            log: Some(Level::INFO),
            serializers: Vec::new(),
            token_expiry_notice: Duration::from_secs(60),
        }
    }
}

impl SocketOptions {
    /// Sets the time after which a WebSocket without a whole message from its client is closed,
    /// with the code 1002. Default 60 s, as in Phoenix. An endpoint does not start with less than
    /// 100 ms. phoenix.js sends a heartbeat every 30 s. A ping counts, a part of a message does
    /// not: raise the timeout if clients upload large messages over slow networks. Checked about
    /// twenty times a timeout, so a client may get a twentieth more.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets which web pages may connect. Default: [`CheckOrigin::SameHost`], the pages of
    /// [`Config::host`](crate::Config::host). An app behind a host name must set that host: without
    /// it, only pages at `localhost` and at IP addresses may connect.
    #[must_use]
    pub fn check_origin(mut self, check_origin: CheckOrigin) -> Self {
        self.check_origin = check_origin;
        self
    }

    /// Also serves clients whose network blocks WebSockets: phoenix.js with `longPollFallbackMs`.
    /// Default: off, as in Phoenix. The path is the socket's with `/longpoll`.
    ///
    /// With several nodes, give all of them the same
    /// [`Config::secret_key_base`](crate::Config::secret_key_base), so that a poll may reach any
    /// node. [`Endpoint::stop`](crate::Endpoint::stop) ends polls under way.
    ///
    /// Clients of versions 1 and 2 that poll get no binary messages (those that they send arrive).
    /// [`timeout`](Self::timeout) does not apply to clients that poll.
    #[must_use]
    pub fn longpoll(mut self, longpoll: LongpollOptions) -> Self {
        self.longpoll = Some(longpoll);
        self
    }

    /// Lets clients pass a token beside the URL, which proxies and servers log. phoenix.js does so
    /// with `new Socket("/socket", {authToken: token})`. Off by default, as in Phoenix. `connect`
    /// reads the token by [`ConnectInfo::auth_token`](crate::ConnectInfo::auth_token). If on, a
    /// WebSocket that offers other subprotocols, or a token that is not in base64, is refused with
    /// the status 403.
    #[must_use]
    pub fn auth_token(mut self, auth_token: bool) -> Self {
        self.auth_token = auth_token;
        self
    }

    /// Sets whether a page may ask the mount's own path why it cannot connect: see
    /// [`Endpoint::router`](crate::Endpoint::router). Default: yes. Turn it off in an app that
    /// serves that path itself. With [`auth_token`](Self::auth_token) the page sends its token in
    /// the header `X-Phoenix-AuthToken`, as phoenix.js does by long-polling.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::SocketOptions;
    ///
    /// let options = SocketOptions::default().connect_check(false);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn connect_check(mut self, connect_check: bool) -> Self {
        self.connect_check = connect_check;
        self
    }

    /// Sets the WebSocket subprotocols that the app speaks, in its order of preference. None by
    /// default: then a client may offer any, and the answer names none. Otherwise the answer names
    /// the first that the client offers, and a client that offers others only is refused with the
    /// status 403. `connect` reads the choice by
    /// [`ConnectInfo::subprotocol`](crate::ConnectInfo::subprotocol). Needed for clients that offer
    /// a subprotocol and close a connection that names none, as browsers do.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::SocketOptions;
    ///
    /// let options = SocketOptions::default().subprotocols(["v2.chat", "v1.chat"]);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn subprotocols(
        mut self,
        subprotocols: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.subprotocols = subprotocols.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the level at which clients that connect, or are refused, are logged with their
    /// parameters. `None` logs no clients. Default: info, as in Phoenix. See
    /// [`telemetry`](crate::telemetry).
    #[must_use]
    pub fn log(mut self, level: impl Into<Option<Level>>) -> Self {
        self.log = level.into();
        self
    }

    /// Sets the time before its token [expires](crate::UserSocket::expires_at) at which a client is
    /// told. Default 60 s. If the token is valid for less than twice this time, counted from the
    /// connect or the refresh, the client is told when half of that time has passed.
    ///
    /// With zero, the client is not told, and is closed when its token expires. Expiry is checked
    /// about once a second, so a client may miss a notice of less than 2 s. Set a time in which a
    /// client can get a new token.
    #[must_use]
    pub fn token_expiry_notice(mut self, notice: Duration) -> Self {
        self.token_expiry_notice = notice;
        self
    }

    /// Adds a [`Serializer`] for clients whose `vsn` fits `requirement`, as in
    /// `new Socket("/socket", {vsn: "3.0.0", encode, decode})`. The [module](crate::serializer) has
    /// an example. Versions 1 and 2 stay. Of several serializers that fit, the one added first is
    /// used, and any of them before versions 1 and 2.
    ///
    /// A requirement is written as in Elixir: `"~> 3.0.0"` (3.0.x), `"~> 3.0"` (3.x), `"== 3.1.0"`,
    /// `">= 3.1.0 and < 4.0.0"`. The endpoint does not start with any other text.
    #[must_use]
    pub fn serializer(mut self, requirement: &str, serializer: impl Serializer) -> Self {
        self.serializers.push(Added::new(requirement, serializer));
        self
    }

    /// Sets the limits on a client.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Refuses options with which no client could stay connected.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        at_least("SocketOptions::timeout", self.timeout, SHORTEST_TIMEOUT)?;
        for subprotocol in &self.subprotocols {
            let is_token =
                |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
            if subprotocol.is_empty() || !subprotocol.bytes().all(is_token) {
                let bounds = "a name of ASCII letters, digits and any of !#$%&'*+-.^_`|~";
                let option = "SocketOptions::subprotocols";
                return Err(OptionError::new(option, subprotocol, bounds.to_owned()));
            }
        }
        self.limits.check()?;
        self.longpoll
            .as_ref()
            .map_or(Ok(()), LongpollOptions::check)
    }
}
