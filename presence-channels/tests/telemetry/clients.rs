//! Logs of clients on their way in, and of messages that their protocol cannot carry.

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use presence_channels::{Endpoint, Payload, SocketOptions};
use sample_app::SampleApp;
use serde_json::json;
use tower::ServiceExt;

use crate::{app::start, logs::Log, poller::Poller};

async fn ask(endpoint: &Endpoint, uri: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let answered = endpoint.router::<()>().oneshot(request).await.unwrap();
    answered.status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn a_page_that_asks_does_not_connect() {
    let log = Log::listen("presence_channels=info");
    let options = SocketOptions::default().connect_check(true);
    let app = SampleApp::builder().mount("/socket", options).start();
    let endpoint = app.await.unwrap().endpoint;
    let json = [("accept", "application/json")];
    let asked = ask(&endpoint, "/socket?vsn=2.0.0&user_id=ann", &json).await;
    assert_eq!(asked, 200);
    let line = log.line("may connect");
    assert!(line.contains(r#"user="user_socket:ann""#), "{line}");
    assert!(!log.text().contains(": connected"), "{}", log.text());
}

/// Each is logged once a second, and nothing else is.
#[tokio::test(start_paused = true)]
async fn refusals_that_need_no_app_are_logged_once_a_second() {
    let options = SocketOptions::default().subprotocols(["ours"]);
    let app = SampleApp::builder().mount("/socket", options).start();
    let endpoint = app.await.unwrap().endpoint;
    let handshake = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("sec-websocket-protocol", "theirs"),
    ];
    let log = Log::listen("presence_channels=info");
    let uri = "/socket/websocket?vsn=2.0.0";
    for _ in 0..3 {
        assert_eq!(ask(&endpoint, uri, &handshake).await, 403);
        assert_eq!(ask(&endpoint, uri, &handshake[..0]).await, 400);
        assert_eq!(ask(&endpoint, "/socket/websocket?a=%zz", &[]).await, 400);
    }
    for (line, part) in [
        ("refused a client's subprotocols", "are not ours"),
        ("refused a WebSocket's handshake", "`Upgrade`"),
        ("refused a malformed query or path", "suppressed=0"),
    ] {
        let line = log.line(line);
        assert!(line.contains(part), "{part} in {line}");
    }
    assert_eq!(log.text().lines().count(), 3, "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_that_a_client_cannot_get_is_logged_once_a_second_and_cut() {
    let log = Log::listen("presence_channels=warn");
    let endpoint = start(Default::default()).await;
    let mut members = Vec::new();
    for user in ["ann", "bob", "cem"] {
        let query = format!("vsn=1.0.0&user_id={user}");
        let member = Poller::open(&endpoint, &query).await;
        let join = json!({ "topic": "quiet", "event": "phx_join", "payload": {}, "ref": "1" });
        assert_eq!(member.publish(join).await, 200);
        members.push(member);
    }
    let binary = || Payload::Binary(Bytes::from_static(b"\x01"));
    for _ in 0..2 {
        endpoint
            .broadcast("quiet", &"x".repeat(250), binary())
            .unwrap();
    }
    let line = log.line("a broadcast was dropped for a client");
    for part in [
        r#"topic="quiet""#,
        r#"user="user_socket:"#,
        "version 1",
        "suppressed=0",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(line.contains("xxx... and 50 bytes more"), "{line}");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    endpoint.broadcast("quiet", "binary", binary()).unwrap();
    assert!(log.text().contains("suppressed=5"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn binary_messages_that_a_poll_leaves_out_are_logged_once_a_second() {
    let log = Log::listen("presence_channels=warn");
    let endpoint = start(Default::default()).await;
    let client = Poller::open(&endpoint, "vsn=2.0.0").await;
    client.join("quiet").await;
    for _ in 0..3 {
        let binary = Payload::Binary(Bytes::from_static(b"\x01"));
        endpoint.broadcast("quiet", "binary", binary).unwrap();
    }
    let answer = client.poll().await;
    assert_eq!(
        answer["messages"].as_array().unwrap().len(),
        1,
        "the join's"
    );
    let line = log.line("dropped a binary message");
    assert!(
        line.contains(r#"socket="/socket""#) && line.contains("bytes="),
        "{line}"
    );
}
