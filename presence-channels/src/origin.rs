//! Checks which web pages may connect: `check_origin` in Phoenix.
//!
//! A browser lets any page open a WebSocket to any host, with the user's cookies, and names the
//! page in the `Origin` header. Clients that are not browsers send no such header, and may connect.

mod origin_pattern;
#[cfg(test)]
mod tests;

use std::{fmt, net::IpAddr, sync::Arc};

use http::{HeaderValue, Uri, header, request::Parts, uri::Authority};

pub use origin_pattern::InvalidOrigin;

use crate::telemetry::Cut;
use origin_pattern::OriginPattern;

use crate::guard::call_guarded;

/// The origins that may connect to a mounted socket.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum CheckOrigin {
    /// Pages of the app's own host and port: those of [`Config::host`](crate::Config::host) if it
    /// is set. The scheme is not compared, since a proxy may end TLS.
    ///
    /// Without a configured host, the page must be of the host that the request asks for, and that
    /// host must be an IP address, `localhost`, or a name below `localhost`. Any other name could
    /// be an attacker's, whose DNS server points it at this machine (DNS rebinding). So an app in
    /// production sets [`Config::host`](crate::Config::host).
    #[default]
    SameHost,
    /// As [`SameHost`](Self::SameHost), but of [`Config::host`](crate::Config::host) alone, which
    /// must be set then: Phoenix's `true`.
    ConfiguredHost,
    /// Pages of the host that the request asks for, whatever its name: the URI's authority, else
    /// the `Host` header. Phoenix's `:conn`. Only for a server that cannot be reached by other
    /// names than its own, because a proxy in front of it refuses them.
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
        let authority = uri.authority()?;
        let host = authority.host().to_ascii_lowercase();
        let port = port_of(authority)?.or(default_port(&scheme));
        Some(Self { scheme, host, port })
    }

    /// Returns whether this is the origin of pages at `host`, which may name a port.
    fn is_at(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let Some(port) = port_of(&authority) else {
            return false;
        };
        // A host without a port is reached at its scheme's default, and so is the page.
        let port = port.or(default_port(&self.scheme));
        authority.host().eq_ignore_ascii_case(&self.host) && port == self.port
    }
}

/// Returns the port that an authority names, if it names one. Returns `None` for text that is not a
/// port number: it must not be taken for the scheme's default.
fn port_of(authority: &Authority) -> Option<Option<u16>> {
    let text = authority.as_str();
    let host_and_port = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    match host_and_port.strip_prefix(authority.host())? {
        "" | ":" => Some(None),
        port => port.strip_prefix(':')?.parse().ok().map(Some),
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

/// A page's request, as its origin is checked.
pub(crate) struct OriginRequest<'a> {
    pub(crate) origin: &'a HeaderValue,
    /// The host that the request asks for: see [`authority`].
    pub(crate) authority: Option<&'a str>,
    /// [`Config::host`](crate::Config::host).
    pub(crate) configured: Option<&'a str>,
}

/// A refusal of a page: what its origin was compared with, and the setting that decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OriginRefusal {
    pub(crate) compared_with: String,
    pub(crate) setting: &'static str,
}

impl OriginRefusal {
    fn new(compared_with: impl Into<String>, setting: &'static str) -> Self {
        Self {
            compared_with: compared_with.into(),
            setting,
        }
    }
}

/// Returns the authority that a request asks for: its URI's, which HTTP/2 sends, else its `Host`
/// header.
pub(crate) fn authority(request: &Parts) -> Option<&str> {
    let host = || request.headers.get(header::HOST)?.to_str().ok();
    let authority = request.uri.authority().map(Authority::as_str);
    authority.or_else(host)
}

/// Returns whether no DNS server can point `host` at another machine: it is an address, or
/// `localhost` or a name below it, which browsers resolve by themselves.
fn is_fixed(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse::<IpAddr>().is_ok()
        || host == "localhost"
        || host.ends_with(".localhost")
}

impl OriginPolicy {
    /// Returns whether the policy needs a configured host.
    pub(crate) fn needs_configured_host(&self) -> bool {
        matches!(self, Self::Host([HostSource::Configured]))
    }

    /// Returns whether the page that sent the request may connect.
    pub(crate) fn check(&self, request: &OriginRequest<'_>) -> Result<(), OriginRefusal> {
        let origin = Origin::of(&String::from_utf8_lossy(request.origin.as_bytes()));
        match self {
            Self::Off => Ok(()),
            Self::With(OriginCheck(check)) => {
                let checked = call_guarded(|| check(&origin));
                let is_allowed = checked.unwrap_or_else(|panic| {
                    let origin = Cut(origin.as_str());
                    tracing::error!(%origin, panic, "a check of origins panicked");
                    false
                });
                let refusal = || OriginRefusal::new("the app's function", "CheckOrigin::with");
                is_allowed.then_some(()).ok_or_else(refusal)
            }
            // Browsers send `null` for pages that have no origin; it is on no list, and no host's.
            Self::Only(allowed) => {
                let fits = |origin: &OriginParts| allowed.iter().any(|entry| entry.fits(origin));
                let is_allowed = origin.parts.as_ref().is_some_and(fits);
                let refusal = || OriginRefusal::new("a list of origins", "CheckOrigin::Only");
                is_allowed.then_some(()).ok_or_else(refusal)
            }
            Self::Host(sources) => check_host(sources, origin.parts.as_ref(), request),
        }
    }
}

fn check_host(
    sources: &[HostSource],
    origin: Option<&OriginParts>,
    request: &OriginRequest<'_>,
) -> Result<(), OriginRefusal> {
    let setting = match sources.contains(&HostSource::Configured) {
        true => "Config::host",
        false => "CheckOrigin::RequestHost",
    };
    let mut hosts = sources.iter().filter_map(|source| match source {
        HostSource::Configured => request.configured.map(|host| (host, true)),
        HostSource::Request => {
            let is_trusted = !sources.contains(&HostSource::Configured);
            request.authority.map(|host| (host, is_trusted))
        }
    });
    let Some((host, is_trusted)) = hosts.next() else {
        return Err(OriginRefusal::new("no host", setting));
    };
    match origin {
        Some(origin) if origin.is_at(host) && (is_trusted || is_fixed(&origin.host)) => Ok(()),
        Some(origin) if origin.is_at(host) => {
            let compared = format!("{host}, which is not configured and could be anybody's");
            Err(OriginRefusal::new(compared, setting))
        }
        _ => Err(OriginRefusal::new(host, setting)),
    }
}
