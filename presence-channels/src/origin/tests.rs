use http::Request;

use super::*;

/// Returns the refusal of a page of `origin` that asks for `authority`.
fn check(
    policy: &OriginPolicy,
    origin: &str,
    authority: &str,
    configured: Option<&str>,
) -> Result<(), OriginRefusal> {
    policy.check(&OriginRequest {
        origin: &origin.parse().unwrap(),
        authority: Some(authority),
        configured,
    })
}

/// Returns whether `check` allows `origin` for a request to localhost.
fn allows(check: &CheckOrigin, origin: &str) -> bool {
    let policy = check.policy().unwrap();
    self::check(&policy, origin, "localhost", None).is_ok()
}

fn only(entry: &str) -> CheckOrigin {
    CheckOrigin::Only(vec!["https://other.test".into(), entry.into()])
}

#[test]
fn by_default_a_page_must_be_of_the_same_host_and_port() {
    let policy = CheckOrigin::SameHost.policy().unwrap();
    let allows = |origin, host| check(&policy, origin, host, None).is_ok();
    assert!(allows("http://localhost:4000", "localhost:4000"));
    assert!(allows("https://LocalHost", "localhost"));
    assert!(allows("https://localhost", "localhost:443"));
    for foreign in [
        "http://localhost:4001",
        "http://localhost",
        "http://127.0.0.1:4000",
        "http://evil.test:4000",
        "http://localhost:4000.evil.test",
        "null",
        "nonsense",
    ] {
        assert!(!allows(foreign, "localhost:4000"), "{foreign}");
    }
}

/// An attacker's page may have any name, and its DNS server may point the name here.
#[test]
fn without_a_configured_host_only_names_that_cannot_be_rebound_match_themselves() {
    let policy = CheckOrigin::SameHost.policy().unwrap();
    for host in [
        "localhost:4000",
        "app.localhost:4000",
        "127.0.0.1:4000",
        "[::1]:4000",
        "192.168.1.7",
        "203.0.113.7:8080",
    ] {
        let origin = format!("http://{host}");
        assert_eq!(check(&policy, &origin, host, None), Ok(()), "{host}");
    }
    for host in [
        "evil.test:4000",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "intranet",
    ] {
        let origin = format!("http://{host}");
        let refusal = check(&policy, &origin, host, None).unwrap_err();
        assert_eq!(refusal.setting, "Config::host");
        assert!(refusal.compared_with.starts_with(host), "{refusal:?}");
        assert_eq!(
            check(&policy, &origin, host, Some(host)),
            Ok(()),
            "configured"
        );
        let trusting = CheckOrigin::RequestHost.policy().unwrap();
        assert_eq!(check(&trusting, &origin, host, None), Ok(()), "{host}");
    }
}

#[test]
fn a_refusal_names_what_was_compared_and_the_setting() {
    let refused = |check_origin: CheckOrigin, configured| {
        let policy = check_origin.policy().unwrap();
        check(&policy, "http://evil.test", "10.0.0.7", configured).unwrap_err()
    };
    let of = OriginRefusal::new;
    let configured = Some("shop.test");
    assert_eq!(
        refused(CheckOrigin::SameHost, configured),
        of("shop.test", "Config::host")
    );
    assert_eq!(
        refused(CheckOrigin::SameHost, None),
        of("10.0.0.7", "Config::host")
    );
    assert_eq!(
        refused(CheckOrigin::RequestHost, configured),
        of("10.0.0.7", "CheckOrigin::RequestHost")
    );
    assert_eq!(
        refused(CheckOrigin::Only(Vec::new()), None),
        of("a list of origins", "CheckOrigin::Only")
    );
}

#[test]
fn the_authority_of_a_request_is_its_uris_else_its_host_header() {
    let of = |uri: &str, host: Option<&str>| {
        let mut request = Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        authority(&parts).map(str::to_owned)
    };
    let path = "/socket/longpoll";
    assert_eq!(of(path, Some("a.test:1")).as_deref(), Some("a.test:1"));
    assert_eq!(
        of("http://b.test:2/socket", None).as_deref(),
        Some("b.test:2")
    );
    assert_eq!(
        of("http://b.test/socket", Some("a.test")).as_deref(),
        Some("b.test")
    );
    assert_eq!(of(path, None), None);
}

#[test]
fn the_configured_host_and_the_requests_are_compared_as_asked() {
    let allows = |check_origin: CheckOrigin, origin, configured| {
        let policy = check_origin.policy().unwrap();
        check(&policy, origin, "10.0.0.7:8080", configured).is_ok()
    };
    let (shop, here) = ("https://shop.test", "http://10.0.0.7:8080");
    let configured = Some("shop.test");
    assert!(allows(CheckOrigin::SameHost, shop, configured));
    assert!(!allows(CheckOrigin::SameHost, here, configured));
    assert!(allows(CheckOrigin::SameHost, here, None));
    assert!(allows(CheckOrigin::ConfiguredHost, shop, configured));
    assert!(!allows(CheckOrigin::ConfiguredHost, here, configured));
    assert!(!allows(CheckOrigin::ConfiguredHost, here, None));
    assert!(!allows(CheckOrigin::RequestHost, shop, configured));
    assert!(allows(CheckOrigin::RequestHost, here, configured));
}

#[test]
fn an_entry_with_a_scheme_means_its_port() {
    let check = only("http://allowed.test");
    for allowed in [
        "http://allowed.test",
        "http://allowed.test:80",
        "HTTP://ALLOWED.test",
    ] {
        assert!(allows(&check, allowed), "{allowed}");
    }
    for other in [
        "https://allowed.test",
        "http://allowed.test:8080",
        "http://sub.allowed.test",
        "http://evil.test",
        "null",
    ] {
        assert!(!allows(&check, other), "{other}");
    }
    assert!(allows(
        &only("HTTP://Allowed.test:8080"),
        "http://allowed.test:8080"
    ));
    assert!(allows(
        &only("capacitor://localhost"),
        "capacitor://localhost"
    ));
    assert!(!allows(&only("capacitor://localhost"), "http://localhost"));
    assert!(allows(&only("http://[::1]:4000"), "http://[::1]:4000"));
}

#[test]
fn an_entry_without_a_scheme_means_any_and_without_a_port_any() {
    for allowed in [
        "http://allowed.test",
        "https://allowed.test:444",
        "app://allowed.test",
    ] {
        assert!(allows(&only("//allowed.test"), allowed), "{allowed}");
    }
    assert!(!allows(&only("//allowed.test"), "http://evil.test"));
    assert!(allows(
        &only("//allowed.test:444"),
        "https://allowed.test:444"
    ));
    assert!(!allows(&only("//allowed.test:444"), "https://allowed.test"));
}

#[test]
fn a_wildcard_means_the_host_and_all_below() {
    let check = only("//*.example.com");
    for allowed in [
        "http://example.com",
        "https://a.example.com",
        "http://a.b.example.com:1",
    ] {
        assert!(allows(&check, allowed), "{allowed}");
    }
    // Phoenix takes the first of these for one of its own.
    for other in [
        "http://evilexample.com",
        "http://example.com.evil.test",
        "http://com",
    ] {
        assert!(!allows(&check, other), "{other}");
    }
    let secure = only("https://*.example.com:444");
    assert!(allows(&secure, "https://a.example.com:444"));
    assert!(!allows(&secure, "https://a.example.com"));
    assert!(!allows(&secure, "http://a.example.com:444"));
}

#[test]
fn what_is_no_origin_is_an_error_that_says_why() {
    for (malformed, reason) in [
        ("", "begins with a scheme"),
        ("example.com", "begins with a scheme"),
        ("*.example.com", "begins with a scheme"),
        ("://example.com", "begins with a scheme"),
        ("ht tp://example.com", "begins with a scheme"),
        ("https://example.com/", "nothing, not even a slash"),
        ("https://example.com/chat", "nothing, not even a slash"),
        ("https://user@example.com", "nothing, not even a slash"),
        ("https://", "host is none"),
        ("//*.", "host is none"),
        ("//*..com", "host is none"),
        ("//exa mple.com", "host is none"),
        ("//m\u{fc}nchen.test", "host is none"),
        ("https://example.com:", "port is none"),
        ("https://example.com:70000", "port is none"),
        ("https://example.com:http", "none"),
        ("//*", "a `*` can only be the first part"),
        (
            "https://a.*.example.com",
            "a `*` can only be the first part",
        ),
        ("https://*example.com", "a `*` can only be the first part"),
    ] {
        let error = only(malformed).policy().err().expect(malformed).to_string();
        assert!(
            error.starts_with(&format!("{malformed:?} is no origin")),
            "{error}"
        );
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_function_decides_on_null_too_and_its_panic_is_a_no() {
    let check = CheckOrigin::with(|origin| match origin.as_str() {
        "null" => true,
        "http://crash.test" => panic!("asked to"),
        _ => {
            let parts = (origin.scheme(), origin.host(), origin.port());
            parts == (Some("https"), Some("shop.test"), Some(443))
        }
    });
    assert!(allows(&check, "https://Shop.test"));
    assert!(allows(&check, "null"));
    assert!(!allows(&check, "https://shop.test:444"));
    assert!(!allows(&check, "nonsense"));
    assert!(!allows(&check, "http://crash.test"));
}

#[test]
fn off_lets_any_page_in() {
    assert!(allows(&CheckOrigin::Off, "http://evil.test"));
    assert!(allows(&CheckOrigin::Off, "null"));
}

/// Text that is not a port must not be taken for the scheme's default.
#[test]
fn a_port_that_is_not_a_number_is_not_the_default() {
    let check = only("http://example.com");
    for allowed in [
        "http://example.com:80",
        "http://example.com:080",
        "http://example.com:",
        "http://user:secret@example.com",
        "http://user:secret@example.com:80",
    ] {
        assert!(allows(&check, allowed), "{allowed}");
    }
    for port in ["99999", "x", "-1", "80x", "65616"] {
        let origin = format!("http://example.com:{port}");
        assert!(!allows(&check, &origin), "{origin}");
    }
    let any_port = only("//[::1]");
    assert!(allows(&any_port, "http://[::1]:4000"));
    assert!(!allows(&any_port, "http://[::1]:99999"));
    let policy = CheckOrigin::SameHost.policy().unwrap();
    let page = self::check(&policy, "http://localhost", "localhost:99999", None);
    assert!(page.is_err());
}
