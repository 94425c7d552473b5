//! Each verb of `Phoenix.ChannelTest`: that it sees what is there, and fails where it is not.

use std::time::Duration;

use presence_channels::{
    PubSub,
    testing::{self, TestChannel, TestSocket},
};
use sample_app::UserSocket;
use serde_json::json;
use tokio::time::Instant;

use crate::app::start;

async fn socket(name: &str) -> TestSocket {
    let endpoint = start(PubSub::local()).await;
    let params = json!({ "user_id": name });
    testing::connect::<UserSocket>(&endpoint, params)
        .await
        .unwrap()
}

async fn joined() -> TestChannel {
    let socket = socket("alice").await;
    socket.join("room:1", json!({})).await.unwrap().1
}

/// Returns the message of an assertion that fails.
async fn failure(assertion: impl Future<Output = ()> + Send + 'static) -> String {
    let failed = tokio::spawn(assertion).await.expect_err("it fails");
    let said = failed.into_panic();
    said.downcast_ref::<String>().expect("a message").clone()
}

#[tokio::test(start_paused = true)]
async fn connect_and_join_give_what_a_client_is_told() {
    let socket = socket("alice").await;
    let banned = json!({ "user_id": "banned" });
    let refused = testing::connect::<UserSocket>(socket.endpoint(), banned).await;
    assert_eq!(refused.unwrap_err().reason(), "banned");
    let (reply, _) = socket.join("room:welcome", json!({})).await.unwrap();
    assert_eq!(reply, json!({ "welcome": "alice" }));
    let refused = socket.join("room:private", json!({})).await.unwrap_err();
    assert_eq!(refused.response, json!({ "reason": "unauthorized" }));
}

#[tokio::test(start_paused = true)]
async fn socket_connects_whom_connect_would_not() {
    let endpoint = start(PubSub::local()).await;
    let socket = testing::socket(&endpoint, UserSocket::of("banned"));
    assert_eq!(endpoint.connections(), 1);
    let (reply, _) = socket.join("room:welcome", json!({})).await.unwrap();
    assert_eq!(reply, json!({ "welcome": "banned" }));
    endpoint.disconnect("user_socket:banned").unwrap();
    assert_eq!(socket.closed().await, 1001);
}

#[tokio::test(start_paused = true)]
async fn replies() {
    let channel = joined().await;
    let ping = channel.push("ping", json!({ "a": 1, "b": 2 })).await;
    let whole = channel.assert_reply(ping, "ok", json!({ "b": 2 })).await;
    assert_eq!(whole, json!({ "a": 1, "b": 2 }));
    let quiet = channel.push("ignore", json!({})).await;
    channel.refute_reply(&quiet).await;

    let ping = channel.push("ping", json!({ "a": 1 })).await;
    let said = failure(async move {
        channel.assert_reply(ping, "error", json!({})).await;
    });
    let said = said.await;
    assert!(
        said.contains("expected the reply error {}") && said.contains("verbs.rs"),
        "{said}"
    );
    let channel = joined().await;
    let ping = channel.push("ping", json!({})).await;
    let said = failure(async move { channel.refute_reply(&ping).await }).await;
    assert!(said.contains("an unexpected reply"), "{said}");
    let channel = joined().await;
    let quiet = channel.push("ignore", json!({})).await;
    let said = failure(async move {
        channel.assert_reply(quiet, "ok", json!({})).await;
    });
    assert!(said.await.contains("no reply within 1s"));
}

#[tokio::test(start_paused = true)]
async fn pushes() {
    let channel = joined().await;
    channel.push("push", json!({ "n": 1 })).await;
    channel.refute_push("shout").await;
    channel.assert_push("pushed", json!({ "n": 1 })).await;
    // It is taken: another would be another.
    channel.refute_push("pushed").await;
    channel.push("push", json!({ "n": 2 })).await;
    let said = failure(async move { channel.refute_push("pushed").await }).await;
    assert!(said.contains("an unexpected push"), "{said}");
    let channel = joined().await;
    channel.push("push", json!({ "n": 2 })).await;
    let said = failure(async move {
        channel.assert_push("pushed", json!({ "n": 1 })).await;
    });
    let said = said.await;
    assert!(
        said.contains(r#"no push "pushed" {"n":1} within 1s"#),
        "{said}"
    );
    assert!(said.contains("room:1 pushed "), "what came instead: {said}");
}

#[tokio::test(start_paused = true)]
async fn broadcasts() {
    let mut channel = joined().await;
    channel.push("shout", json!({ "n": 1 })).await;
    channel.refute_broadcast("whisper").await;
    channel.assert_broadcast("shout", json!({ "n": 1 })).await;
    channel.assert_push("shout", json!({ "n": 1 })).await;
    channel.refute_broadcast("shout").await;
    // Broadcast, but not to the client that asked.
    channel.push("whisper", json!({ "n": 2 })).await;
    channel.assert_broadcast("shout", json!({ "n": 2 })).await;
    channel.refute_push("shout").await;

    let said = failure(async move {
        channel.assert_broadcast("shout", json!({})).await;
    });
    assert!(said.await.contains("no broadcast \"shout\" {} within 1s"));
    let mut channel = joined().await;
    channel.push("shout", json!({})).await;
    let said = failure(async move { channel.refute_broadcast("shout").await }).await;
    assert!(said.contains("an unexpected broadcast"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn broadcast_from_reaches_the_channel_and_not_the_test() {
    let mut channel = joined().await;
    channel.broadcast_from("news", json!({ "n": 1 }));
    channel.assert_push("news", json!({ "n": 1 })).await;
    channel.broadcast_from("seen", json!({ "n": 2 }));
    let out = json!({ "by": "alice", "payload": { "n": 2 } });
    channel.assert_push("seen", out).await;
    channel.refute_broadcast("news").await;
}

#[tokio::test(start_paused = true)]
async fn ends() {
    let channel = joined().await;
    let socket = channel.socket().clone();
    channel.push("stop", json!({})).await;
    channel.assert_closed().await;
    let (_, channel) = socket.join("room:1", json!({})).await.unwrap();
    channel.push("crash", json!({})).await;
    channel.assert_crashed().await;
    let (_, channel) = socket.join("room:2", json!({})).await.unwrap();
    channel.leave().await;
    assert_eq!(socket.endpoint().pubsub().subscribers("room:2"), 0);
    let _channel = socket.join("room:1", json!({})).await.unwrap();
    socket.close();
    assert_eq!(socket.endpoint().connections(), 0);

    let channel = joined().await;
    let said = failure(async move { channel.assert_closed().await }).await;
    assert!(said.contains("no push \"phx_close\""), "{said}");
    let channel = joined().await;
    let said = failure(async move {
        channel.socket().closed().await;
    });
    assert!(said.await.contains("still connected after 1s"));
}

#[tokio::test(start_paused = true)]
async fn messages_of_no_channel() {
    let socket = socket("alice").await;
    let beat = socket.push("phoenix", "heartbeat", json!({})).await;
    socket.assert_reply(beat, "ok", json!({})).await;
    let lost = socket.push("room:1", "ping", json!({})).await;
    let unmatched = json!({ "reason": "unmatched topic" });
    socket.assert_reply(lost, "error", unmatched).await;
    socket.refute_push("phoenix", "token_expiring").await;
}

#[tokio::test(start_paused = true)]
async fn a_refutation_on_a_paused_clock_costs_nothing() {
    let channel = joined().await;
    let (begun, real) = (Instant::now(), std::time::Instant::now());
    for _ in 0..100 {
        channel.refute_push("pushed").await;
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    assert!(
        real.elapsed() < Duration::from_secs(5),
        "{:?}",
        real.elapsed()
    );
}
