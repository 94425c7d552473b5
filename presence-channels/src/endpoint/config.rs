//! What an endpoint can be told when it starts.

use std::time::Duration;

use crate::token::SecretKeyBase;

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
    /// How long a callback of a channel may take. Default 30 s. Then it is dropped where it waits,
    /// and its channel ends with `phx_error` (a join is refused with `join timed out`).
    pub handler_timeout: Duration,
    /// How long [`Endpoint::stop`](crate::Endpoint::stop) waits for channels to end. Default 10 s.
    pub drain_timeout: Duration,
    /// The secret that keys are derived from: see [`SecretKeyBase`]. Default: none, and then
    /// [`Endpoint::tokens`](crate::Endpoint::tokens) is an error. All nodes share one.
    pub secret_key_base: Option<SecretKeyBase>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: None,
            handler_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            secret_key_base: None,
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

    /// Sets [`handler_timeout`](Self::handler_timeout).
    #[must_use]
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.handler_timeout = timeout;
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
}
