//! Log lines that a client can cause again and again.

use std::time::Duration;

use presence_channels::{
    telemetry::FilterParameters,
    testing::{self, TestSocket},
};
use sample_app::UserSocket;
use serde_json::{Value, json};

use crate::{app::start, logs::Log, recorded::recorded};

async fn connect() -> TestSocket {
    let endpoint = start(FilterParameters::default()).await;
    let client = testing::connect::<UserSocket>(&endpoint, json!({ "user_id": "ann" }));
    client.await.unwrap()
}

/// Joins, and sends a message that ends the channel.
async fn crash(client: &TestSocket, event: &str, payload: Value) {
    let (_, room) = client.join("room:1", json!({})).await.unwrap();
    room.push(event, payload).await;
    room.assert_crashed().await;
}

#[tokio::test(start_paused = true)]
async fn what_ends_a_channel_because_of_its_client_is_a_warning_a_second() {
    for (event, payload, text) in [
        ("shout", json!(5), "a payload which is not an object"),
        ("push", json!([]), "a payload which is not an object"),
        ("unknown", json!({}), "no handler for the event"),
    ] {
        let client = connect().await;
        let log = Log::listen("presence_channels=warn");
        for _ in 0..3 {
            crash(&client, event, payload.clone()).await;
        }
        let line = log.line(text);
        let fields = format!(r#"topic="room:1" event="{event}" user="user_socket:ann""#);
        for part in ["WARN", &*fields, "RoomChannel", "suppressed=0"] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(!log.text().contains("ERROR"), "{}", log.text());
        tokio::time::advance(Duration::from_secs(1)).await;
        crash(&client, event, payload).await;
        assert!(log.text().contains("suppressed=2"), "{}", log.text());
    }
}

/// The app tracks its users by an id that they choose.
#[tokio::test(start_paused = true)]
async fn a_presence_with_too_long_a_key_is_a_warning_a_second() {
    recorded!(endpoint, recorded);
    let log = Log::listen("presence_channels=warn");
    let long = json!({ "user_id": "x".repeat(17_000) });
    let client = testing::connect::<UserSocket>(&endpoint, long);
    let client = client.await.unwrap();
    let join = async || {
        let refused = client.join("lobby:1", json!({})).await.unwrap_err();
        assert_eq!(refused.response, json!({ "reason": "internal error" }));
    };
    for _ in 0..3 {
        join().await;
    }
    let line = log.line("a presence was refused");
    for part in [
        "WARN",
        r#"topic="lobby:1" event="join" user="user_socket:xxx"#,
        "RoomChannel",
        "17000 bytes",
        "suppressed=0",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!log.text().contains("ERROR"), "{}", log.text());
    let joins = "presence_channels_joins_total{socket=/socket,route=lobby:*";
    recorded.assert(&[
        (&format!("{joins},result=refused}}"), 3.0),
        (&format!("{joins},result=failed}}"), 0.0),
    ]);
    tokio::time::advance(Duration::from_secs(1)).await;
    join().await;
    assert!(log.text().contains("suppressed=2"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_refused_join_is_a_line_a_second() {
    let client = connect().await;
    let log = Log::listen("presence_channels=info");
    let join = async || client.join("room:private", json!({ "n": 7 })).await;
    for _ in 0..3 {
        join().await.unwrap_err();
    }
    let line = log.line("refused a join");
    assert!(line.contains("suppressed=0"), "{line}");
    tokio::time::advance(Duration::from_secs(1)).await;
    join().await.unwrap_err();
    assert!(log.text().contains("suppressed=2"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_is_a_line_a_second() {
    let client = connect().await;
    let log = Log::listen("presence_channels=info");
    let refused = async || {
        let banned = json!({ "user_id": "banned" });
        testing::connect::<UserSocket>(client.endpoint(), banned).await
    };
    for _ in 0..3 {
        assert!(refused().await.is_err());
    }
    let line = log.line("refused a client");
    assert!(line.contains("suppressed=0"), "{line}");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(refused().await.is_err());
    assert!(log.text().contains("suppressed=2"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_long_topic_or_event_is_cut_in_every_line() {
    let client = connect().await;
    let log = Log::listen("presence_channels=trace");
    let long = "x".repeat(1000);
    let topic = format!("room:{long}");
    for event in ["fail", "number", "shout", "ping", "unknown", &*long] {
        let (_, room) = client.join(&topic, json!({})).await.unwrap();
        room.push(event, json!({})).await;
        room.push("stop", json!({})).await;
    }
    let text = log.text();
    for part in [
        "a handler failed",
        "refused a message",
        "broadcast{",
        "handled",
        "no handler for the event",
        "a channel ended",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    for line in text.lines() {
        assert!(!line.contains(&long[..250]), "{line}");
    }
}
