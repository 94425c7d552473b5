//! Which web pages may connect: `check_origin` in Phoenix.
//!
//! A browser lets any page open a WebSocket to any host, with the user's cookies, and says in the
//! `Origin` header which page it was. Clients that are no browsers send none and are let in.

use http::{HeaderMap, Uri, header};

/// The origins that may connect to a mounted socket.
#[derive(Clone, Debug, Default)]
pub enum CheckOrigin {
    /// Pages of this very host and port: those of [`Config::host`](crate::Config::host) if it is
    /// set, else of the request's `Host` header. The scheme is not compared, since a proxy may end
    /// TLS.
    #[default]
    SameHost,
    /// These origins, each `scheme://host` or `scheme://host:port`, and no other. Without a port,
    /// the scheme's default is meant.
    Only(Vec<String>),
    /// Any page. Only for a socket that treats every client as a stranger.
    Off,
}

impl CheckOrigin {
    /// May the page that sent `headers` connect?
    pub(crate) fn allows(&self, headers: &HeaderMap, configured_host: Option<&str>) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        // Browsers send `null` for pages that have no origin; it is no host's.
        let origin = origin.to_str().ok().and_then(Origin::parse);
        match self {
            Self::Off => true,
            Self::Only(allowed) => origin.is_some_and(|origin| {
                allowed
                    .iter()
                    .any(|allowed| Origin::parse(allowed).as_ref() == Some(&origin))
            }),
            Self::SameHost => {
                let host = headers
                    .get(header::HOST)
                    .and_then(|host| host.to_str().ok());
                match (origin, configured_host.or(host)) {
                    (Some(origin), Some(host)) => origin.is_at(host),
                    _ => false,
                }
            }
        }
    }
}

#[derive(PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    fn parse(origin: &str) -> Option<Self> {
        let uri: Uri = origin.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let host = uri.host()?.to_ascii_lowercase();
        let port = uri.port_u16().or(default_port(&scheme));
        Some(Self { scheme, host, port })
    }

    /// Is this the origin of pages at `host`, which may name a port?
    fn is_at(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<http::uri::Authority>() else {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: Option<&str>, host: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn by_default_a_page_must_be_of_the_same_host_and_port() {
        let allows = |origin, host| CheckOrigin::SameHost.allows(&headers(origin, host), None);
        assert!(allows(None, "example.com"));
        assert!(allows(Some("http://localhost:4000"), "localhost:4000"));
        assert!(allows(Some("https://Example.com"), "example.com"));
        assert!(allows(Some("https://example.com"), "example.com:443"));
        for foreign in [
            "http://localhost:4001",
            "http://localhost",
            "http://evil.test:4000",
            "http://localhost:4000.evil.test",
            "null",
            "nonsense",
        ] {
            assert!(!allows(Some(foreign), "localhost:4000"), "{foreign}");
        }
    }

    #[test]
    fn a_configured_host_is_compared_instead_of_the_header() {
        let allows = |origin| {
            CheckOrigin::SameHost.allows(&headers(Some(origin), "10.0.0.7:8080"), Some("shop.test"))
        };
        assert!(allows("https://shop.test"));
        assert!(!allows("http://10.0.0.7:8080"));
    }

    #[test]
    fn a_list_compares_scheme_host_and_port() {
        let only = CheckOrigin::Only(vec!["http://allowed.test".into()]);
        let allows = |origin| only.allows(&headers(origin, "localhost"), None);
        assert!(allows(None));
        assert!(allows(Some("http://allowed.test")));
        assert!(allows(Some("http://allowed.test:80")));
        for other in [
            "https://allowed.test",
            "http://allowed.test:8080",
            "http://evil.test",
            "null",
        ] {
            assert!(!allows(Some(other)), "{other}");
        }
    }

    #[test]
    fn off_lets_any_page_in() {
        assert!(CheckOrigin::Off.allows(&headers(Some("http://evil.test"), "localhost"), None));
        assert!(CheckOrigin::Off.allows(&headers(Some("null"), "localhost"), None));
    }
}
