//! Logs of an app that fails in each of its callbacks.

use std::{
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, InfoResult, JoinResult,
    Params, Payload, PubSub, Routes, Socket, SocketOptions, Topic, UserSocket, no_reply, reply_ok,
    testing::{self, TestSocket},
};
use sample_app::Client;
use serde_json::json;

use crate::{
    logs::Log,
    poller::Poller,
    recorded::{limited, recorded},
};

/// Returns an error whose text is longer than a log line may be.
fn long() -> String {
    "x".repeat(10_000)
}

/// An error whose own code panics.
#[derive(Debug)]
struct Rude;

impl fmt::Display for Rude {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("asked to")
    }
}

impl Error for Rude {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        panic!("asked to")
    }
}

struct Fragile;

impl UserSocket for Fragile {
    type State = ();

    async fn connect(params: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        match params.get("fail") {
            Some("error") => Err(long())?,
            Some("refusal") => Err(ConnectError::new(long())),
            _ => Ok(Self),
        }
    }

    fn id(&self) -> Option<String> {
        Some("user:ann".to_owned())
    }

    fn expires_at(&self) -> Option<SystemTime> {
        Some(SystemTime::now() + Duration::from_secs(3600))
    }

    async fn refresh(&self, token: &str, (): &()) -> Result<Option<SystemTime>, ConnectError> {
        match token {
            "error" => Err(long())?,
            "rude" => Err(Rude)?,
            "panic" => panic!("asked to"),
            "endless" => std::future::pending().await,
            _ => Err(ConnectError::new(long())),
        }
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Fails>("fails:*");
    }
}

struct Fails;

impl Channel for Fails {
    type Socket = Fragile;
    type Info = ();

    const INTERCEPTS: &'static [&'static str] = &["seen"];

    async fn join(topic: &Topic, payload: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        match topic.subtopic() {
            "error" => Err(long())?,
            "rude" => Err(Rude)?,
            "stop" => socket.stop_with_error("stopped in the join"),
            "shout" => socket.endpoint().broadcast("fails:1", "joined", payload)?,
            _ => {}
        }
        Ok(Self.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        _: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "error" => Err(long())?,
            "rude" => Err(Rude)?,
            "endless" => std::future::pending().await,
            "binary" => reply_ok(Payload::Binary(Bytes::from_static(b"\x01"))),
            "push" => {
                socket.push("pushed", Payload::Binary(Bytes::from_static(b"\x01")))?;
                no_reply()
            }
            "stop" => {
                socket.stop_with_error("stopped by a message");
                no_reply()
            }
            _ => {
                socket.notify(());
                no_reply()
            }
        }
    }

    async fn handle_info(&mut self, (): (), socket: &mut Socket<Self>) -> InfoResult {
        socket.stop_with_error("stopped by an info");
        Ok(())
    }
}

async fn start() -> Endpoint {
    let options = SocketOptions::default().longpoll(Default::default());
    let builder = Endpoint::builder(PubSub::local());
    let builder = builder.socket_with::<Fragile>("/socket", (), options);
    builder.start(Config::default()).await.unwrap()
}

async fn connect(endpoint: &Endpoint) -> TestSocket {
    let connecting = testing::connect::<Fragile>(endpoint, json!({}));
    connecting.await.unwrap()
}

/// Asserts that a line shows 2 KiB of the app's error, and says how much more there is.
#[track_caller]
fn assert_cut_late(line: &str) {
    assert_eq!(line.matches('x').count() / 100, 20, "{line}");
    assert!(line.contains("... and 7952 bytes more"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn the_apps_errors_are_shown_up_to_2_kib() {
    let endpoint = start().await;
    for (fail, line) in [("error", "connect failed"), ("refusal", "refused a client")] {
        let log = Log::listen("presence_channels=info");
        let refused = testing::connect::<Fragile>(&endpoint, json!({ "fail": fail })).await;
        assert!(refused.is_err());
        assert_cut_late(&log.line(line));
    }
    let client = connect(&endpoint).await;
    let log = Log::listen("presence_channels=info");
    assert!(client.join("fails:error", json!({})).await.is_err());
    assert_cut_late(&log.line("a join failed"));
    let (_, channel) = client.join("fails:1", json!({})).await.unwrap();
    let push = channel.push("error", json!({})).await;
    channel.assert_reply(push, "error", json!({})).await;
    assert_cut_late(&log.line("a handler failed"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_is_an_error_and_a_refused_token_is_not() {
    let endpoint = start().await;
    let client = connect(&endpoint).await;
    for (token, line, level, reason) in [
        ("error", "refresh failed", "ERROR", "xxx"),
        (
            "panic",
            "refresh failed",
            "ERROR",
            "refresh panicked: asked to",
        ),
        (
            "endless",
            "refresh failed",
            "ERROR",
            "refresh took too long",
        ),
        ("forged", "refused a new token", "INFO", "status=403"),
    ] {
        // One line a second.
        tokio::time::advance(Duration::from_secs(1)).await;
        let log = Log::listen("presence_channels=info");
        let push = client
            .push("phoenix", "refresh_token", json!({ "token": token }))
            .await;
        let replied = client.assert_reply(push, "error", json!({}));
        replied.within(Duration::from_secs(60)).await;
        let line = log.line(line);
        let fields = r#"presence_channels::connect: "#;
        for part in [level, fields, r#"socket="/socket" user="user:ann""#, reason] {
            assert!(line.contains(part), "{part} in {line}");
        }
        if matches!(token, "error" | "forged") {
            assert_cut_late(&line);
        }
    }
    let log = Log::listen("presence_channels=info");
    for _ in 0..3 {
        let forged = json!({ "token": "forged" });
        let push = client.push("phoenix", "refresh_token", forged).await;
        client.assert_reply(push, "error", json!({})).await;
    }
    assert_eq!(log.text(), "", "one line a second");
}

#[tokio::test(start_paused = true)]
async fn an_error_whose_display_panics_is_answered_and_harms_nobody() {
    let endpoint = start().await;
    let client = connect(&endpoint).await;
    let reason = json!({ "reason": "internal error" });
    let log = Log::listen("presence_channels=error");
    let refused = client.join("fails:rude", json!({})).await.unwrap_err();
    assert_eq!(refused.response, reason);
    let (_, channel) = client.join("fails:1", json!({})).await.unwrap();
    for _ in 0..2 {
        let push = channel.push("rude", json!({})).await;
        channel.assert_reply(push, "error", reason.clone()).await;
    }
    let token = json!({ "token": "rude" });
    let push = client.push("phoenix", "refresh_token", token).await;
    client.assert_reply(push, "error", reason).await;
    client.join("fails:2", json!({})).await.unwrap();
    for line in ["a join failed", "a handler failed", "refresh failed"] {
        let line = log.line(line);
        let text = "an error whose Display panicked: asked to";
        assert!(line.contains(text), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_a_client_repeats_is_a_line_a_second_for_each_event() {
    let client = connect(&start().await).await;
    let log = Log::listen("presence_channels=error");
    let (_, channel) = client.join("fails:1", json!({})).await.unwrap();
    let fail = async |event: &str| {
        let push = channel.push(event, json!({})).await;
        channel.assert_reply(push, "error", json!({})).await;
    };
    for _ in 0..3 {
        fail("error").await;
        assert!(client.join("fails:error", json!({})).await.is_err());
    }
    fail("rude").await;
    let joins = log.line("a join failed");
    assert!(joins.contains("suppressed=0"), "{joins}");
    let events = log.text().matches("a handler failed").count();
    assert_eq!(events, 2, "one of each event: {}", log.text());
    tokio::time::advance(Duration::from_secs(1)).await;
    fail("error").await;
    assert!(log.text().contains("suppressed=2"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_stops_itself_names_the_callback() {
    let endpoint = start().await;
    let client = connect(&endpoint).await;
    for (topic, pushed, event, reason) in [
        ("fails:stop", None, "join", "stopped in the join"),
        ("fails:1", Some("stop"), "stop", "stopped by a message"),
        ("fails:1", Some("info"), "handle_info", "stopped by an info"),
    ] {
        let log = Log::listen("presence_channels=info");
        let (_, channel) = client.join(topic, json!({})).await.unwrap();
        if let Some(pushed) = pushed {
            channel.push(pushed, json!({})).await;
        }
        channel.assert_crashed().await;
        let line = log.line("a channel ended abnormally");
        let part = format!(r#"event="{event}" user="user:ann""#);
        assert!(line.contains(&part) && line.contains(reason), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_too_slow_for_its_broadcasts_makes_one_line() {
    let endpoint = start().await;
    let mut rooms = Vec::new();
    for _ in 0..5 {
        let client = connect(&endpoint).await;
        let (_, room) = client.join("fails:1", json!({})).await.unwrap();
        room.push("endless", json!({})).await;
        rooms.push((client, room));
    }
    let log = Log::listen("presence_channels=error");
    for _ in 0..1_100 {
        endpoint.broadcast("fails:1", "seen", json!({})).unwrap();
    }
    let line = log.line("ended a channel that is too slow");
    for part in [
        "ERROR",
        r#"topic="fails:1" user="user:ann""#,
        "max_waiting_messages",
        "suppressed=0",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    for (_, room) in &rooms {
        // The handler's timeout, which is an error of its own.
        tokio::time::sleep(Duration::from_secs(30)).await;
        room.assert_crashed().await;
    }
    let lines = log.text().matches("too slow").count();
    assert_eq!(lines, 2, "the message and its error, once: {}", log.text());
}

/// A client asks for more than it reads, and reads none of it.
#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_its_client_in_vain_is_no_error() {
    recorded!(endpoint, recorded);
    let (near, far) = tokio::io::duplex(16 * 1024);
    let service = TowerToHyperService::new(endpoint.router::<()>());
    let server = http1::Builder::new().serve_connection(TokioIo::new(far), service);
    tokio::spawn(server.with_upgrades());
    let url = "ws://localhost/socket/websocket?vsn=2.0.0&user_id=ann";
    let (mut client, _) = Client::handshake(url, near).await;
    client.join("room:1").await;
    let log = Log::listen("presence_channels=info");
    client.push("room:1", "history", json!([25, 50_000])).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    let line = log.line("closed by a limit");
    for part in [
        "WARN",
        "slow_reader_timeout",
        "history",
        r#"user="user_socket:ann""#,
        "suppressed=0",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert_eq!(log.text().lines().count(), 1, "{}", log.text());
    let crashes = "presence_channels_crashes_total{socket=/socket,route=room:*,reason=timed_out}";
    recorded.assert(&[(&limited("slow_reader_timeout"), 1.0), (crashes, 0.0)]);

    // The channel alone has ended, and the client may join again.
    while client.receive_json().await[3] != "phx_error" {}
    client.join("room:1").await;
}

/// The client chose a version of the protocol that has no binary payloads.
#[tokio::test(start_paused = true)]
async fn a_reply_that_the_clients_version_cannot_carry_is_no_error() {
    let log = Log::listen("presence_channels=info");
    let endpoint = start().await;
    let client = Poller::open(&endpoint, "vsn=1.0.0").await;
    for (event, reference) in [
        ("phx_join", "1"),
        ("binary", "2"),
        ("binary", "3"),
        ("push", "4"),
    ] {
        // One line a second.
        if event == "push" {
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let message =
            json!({ "topic": "fails:1", "event": event, "payload": {}, "ref": reference });
        assert_eq!(client.publish(message).await, 200);
    }
    let answer = client.poll().await;
    let replies = answer["messages"].to_string();
    assert_eq!(replies.matches("internal error").count(), 3, "{replies}");
    for (line, event, suppressed) in [
        ("a reply cannot be sent", "phx_reply", 0),
        ("a handler's message cannot be sent", "push", 1),
    ] {
        let line = log.line(line);
        for part in [
            "WARN".to_owned(),
            format!(r#"topic="fails:1" event="{event}" user="user:ann""#),
            format!("suppressed={suppressed}"),
        ] {
            assert!(line.contains(&part), "{part} in {line}");
        }
    }
    assert!(!log.text().contains("ERROR"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_join_whose_payload_cannot_be_sent_on_is_no_error() {
    let log = Log::listen("presence_channels=info");
    let client = connect(&start().await).await;
    client.join("fails:shout", json!({})).await.unwrap();
    for _ in 0..3 {
        let refused = client.join("fails:shout", json!(5)).await.unwrap_err();
        assert_eq!(refused.response, json!({ "reason": "internal error" }));
    }
    let line = log.line("the client's error");
    for part in ["INFO", "not a JSON object", "suppressed=0"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!log.text().contains("ERROR"), "{}", log.text());
}
