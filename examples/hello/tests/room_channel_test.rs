//! Run with `cargo test --test room_channel_test`.

use presence_channels::testing::TestChannel;
use serde_json::json;

mod support;

/// Connects as alice and joins `room:lobby`.
async fn join() -> TestChannel {
    let endpoint = support::start().await;
    let socket = support::connect_user(&endpoint, "alice").await;
    let (_reply, channel) = socket.join("room:lobby", json!({})).await.unwrap();
    channel
}

#[tokio::test]
async fn shout_is_broadcast_to_the_topic() {
    let mut channel = join().await;
    let message = json!({
        "body": "text",
    });
    let push = channel.push("shout", &message).await;
    channel.assert_reply(push, "ok", json!({})).await;
    channel.assert_broadcast("shout", &message).await;
}

#[tokio::test]
async fn shout_of_another_shape_is_refused() {
    let mut channel = join().await;
    let push = channel.push("shout", json!({})).await;
    channel.assert_reply(push, "error", json!({})).await;
    channel.refute_broadcast("shout").await;
}

#[tokio::test]
async fn broadcasts_are_pushed_to_the_client() {
    let channel = join().await;
    let endpoint = channel.socket().endpoint();
    endpoint
        .broadcast("room:lobby", "broadcast", json!({ "some": "data" }))
        .unwrap();
    channel
        .assert_push("broadcast", json!({ "some": "data" }))
        .await;
}

#[tokio::test]
async fn whoever_joins_is_present() {
    let channel = join().await;
    channel
        .assert_push("presence_state", json!({ "alice": {} }))
        .await;
}
