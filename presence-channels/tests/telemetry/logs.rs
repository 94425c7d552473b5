//! Logs, and the secrets that they must not show.

use std::{
    io,
    sync::{Arc, Mutex, Once},
};

use axum::body::Body;
use http::Request;
use presence_channels::{
    Config,
    telemetry::FilterParameters,
    testing::{self, TestChannel},
};
use sample_app::{SampleApp, UserSocket};
use serde_json::json;
use tower::ServiceExt;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::app::start;

/// The text that a subscriber wrote, and the subscriber's guard.
pub(crate) struct Log {
    text: Text,
    _guard: tracing::subscriber::DefaultGuard,
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Text {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Without a subscriber of all threads, `tracing` takes an event that a thread without a subscriber
/// reaches first for one that nobody listens to.
fn listen_everywhere() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let deaf = tracing_subscriber::fmt().with_max_level(LevelFilter::OFF);
        deaf.init();
    });
}

impl Log {
    /// Listens on this thread, by a filter as `RUST_LOG` takes it.
    pub(crate) fn listen(filter: &str) -> Self {
        listen_everywhere();
        let text = Text::default();
        let filter = EnvFilter::builder()
            .with_default_directive(LevelFilter::OFF.into())
            .parse(filter)
            .unwrap();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(text.clone())
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.text.0.lock().unwrap().clone()).unwrap()
    }

    /// The one line that holds `part`.
    pub(crate) fn line(&self, part: &str) -> String {
        let text = self.text();
        let mut lines = text.lines().filter(|line| line.contains(part));
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("no {part:?} in\n{text}"));
        assert_eq!(lines.next(), None, "{part:?} comes twice");
        line.to_owned()
    }
}

/// A client does all that a client can do, with secrets all over.
async fn play(filter: FilterParameters) {
    let endpoint = start(filter).await;
    let params = json!({ "user_id": "ann", "password": "hunter2", "vsn": "2.0.0" });
    let client = testing::connect::<UserSocket>(&endpoint, params)
        .await
        .unwrap();
    for user in ["banned", "crash"] {
        let refused = json!({ "user_id": user, "api_token": "hunter2" });
        let refused = testing::connect::<UserSocket>(&endpoint, refused).await;
        assert!(refused.is_err());
    }
    let secrets = json!({ "n": 7, "password": "hunter2", "user": [{ "authToken": "hunter2" }] });
    let (_, room) = client.join("lobby:1", secrets.clone()).await.unwrap();
    assert!(client.join("lobby:private", secrets.clone()).await.is_err());
    for event in ["ping", "shout", "number"] {
        room.push(event, secrets.clone()).await;
    }
    // A mere value, which the error of a payload of the wrong shape quotes.
    let number = room.push("number", json!("hunter2")).await;
    room.assert_reply(number, "error", json!({})).await;
    let (_, quiet) = client.join("quiet", secrets.clone()).await.unwrap();
    let push = quiet.push("ping", secrets).await;
    quiet.assert_reply(push, "ok", json!({})).await;
}

#[tokio::test]
async fn secrets_are_in_no_log_at_any_level() {
    let log = Log::listen("trace");
    play(FilterParameters::default()).await;
    let text = log.text();
    assert!(text.contains("[FILTERED]"), "{text}");
    // Of the value that stands under no name at all, its message shows it; nothing else does.
    let told: Vec<_> = text
        .lines()
        .filter(|line| line.contains("hunter2"))
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].contains(r#"payload="hunter2" answer="error""#),
        "{told:?}"
    );
}

#[tokio::test]
async fn connections_and_joins_are_logged_at_info_and_messages_at_debug() {
    let log = Log::listen("presence_channels=info,sample_app=info");
    play(FilterParameters::default()).await;
    let connected = log.line(": connected");
    assert!(
        connected.contains(r#"user="user_socket:ann""#),
        "{connected}"
    );
    for part in [
        " INFO connect{socket=\"/socket\" transport=\"longpoll\"}: presence_channels::connect: connected",
        r#"params={"password": "[FILTERED]", "user_id": "ann", "vsn": "2.0.0"}"#,
        "elapsed=",
    ] {
        assert!(connected.contains(part), "{part} in {connected}");
    }
    let refused = log.line("refused a client");
    assert!(refused.contains("INFO"), "{refused}");
    assert!(refused.contains(r#"reason="banned""#), "{refused}");
    let failed = log.line("connect failed");
    assert!(failed.contains("ERROR"), "{failed}");
    let reason = r#"reason="connect panicked: asked to crash""#;
    assert!(failed.contains(reason), "{failed}");

    let joined =
        log.line(r#"{topic="lobby:1" user="user_socket:ann"}: presence_channels::join: joined"#);
    let payload = r#"payload={"n":7,"password":"[FILTERED]","user":[{"authToken":"[FILTERED]"}]}"#;
    assert!(joined.contains(" INFO join{"), "{joined}");
    assert!(joined.contains(payload), "{joined}");
    // The app's own logs stand in the span of the join.
    log.line(
        r#"join{topic="lobby:1" user="user_socket:ann"}: sample_app::room_channel: in the handler"#,
    );
    let refused = log.line("refused a join");
    assert!(refused.contains(r#"topic="lobby:private""#), "{refused}");
    assert!(
        refused.contains(r#"answer={"reason":"unauthorized"}"#),
        "{refused}"
    );
    let disconnected = log.line("disconnected");
    for part in [
        "INFO",
        r#"socket="/socket" transport="longpoll" user="user_socket:ann""#,
        r#"reason="the client is gone""#,
        "lasted=",
    ] {
        assert!(disconnected.contains(part), "{part} in {disconnected}");
    }
    let text = log.text();
    assert!(!text.contains("handled"), "{text}");
}

#[tokio::test]
async fn messages_and_broadcasts_have_levels_and_targets_of_their_own() {
    let log = Log::listen("presence_channels::handle_in=debug,presence_channels::broadcast=trace");
    play(FilterParameters::discard(["user"])).await;
    let ping = log.line(r#"handle_in{topic="lobby:1" event="ping" user="user_socket:ann"}"#);
    let payload = r#"payload={"n":7,"password":"hunter2","user":"[FILTERED]"} answer="ok""#;
    assert!(ping.contains("DEBUG"), "{ping}");
    assert!(ping.contains(payload), "{ping}");
    let shout = r#"handle_in{topic="lobby:1" event="shout" user="user_socket:ann"}:broadcast{topic="lobby:1" event="shout"}"#;
    let shout = log.line(shout);
    assert!(
        shout.contains("TRACE") && shout.contains("bytes="),
        "{shout}"
    );
    let text = log.text();
    assert!(
        !text.contains("join") && !text.contains("connect"),
        "{text}"
    );
}

/// A client that connects as `user` and joins the lobby.
async fn in_the_lobby(user: &str) -> TestChannel {
    let endpoint = start(FilterParameters::default()).await;
    let params = json!({ "user_id": user });
    let client = testing::connect::<UserSocket>(&endpoint, params);
    let joined = client.await.unwrap().join("lobby:1", json!({})).await;
    joined.unwrap().1
}

#[tokio::test]
async fn a_failure_names_who_did_what_and_where() {
    let log = Log::listen("presence_channels=info");
    let room = in_the_lobby("ann").await;
    let fail = room.push("fail", json!({})).await;
    room.assert_reply(fail, "error", json!({ "reason": "internal error" }))
        .await;
    let failed = log.line("a handler failed");
    for part in [
        "ERROR",
        r#"topic="lobby:1" event="fail" user="user_socket:ann""#,
        r#"channel="sample_app::room_channel::RoomChannel""#,
        r#"error="asked to fail""#,
    ] {
        assert!(failed.contains(part), "{part} in {failed}");
    }
    room.push("crash", json!({})).await;
    room.assert_crashed().await;
    let panicked = log.line("a handler panicked");
    for part in ["ERROR", r#"event="crash""#, r#"error="asked to crash""#] {
        assert!(panicked.contains(part), "{part} in {panicked}");
    }
}

#[tokio::test]
async fn what_a_client_causes_is_no_error_and_is_cut() {
    let log = Log::listen("trace");
    let long = "x".repeat(1000);
    let room = in_the_lobby(&long.repeat(10)).await;
    let number = room.push("number", json!({ long.clone(): 1 })).await;
    room.assert_reply(number, "error", json!({})).await;
    let refused = log.line("refused a message");
    assert!(refused.contains(r#"event="number""#), "{refused}");
    for _ in 0..110 {
        room.push("ignore", json!({})).await;
    }
    let socket = room.socket().clone();
    assert!(socket.join("lobby:private", json!({})).await.is_err());
    let (_, quiet) = socket.join("room:1", json!({})).await.unwrap();
    quiet.push(&long, json!({})).await;
    quiet.assert_crashed().await;
    let unknown = log.line("ended a channel");
    assert!(
        unknown.contains("WARN") && unknown.contains("no handler for the event"),
        "{unknown}"
    );
    for part in [r#"topic="room:1""#, "event=\"xxx", "user=\"user_socket:xxx"] {
        assert!(unknown.contains(part), "{part} in {unknown}");
    }
    assert!(!log.text().contains("ERROR"), "{}", log.text());
    let longest = log.text().lines().map(str::len).max();
    assert!(longest < Some(8000), "{longest:?}");
}

#[tokio::test]
async fn a_push_in_a_join_names_the_channel_the_call_and_the_remedy() {
    let log = Log::listen("presence_channels=info");
    let endpoint = start(FilterParameters::default()).await;
    let client = testing::connect::<UserSocket>(&endpoint, json!({ "user_id": "ann" }));
    let refused = client.await.unwrap().join("room:push", json!({})).await;
    assert!(refused.is_err());
    let failed = log.line("a join failed");
    for part in [
        "ERROR",
        r#"topic="room:push" event="join" user="user_socket:ann""#,
        r#"channel="sample_app::room_channel::RoomChannel""#,
        "`push` was called in `join`",
        "push in `handle_info`",
    ] {
        assert!(failed.contains(part), "{part} in {failed}");
    }
}

#[tokio::test]
async fn a_disconnect_says_why_and_after_how_long() {
    for (reason, end) in [
        ("disconnected", "user_socket:ann"),
        ("the client is gone", ""),
    ] {
        let log = Log::listen("presence_channels=info");
        let room = in_the_lobby("ann").await;
        let socket = room.socket().clone();
        match end {
            "" => socket.close(),
            id => {
                socket.endpoint().disconnect(id).unwrap();
                socket.closed().await;
            }
        }
        let disconnected = log.line(": disconnected");
        let reason = format!("reason={reason:?}");
        assert!(disconnected.contains(&reason), "{disconnected}");
        assert!(
            disconnected.contains(r#"user="user_socket:ann""#) && disconnected.contains("lasted="),
            "{disconnected}"
        );
    }
}

#[tokio::test]
async fn a_channel_says_how_loud_it_is() {
    let log = Log::listen("trace");
    play(FilterParameters::keep(["n"])).await;
    let joined =
        log.line(r#"join{topic="quiet" user="user_socket:ann"}: presence_channels::join: joined"#);
    assert!(joined.contains(" WARN "), "{joined}");
    let shown = r#"payload={"n":7,"password":"[FILTERED]","user":[{"authToken":"[FILTERED]"}]}"#;
    assert!(joined.contains(shown), "{joined}");
    let text = log.text();
    assert!(!text.contains(r#"handle_in{topic="quiet""#), "{text}");
}

/// Values that anybody may send, before anybody is let in.
#[tokio::test(start_paused = true)]
async fn a_strangers_values_do_not_fill_the_log() {
    let log = Log::listen("presence_channels=info");
    let endpoint = start(FilterParameters::default()).await;
    let long = "x".repeat(30_000);
    let ask = async |query: &str, origin: &str| {
        let request = Request::builder()
            .uri(format!("/socket/longpoll?{query}"))
            .header("host", "localhost")
            .header("origin", origin)
            .body(Body::empty())
            .unwrap();
        endpoint.router::<()>().oneshot(request).await.unwrap();
    };
    for _ in 0..3 {
        ask("vsn=2.0.0", &format!("http://{long}")).await;
        ask(&format!("vsn={long}"), "http://localhost").await;
    }
    ask(
        &format!("vsn=2.0.0&user_id=banned&{long}={long}"),
        "http://localhost",
    )
    .await;
    for line in log.text().lines() {
        assert!(line.len() < 1_500, "{} bytes: {}", line.len(), &line[..300]);
    }
    // One line of three.
    let origin = log.line("another origin");
    assert!(origin.contains("http://xxx"), "{origin}");
    assert!(origin.contains("compared_with=localhost"), "{origin}");
    assert!(origin.contains(r#"setting="Config::host""#), "{origin}");
    assert!(log.line("unknown version").contains("xxx"));
    assert!(log.line("refused a client").contains("bytes more"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_a_limit_is_logged_once_a_second_with_its_setting() {
    let log = Log::listen("presence_channels=info");
    let endpoint = start(FilterParameters::default()).await;
    let client = testing::connect::<UserSocket>(&endpoint, &[("user_id", "ann")]).await;
    let client = client.unwrap();
    let topic = format!("room:{}", "x".repeat(60_000));
    for _ in 0..5 {
        client.join(&topic, json!({})).await.unwrap_err();
    }
    let line = log.line("refused by a limit");
    assert!(
        line.contains(r#"setting="Limits::max_topic_bytes""#),
        "{line}"
    );
    assert!(line.contains("suppressed=0") && line.len() < 500, "{line}");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    client.join(&topic, json!({})).await.unwrap_err();
    assert!(log.text().contains("suppressed=4"), "{}", log.text());
}

#[tokio::test]
async fn a_limit_per_address_that_does_nothing_is_told_once() {
    let log = Log::listen("presence_channels=warn");
    let config = Config::default().max_connections_per_address(1);
    let app = SampleApp::builder().config(config).start().await.unwrap();
    for _ in 0..3 {
        let connected = testing::connect::<UserSocket>(&app.endpoint, &[("user_id", "ann")]).await;
        connected.unwrap();
    }
    let line = log.line("max_connections_per_address");
    assert!(
        line.contains("into_make_service_with_connect_info"),
        "{line}"
    );
}
