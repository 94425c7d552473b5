use http::uri::Authority;

use super::{OriginParts, default_port};

/// An entry that is not an origin, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} is no origin: {reason}")]
pub struct InvalidOrigin {
    entry: String,
    reason: &'static str,
}

/// An entry in a list of origins that may connect. A request whose origin is not valid is not
/// compared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OriginPattern {
    scheme: Option<String>,
    host: String,
    /// Set if all hosts below this host match, too.
    wildcard: bool,
    port: Option<u16>,
}

impl OriginPattern {
    pub(super) fn parse(entry: &str) -> Result<Self, InvalidOrigin> {
        parse(entry).map_err(|reason| InvalidOrigin {
            entry: entry.to_owned(),
            reason,
        })
    }

    pub(super) fn fits(&self, origin: &OriginParts) -> bool {
        let is_below = || {
            let below = origin.host.strip_suffix(&*self.host);
            self.wildcard && below.is_some_and(|below| below.ends_with('.'))
        };
        let scheme = self.scheme.as_ref();
        scheme.is_none_or(|scheme| *scheme == origin.scheme)
            && (self.port.is_none() || self.port == origin.port)
            && (self.host == origin.host || is_below())
    }
}

fn parse(entry: &str) -> Result<OriginPattern, &'static str> {
    let (scheme, rest) = match (entry.strip_prefix("//"), entry.split_once("://")) {
        (Some(rest), _) => (None, rest),
        (None, Some((scheme, rest))) => (Some(scheme.to_ascii_lowercase()), rest),
        (None, None) => return Err("it begins with a scheme, as https://, or with //"),
    };
    let is_scheme = |scheme: &String| {
        let mut letters = scheme.bytes();
        letters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter))
    };
    if !scheme.as_ref().is_none_or(is_scheme) {
        return Err("it begins with a scheme, as https://, or with //");
    }
    if rest.contains(['/', '?', '#', '@']) {
        return Err("after the host and the port comes nothing, not even a slash");
    }
    let (wildcard, rest) = match rest.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if rest.contains('*') {
        return Err("a `*` can only be the first part of the host, as in *.example.com");
    }
    let authority: Authority = rest.parse().map_err(|_| "its host is none")?;
    let (host, port) = (authority.host(), authority.port_u16());
    if host.is_empty() || host.starts_with('.') {
        return Err("its host is none");
    }
    // `port_u16` leaves out text that is not a port number.
    if port.is_none() && authority.as_str() != host {
        return Err("its port is none");
    }
    Ok(OriginPattern {
        port: port.or(scheme.as_deref().and_then(default_port)),
        scheme,
        host: host.to_ascii_lowercase(),
        wildcard,
    })
}
