//! What an endpoint can be told when it starts.

use std::time::Duration;

use ipnet::IpNet;

use crate::{telemetry::FilterParameters, token::SecretKeyBase};

/// An endpoint's settings. The defaults are fit for production; each says when to change it.
///
/// ```
/// use presence_channels::Config;
///
/// let config = Config::default().host("chat.example.com");
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The host (and port, unless it is the scheme's default) at which browsers see the app, which
    /// [`CheckOrigin::SameHost`](crate::CheckOrigin::SameHost) compares pages with. Default: the
    /// request's `Host` header. Set it behind a proxy that changes that header.
    pub host: Option<String>,
    /// How many clients may be connected to this node. Off by default. A further one is refused
    /// with
    /// 503. Set it below what the process may open as files.
    pub max_connections: Option<usize>,
    /// How many clients may be connected from one address (of IPv6, from one /64 network). Off by
    /// default. A further one is refused with 429. Counts
    /// [`ConnectInfo::client_ip`](crate::ConnectInfo::client_ip): the app must be served with
    /// `into_make_service_with_connect_info::<SocketAddr>()`, and proxies be named in
    /// [`trusted_proxies`](Self::trusted_proxies), or all behind one are one address.
    pub max_connections_per_address: Option<usize>,
    /// The networks whose `X-Forwarded-For` header is believed, as `"10.0.0.0/8".parse()` gives
    /// them. None by default.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a callback of a channel may take. Default 30 s. Then it is dropped where it waits,
    /// and its channel ends with `phx_error` (a join is refused with `join timed out`). So long may
    /// [`connect`](crate::UserSocket::connect) take, too; the client is refused with 500 then.
    pub handler_timeout: Duration,
    /// Over how long [`Endpoint::stop`](crate::Endpoint::stop) tells connections to go. Default 0:
    /// all at once. With several nodes, some tens of seconds let a deploy's clients come back to
    /// the others a few at a time.
    pub drain_spread: Duration,
    /// How long [`Endpoint::stop`](crate::Endpoint::stop) waits for channels to end. Default 10 s.
    pub drain_timeout: Duration,
    /// The secret that keys are derived from: see [`SecretKeyBase`]. Default: none, and then
    /// [`Endpoint::tokens`](crate::Endpoint::tokens) is an error, and a client that
    /// [polls](crate::SocketOptions::longpoll) must reach the same node every time. All nodes share
    /// one.
    pub secret_key_base: Option<SecretKeyBase>,
    /// Which parameters and parts of payloads are not logged. Default: those whose names contain
    /// `password` or `token`. Set it if your clients send other secrets.
    pub filter_parameters: FilterParameters,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: None,
            max_connections: None,
            max_connections_per_address: None,
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
    /// Sets [`host`](Self::host).
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Sets [`max_connections`](Self::max_connections).
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// Sets [`max_connections_per_address`](Self::max_connections_per_address).
    #[must_use]
    pub fn max_connections_per_address(mut self, connections: usize) -> Self {
        self.max_connections_per_address = Some(connections);
        self
    }

    /// Sets [`trusted_proxies`](Self::trusted_proxies).
    #[must_use]
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.trusted_proxies = networks.into_iter().collect();
        self
    }

    /// Sets [`handler_timeout`](Self::handler_timeout).
    #[must_use]
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.handler_timeout = timeout;
        self
    }

    /// Sets [`drain_spread`](Self::drain_spread).
    #[must_use]
    pub fn drain_spread(mut self, spread: Duration) -> Self {
        self.drain_spread = spread;
        self
    }

    /// Sets [`drain_timeout`](Self::drain_timeout).
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Sets [`secret_key_base`](Self::secret_key_base).
    #[must_use]
    pub fn secret_key_base(mut self, secret: SecretKeyBase) -> Self {
        self.secret_key_base = Some(secret);
        self
    }

    /// Sets [`filter_parameters`](Self::filter_parameters).
    #[must_use]
    pub fn filter_parameters(mut self, filter: FilterParameters) -> Self {
        self.filter_parameters = filter;
        self
    }
}
