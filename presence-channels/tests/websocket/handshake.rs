//! Handshakes that open a WebSocket, and the answers to the others.

use presence_channels::{CheckOrigin, Config, Limits, SocketOptions};
use sample_app::{Client, Server};

use crate::{eventually, raw::http_status};

pub(crate) const PATH: &str = "/socket/websocket?vsn=2.0.0";
pub(crate) const HANDSHAKE: [&str; 4] = [
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// Asks for a WebSocket; gives the status of the answer.
pub(crate) async fn open(server: &Server, path: &str, origin: Option<&str>) -> u16 {
    let origin = origin.map(|origin| format!("origin: {origin}"));
    let mut headers = HANDSHAKE.to_vec();
    headers.extend(origin.as_deref());
    http_status(server, &format!("GET {path}"), &headers).await
}

#[tokio::test]
async fn known_versions_are_spoken_and_others_are_403() {
    let server = Server::start().await;
    for (query, status) in [
        ("vsn=2.0.0", 101),
        ("vsn=1.0.0", 101),
        ("", 101),
        ("vsn=3.0.0", 403),
        ("vsn=2", 403),
        ("vsn=nonsense", 403),
        ("vsn=", 403),
    ] {
        let path = format!("/socket/websocket?{query}");
        assert_eq!(open(&server, &path, None).await, status, "{query}");
    }
}

#[tokio::test]
async fn pages_of_the_same_host_may_connect_and_others_are_403() {
    let server = Server::start().await;
    let port = server.address.port();
    let same_host = format!("http://127.0.0.1:{port}");
    assert_eq!(open(&server, PATH, Some(&same_host)).await, 101);
    for foreign in [
        "http://evil.test".to_owned(),
        format!("http://evil.test:{port}"),
        format!("http://127.0.0.1:{}", port ^ 1),
        "http://127.0.0.1".to_owned(),
        format!("http://127.0.0.1:{port}.evil.test"),
        "null".to_owned(),
        "nonsense".to_owned(),
    ] {
        assert_eq!(open(&server, PATH, Some(&foreign)).await, 403, "{foreign}");
    }
}

#[tokio::test]
async fn a_list_of_origins_is_compared_instead_of_the_host() {
    let allowed = CheckOrigin::Only(vec!["https://app.test".into()]);
    let server = Server::start_with(SocketOptions::default().check_origin(allowed)).await;
    let same_host = format!("http://{}", server.address);
    assert_eq!(open(&server, PATH, Some("https://app.test")).await, 101);
    assert_eq!(open(&server, PATH, Some("https://app.test:444")).await, 403);
    assert_eq!(open(&server, PATH, Some(&same_host)).await, 403);
}

#[tokio::test]
async fn what_is_no_handshake_is_answered_as_http() {
    let server = Server::start().await;
    let get = format!("GET {PATH}");
    assert_eq!(http_status(&server, &get, &[]).await, 400);
    for missing in 0..HANDSHAKE.len() {
        let mut headers = HANDSHAKE.to_vec();
        let left_out = headers.remove(missing);
        assert_eq!(
            http_status(&server, &get, &headers).await,
            400,
            "{left_out}"
        );
    }
    let mut old_version = HANDSHAKE.to_vec();
    old_version[2] = "sec-websocket-version: 8";
    assert_eq!(http_status(&server, &get, &old_version).await, 400);

    let post = format!("POST {PATH}");
    assert_eq!(
        http_status(&server, &post, &["content-length: 0"]).await,
        400
    );
    let head = format!("HEAD {PATH}");
    assert_eq!(http_status(&server, &head, &HANDSHAKE).await, 400);
    assert_eq!(server.endpoint.connections(), 0);
    assert_eq!(open(&server, "/nowhere/websocket", None).await, 404);
}

#[tokio::test]
async fn whom_connect_refuses_gets_403_and_a_panic_in_it_is_500() {
    let server = Server::start().await;
    let path = |user_id| format!("{PATH}&user_id={user_id}");
    assert_eq!(open(&server, &path("banned"), None).await, 403);
    assert_eq!(open(&server, &path("crash"), None).await, 500);
    assert_eq!(server.endpoint.connections(), 0);
    Client::connect(&server, "alice").await.assert_alive().await;
}

#[tokio::test]
async fn a_client_too_many_is_503_until_another_goes() {
    let config = Config::default().max_connections(2);
    let server = Server::start_configured(SocketOptions::default(), config).await;
    let first = Client::connect(&server, "alice").await;
    let _second = Client::connect(&server, "bob").await;
    assert_eq!(open(&server, PATH, None).await, 503);
    first.vanish(false);
    eventually("a place is free", || server.endpoint.connections() == 1).await;
    eventually_open(&server, &[]).await;
}

#[tokio::test]
async fn clients_too_many_from_one_address_are_429_behind_a_proxy_too() {
    let config = Config::default()
        .max_connections_per_address(1)
        .trusted_proxies(["127.0.0.0/8".parse().unwrap()]);
    let server = Server::start_configured(SocketOptions::default(), config).await;
    // Without the header, the client is the proxy itself.
    let _held = Client::connect(&server, "alice").await;
    assert_eq!(open(&server, PATH, None).await, 429);
    eventually_open(&server, &["x-forwarded-for: 198.51.100.1"]).await;
    eventually_open(&server, &["x-forwarded-for: 198.51.100.2, 127.0.0.1"]).await;
}

/// A place is free when the server has seen the last holder go.
async fn eventually_open(server: &Server, headers: &[&str]) {
    let headers = [&HANDSHAKE[..], headers].concat();
    let until = tokio::time::Instant::now() + crate::PATIENCE;
    let request = format!("GET {PATH}");
    loop {
        let status = http_status(server, &request, &headers).await;
        if status == 101 {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "still {status}");
    }
}

/// A client that is given an endpoint with a slash at its end asks for such paths.
#[tokio::test]
async fn doubled_slashes_and_slashes_at_the_end_are_served() {
    let server = Server::start().await;
    for path in [
        "/socket//websocket",
        "/socket/websocket/",
        "//socket/websocket",
        "/socket/websocket//",
        "//socket//websocket/",
    ] {
        let status = open(&server, &format!("{path}?vsn=2.0.0"), None).await;
        assert_eq!(status, 101, "{path}");
    }
}

/// Two users whose names differ in bytes that are not text must not become one.
#[tokio::test]
async fn a_query_that_is_not_utf8_is_400() {
    let server = Server::start().await;
    for query in [
        "user_id=%ff",
        "user_id=%C3",
        "%ff=1",
        "user_id=%ed%a0%80",
        "user_id=%zz",
    ] {
        assert_eq!(
            open(&server, &format!("{PATH}&{query}"), None).await,
            400,
            "{query}"
        );
    }
    let text = format!("{PATH}&user_id=%C5%BD");
    assert_eq!(open(&server, &text, None).await, 101);
}

#[tokio::test]
async fn a_users_connections_are_limited_by_themselves() {
    let limits = Limits::default().max_connections_per_user(1);
    let server = Server::start_with(SocketOptions::default().limits(limits)).await;
    let path = |user_id| format!("{PATH}&user_id={user_id}");
    let first = Client::connect(&server, "alice").await;
    assert_eq!(open(&server, &path("alice"), None).await, 429);
    let _other = Client::connect(&server, "bob").await;
    // A client without an id is nobody's.
    assert_eq!(open(&server, PATH, None).await, 101);
    assert_eq!(open(&server, PATH, None).await, 101);
    first.vanish(false);
    eventually("a place is free", || server.endpoint.connections() == 1).await;
    Client::connect(&server, "alice").await.assert_alive().await;
}
