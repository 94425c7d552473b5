use std::time::Duration;

use ipnet::IpNet;

use crate::{
    option_error::{OptionError, SHORTEST_TIMEOUT, at_least, at_most},
    telemetry::FilterParameters,
    token::SecretKeyBase,
};

/// A process that stops for longer would be killed long before.
const LONGEST_SPREAD: Duration = Duration::from_secs(24 * 60 * 60);

/// The settings of an endpoint. The defaults are fit for production. Each setter says when to
/// change the setting.
///
/// # Examples
/// One of several nodes behind a proxy, each with up to 50,000 clients:
///
/// ```
/// use presence_channels::Config;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::default()
///     .host("chat.example.com")
///     // The proxy's own network. Without it, all clients have the address of the proxy.
///     .trusted_proxies(["10.0.0.0/8".parse()?])
///     // Below the number of files that the process may open.
///     .max_connections(50_000)
///     .max_connections_per_address(500)
///     .max_unflushed_bytes(64 * 1024 * 1024)
///     .max_queued_bytes(1024 * 1024 * 1024)
///     .handler_timeout(Duration::from_secs(10))
///     // A deploy takes 60 s and a little more, and no second in which all clients come back.
///     .drain_spread(Duration::from_secs(60))
///     .drain_timeout(Duration::from_secs(10));
/// # let _ = config;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) host: Option<String>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_connections_per_address: Option<usize>,
    pub(crate) max_unflushed_bytes: usize,
    pub(crate) max_queued_bytes: usize,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) handler_timeout: Duration,
    pub(crate) drain_spread: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) secret_key_base: Option<SecretKeyBase>,
    pub(crate) filter_parameters: FilterParameters,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: None,
            max_connections: None,
            max_connections_per_address: None,
            max_unflushed_bytes: 16 * 1024 * 1024,
            max_queued_bytes: 256 * 1024 * 1024,
            trusted_proxies: Vec::new(),
            handler_timeout: Duration::from_secs(30),
            drain_spread: Duration::ZERO,
            drain_timeout: Duration::from_secs(10),
            secret_key_base: None,
            filter_parameters: FilterParameters::default(),
        }
    }
}

impl Config {
    /// Sets the host (and port, unless it is the scheme's default) at which browsers see the app,
    /// which [`CheckOrigin::SameHost`](crate::CheckOrigin::SameHost) compares pages with. Default:
    /// none. Then only pages at IP addresses, `localhost` and names below it may connect. Set it
    /// for every app with a host name.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Sets the number of clients that may be connected to this node. Off by default. Further
    /// clients are refused with the status 503. A client that is gone counts until its handlers
    /// have ended. Set a limit below the number of files that the process may open. An endpoint
    /// does not start with 0.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// Sets the number of clients that may be connected from one address (of IPv6, from one /64
    /// network). Off by default. Further clients are refused with the status 429. A client that is
    /// gone counts until its handlers have ended. The address is
    /// [`ConnectInfo::client_ip`](crate::ConnectInfo::client_ip), so the app must be served with
    /// [`serve`](crate::serve), or with `into_make_service_with_connect_info::<SocketAddr>()`. Name
    /// proxies in
    /// [`trusted_proxies`](Self::trusted_proxies); all clients behind another proxy have one
    /// address. An endpoint does not start with 0.
    #[must_use]
    pub fn max_connections_per_address(mut self, connections: usize) -> Self {
        self.max_connections_per_address = Some(connections);
        self
    }

    /// Sets the bytes of broadcasts that may be queued for this node's clients and not be offered
    /// to the system yet. Default 16 MiB. Beyond this limit the clients that broadcast are not read
    /// until half of it is left,
    /// [`Endpoint::broadcast_and_wait`](crate::Endpoint::broadcast_and_wait) waits for that, too,
    /// and broadcasts from other nodes are dropped and counted. Raise it for bursts to very large
    /// rooms. An endpoint does not start with 0.
    #[must_use]
    pub fn max_unflushed_bytes(mut self, bytes: usize) -> Self {
        self.max_unflushed_bytes = bytes;
        self
    }

    /// Sets the bytes that all clients of this node together may leave unread. Default 256 MiB. A
    /// message counts for each client that it waits for. Beyond this limit a client that holds more
    /// than its share (the limit divided by the number of clients that leave something unread) is
    /// closed with code 1013 at once. From four fifths of the limit on, such a client is closed
    /// once it has left something unread for two seconds. Set the limit to the memory that slow
    /// clients may cost. An endpoint does not start with 0.
    #[must_use]
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_bytes = bytes;
        self
    }

    /// Sets the networks whose `X-Forwarded-For` header is trusted, as `"10.0.0.0/8".parse()`
    /// returns them. Empty by default. Name the networks of the app's own proxies, and no others.
    #[must_use]
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.trusted_proxies = networks.into_iter().collect();
        self
    }

    /// Sets the timeout of a channel's callback. Default 30 s. After the timeout the callback is
    /// dropped where it waits, and its channel ends with `phx_error` (a join is refused with `join
    /// timed out`). The timeout applies to [`connect`](crate::UserSocket::connect), too, whose
    /// client is then refused with the status 500. An endpoint does not start with less than
    /// 100 ms.
    #[must_use]
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.handler_timeout = timeout;
        self
    }

    /// Sets the time over which [`Endpoint::stop`](crate::Endpoint::stop) closes connections.
    /// Default 0: all at once. With several nodes, set some tens of seconds, so that the clients of
    /// a deploy connect to the other nodes a few at a time. An endpoint does not start with more
    /// than a day.
    #[must_use]
    pub fn drain_spread(mut self, spread: Duration) -> Self {
        self.drain_spread = spread;
        self
    }

    /// Sets the time that [`Endpoint::stop`](crate::Endpoint::stop) waits for channels to end.
    /// Default 10 s. With 0 channels are ended at once.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Sets the secret that keys are derived from: see [`SecretKeyBase`]. All nodes share one
    /// secret. Default `None`. Without a secret [`Endpoint::tokens`](crate::Endpoint::tokens)
    /// returns an error, and a client that [polls](crate::SocketOptions::longpoll) must reach the
    /// same node every time.
    #[must_use]
    pub fn secret_key_base(mut self, secret: SecretKeyBase) -> Self {
        self.secret_key_base = Some(secret);
        self
    }

    /// Sets the parameters and parts of payloads that are not logged. By default they are those
    /// whose names contain `password` or `token`. Set it if your clients send other secrets.
    #[must_use]
    pub fn filter_parameters(mut self, filter: FilterParameters) -> Self {
        self.filter_parameters = filter;
        self
    }

    /// Refuses settings with which no client could connect.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        for (option, value) in [
            ("Config::max_connections", self.max_connections),
            (
                "Config::max_connections_per_address",
                self.max_connections_per_address,
            ),
        ] {
            value.map_or(Ok(()), |value| at_least(option, value, 1))?;
        }
        for (option, value) in [
            ("Config::max_unflushed_bytes", self.max_unflushed_bytes),
            ("Config::max_queued_bytes", self.max_queued_bytes),
        ] {
            at_least(option, value, 1)?;
        }
        at_least(
            "Config::handler_timeout",
            self.handler_timeout,
            SHORTEST_TIMEOUT,
        )?;
        at_most("Config::drain_spread", self.drain_spread, LONGEST_SPREAD)
    }
}
