//! The user and the address of the client that a line is about.

use std::{net::SocketAddr, time::Duration};

use axum::{body::Body, extract::ConnectInfo};
use http::Request;
use presence_channels::{
    Config, Endpoint, Limits, LongpollOptions, Rate, SocketOptions, telemetry::FilterParameters,
};
use sample_app::{Client, SampleApp, Server};
use serde_json::json;
use tower::ServiceExt;

use crate::{app::start, logs::Log};

/// Waits until the log has a line.
async fn logged(log: &Log, part: &str) {
    let logged = async {
        while !log.text().contains(part) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let logged = tokio::time::timeout(Duration::from_secs(20), logged).await;
    logged.unwrap_or_else(|_| panic!("no {part:?} in\n{}", log.text()));
}

#[tokio::test]
async fn a_client_over_tcp_is_named_from_its_connect_to_its_end() {
    let log = Log::listen("presence_channels=info");
    let server = Server::start().await;
    let mut client = Client::connect(&server, "ann").await;
    client.join("room:1").await;
    client.request("room:1", "fail", json!({})).await;
    drop(client);
    logged(&log, ": disconnected").await;
    for line in [
        ": connected",
        ": joined",
        "a handler failed",
        ": disconnected",
    ] {
        let line = log.line(line);
        for part in [r#"user="user_socket:ann""#, "address=127.0.0.1"] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}

#[tokio::test]
async fn a_limit_of_messages_names_the_client_that_reaches_it() {
    let few = || Rate::per_second(1).burst(2);
    let limits = Limits::default;
    for (limits, [topic, event], setting, what) in [
        (
            limits().max_message_rate(few()),
            ["quiet", "ping"],
            "max_message_rate",
            "ping",
        ),
        (
            limits().max_channel_message_rate(few()),
            ["quiet", "ping"],
            "max_channel_message_rate",
            "quiet",
        ),
        (
            limits().max_event_bytes(8),
            ["quiet", "123456789"],
            "max_event_bytes",
            "quiet",
        ),
        (
            limits().max_channels(1),
            ["room:1", "phx_join"],
            "max_channels",
            "room:1",
        ),
        (
            limits().max_ref_bytes(4),
            ["quiet", "ping"],
            "max_ref_bytes",
            "a ref of 5 bytes",
        ),
    ] {
        let server = Server::start_with(SocketOptions::default().limits(limits)).await;
        let mut client = Client::connect(&server, "ann").await;
        client.join("quiet").await;
        let log = Log::listen("presence_channels=warn");
        for _ in 0..3 {
            let reference = if setting == "max_ref_bytes" {
                "12345"
            } else {
                "2"
            };
            client.push_as(reference, topic, event, json!({})).await;
        }
        logged(&log, "refused by a limit").await;
        let line = log.line("refused by a limit");
        for part in [
            &*format!(r#"setting="Limits::{setting}""#),
            &*format!("what={what:?}"),
            r#"user="user_socket:ann" address=127.0.0.1"#,
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}

/// Sends a request from 10.0.0.1.
async fn ask(endpoint: &Endpoint, uri: &str, headers: &[(&str, &str)]) {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer = SocketAddr::from(([10, 0, 0, 1], 4321));
    let request = request.extension(ConnectInfo(peer)).body(Body::empty());
    let answered = endpoint.router::<()>().oneshot(request.unwrap()).await;
    answered.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_handshake_names_the_address() {
    let options = SocketOptions::default()
        .subprotocols(["ours"])
        .longpoll(LongpollOptions::default());
    let config = Config::default().max_connections_per_address(1);
    let app = SampleApp::builder()
        .config(config)
        .mount("/socket", options);
    let endpoint = app.start().await.unwrap().endpoint;
    let handshake = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("sec-websocket-protocol", "theirs"),
    ];
    let log = Log::listen("presence_channels=info");
    let websocket = "/socket/websocket?vsn=2.0.0";
    let longpoll = "/socket/longpoll?vsn=2.0.0";
    let foreign = [("host", "localhost"), ("origin", "http://elsewhere")];
    ask(&endpoint, websocket, &handshake).await;
    ask(&endpoint, "/socket/longpoll?a=%zz", &[]).await;
    ask(&endpoint, longpoll, &foreign).await;
    ask(&endpoint, "/socket/longpoll?vsn=9", &[]).await;
    for _ in 0..2 {
        ask(&endpoint, longpoll, &[]).await;
    }
    for line in [
        "refused a client's subprotocols",
        "refused a malformed query or path",
        "refused a page of another origin",
        "refused an unknown version of the protocol",
        "refused by a limit",
    ] {
        let line = log.line(line);
        assert!(line.contains("address=10.0.0.1"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_is_nested_too_deep_names_the_bound() {
    let endpoint = start(FilterParameters::default()).await;
    let log = Log::listen("presence_channels=info");
    let query = format!("/socket/longpoll?a{}=1", "[b]".repeat(32));
    ask(&endpoint, &query, &[]).await;
    let line = log.line("refused a malformed query or path");
    assert!(line.contains("nested too deep: over 32 names"), "{line}");
}
