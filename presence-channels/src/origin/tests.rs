use super::*;

fn headers(origin: Option<&str>, host: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, host.parse().unwrap());
    if let Some(origin) = origin {
        headers.insert(header::ORIGIN, origin.parse().unwrap());
    }
    headers
}

/// Returns whether `check` allows `origin` for a request to localhost.
fn allows(check: &CheckOrigin, origin: &str) -> bool {
    let policy = check.policy().unwrap();
    policy.allows(&headers(Some(origin), "localhost"), None)
}

fn only(entry: &str) -> CheckOrigin {
    CheckOrigin::Only(vec!["https://other.test".into(), entry.into()])
}

#[test]
fn by_default_a_page_must_be_of_the_same_host_and_port() {
    let policy = CheckOrigin::SameHost.policy().unwrap();
    let allows = |origin, host| policy.allows(&headers(origin, host), None);
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
fn the_configured_host_and_the_requests_are_compared_as_asked() {
    let allows = |check: CheckOrigin, origin, configured| {
        let headers = headers(Some(origin), "10.0.0.7:8080");
        check.policy().unwrap().allows(&headers, configured)
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
