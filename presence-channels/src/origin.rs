//! Checks which web pages may connect: `check_origin` in Phoenix.
//!
//! A browser lets any page open a WebSocket to any host, with the user's cookies, and names the
//! page in the `Origin` header. Clients that are not browsers send no such header, and may connect.

mod origin_pattern;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use http::{HeaderMap, Uri, header, uri::Authority};

pub use origin_pattern::InvalidOrigin;
use origin_pattern::OriginPattern;

use crate::guard::call_guarded;

/// The origins that may connect to a mounted socket.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum CheckOrigin {
    /// Pages of this very host and port: those of [`Config::host`](crate::Config::host) if it is
    /// set, else of the request's `Host` header. The scheme is not compared, since a proxy may end
    /// TLS.
    #[default]
    SameHost,
    /// As [`SameHost`](Self::SameHost), but of [`Config::host`](crate::Config::host) alone, which
    /// must be set then: Phoenix's `true`.
    ConfiguredHost,
    /// As [`SameHost`](Self::SameHost), but of the request's `Host` header alone: Phoenix's
    /// `:conn`.
    RequestHost,
    /// These origins, and no other. Each is
    ///
    /// - `scheme://host:port`; without a port, the scheme's default is meant,
    /// - `//host`, or `//host:port`: with any scheme, and without a port with any port,
    /// - either of them with `*.` before the host, for `host` itself and all below it:
    ///   `https://*.example.com`.
    ///
    /// Anything else is an error when the endpoint starts. Names that are not in ASCII are written
    /// as browsers send them, in Punycode.
    Only(Vec<String>),
    /// The origins that a function of the app accepts: see [`with`](Self::with).
    With(OriginCheck),
    /// Any page. Only for a socket that trusts no client.
    Off,
}

impl CheckOrigin {
    /// Calls `check` for each page, and also for `null`, which browsers send for pages that have no
    /// origin. `check` must not block. A panic in `check` refuses the page.
    ///
    /// ```
    /// use presence_channels::{CheckOrigin, SocketOptions};
    ///
    /// let customers = ["shop.test", "forum.test"];
    /// let check = CheckOrigin::with(move |origin| {
    ///     origin.scheme() == Some("https") && origin.host().is_some_and(|host| customers.contains(&host))
    /// });
    /// let options = SocketOptions::default().check_origin(check);
    /// # let _ = options;
    /// ```
    pub fn with(check: impl Fn(&Origin) -> bool + Send + Sync + 'static) -> Self {
        Self::With(OriginCheck(Arc::new(check)))
    }

    /// Returns the policy that each request is checked by.
    pub(crate) fn policy(&self) -> Result<OriginPolicy, InvalidOrigin> {
        Ok(match self {
            Self::SameHost => OriginPolicy::Host(&[HostSource::Configured, HostSource::Request]),
            Self::ConfiguredHost => OriginPolicy::Host(&[HostSource::Configured]),
            Self::RequestHost => OriginPolicy::Host(&[HostSource::Request]),
            Self::Only(origins) => {
                let patterns = origins.iter().map(|origin| OriginPattern::parse(origin));
                OriginPolicy::Only(patterns.collect::<Result<_, _>>()?)
            }
            Self::With(check) => OriginPolicy::With(check.clone()),
            Self::Off => OriginPolicy::Off,
        })
    }
}

/// A function that decides on origins. Made by [`CheckOrigin::with`].
#[derive(Clone)]
pub struct OriginCheck(Arc<dyn Fn(&Origin) -> bool + Send + Sync>);

impl fmt::Debug for OriginCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginCheck").finish_non_exhaustive()
    }
}

/// The origin of a page that wants to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    text: String,
    parts: Option<OriginParts>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OriginParts {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            parts: OriginParts::parse(text),
        }
    }

    /// Returns the header as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the scheme, in lower case. Returns `None` for `null` and other text that is not an
    /// origin.
    #[must_use]
    pub fn scheme(&self) -> Option<&str> {
        self.parts.as_ref().map(|parts| &*parts.scheme)
    }

    /// Returns the host, in lower case. Returns `None` for `null` and other text that is not an
    /// origin.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.parts.as_ref().map(|parts| &*parts.host)
    }

    /// Returns the port, or the scheme's default.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.parts.as_ref()?.port
    }
}

impl OriginParts {
    fn parse(origin: &str) -> Option<Self> {
        let uri: Uri = origin.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let host = uri.host()?.to_ascii_lowercase();
        let port = uri.port_u16().or(default_port(&scheme));
        Some(Self { scheme, host, port })
    }

    /// Returns whether this is the origin of pages at `host`, which may name a port.
    fn is_at(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        // A host without a port is reached at its scheme's default, and so is the page.
        let port = authority.port_u16().or(default_port(&self.scheme));
        authority.host().eq_ignore_ascii_case(&self.host) && port == self.port
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// A [`CheckOrigin`] whose entries are parsed.
pub(crate) enum OriginPolicy {
    /// Allows pages of the first of these hosts that is known.
    Host(&'static [HostSource]),
    Only(Vec<OriginPattern>),
    With(OriginCheck),
    Off,
}

/// The source of a host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostSource {
    Configured,
    Request,
}

impl OriginPolicy {
    /// Returns whether the policy needs a configured host.
    pub(crate) fn needs_configured_host(&self) -> bool {
        matches!(self, Self::Host([HostSource::Configured]))
    }

    /// Returns whether the page that sent `headers` may connect.
    pub(crate) fn allows(&self, headers: &HeaderMap, configured_host: Option<&str>) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let origin = Origin::of(&String::from_utf8_lossy(origin.as_bytes()));
        match self {
            Self::Off => true,
            Self::With(OriginCheck(check)) => {
                let checked = call_guarded(|| check(&origin));
                checked.unwrap_or_else(|panic| {
                    tracing::error!(
                        origin = origin.as_str(),
                        panic,
                        "a check of origins panicked"
                    );
                    false
                })
            }
            // Browsers send `null` for pages that have no origin; it is on no list, and no host's.
            Self::Only(allowed) => origin
                .parts
                .is_some_and(|origin| allowed.iter().any(|allowed| allowed.fits(&origin))),
            Self::Host(sources) => {
                let mut hosts = sources.iter().filter_map(|source| match source {
                    HostSource::Configured => configured_host,
                    HostSource::Request => headers.get(header::HOST)?.to_str().ok(),
                });
                match (origin.parts, hosts.next()) {
                    (Some(origin), Some(host)) => origin.is_at(host),
                    _ => false,
                }
            }
        }
    }
}
