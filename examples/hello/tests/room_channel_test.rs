use presence_channels::Config;
use presence_channels::testing::{self, TestChannel};
use serde_json::json;

use hello::application;
use hello::channels::user_socket::UserSocket;

/// Connects as alice and joins the lobby.
async fn join_lobby() -> TestChannel {
    let endpoint = application::start(Config::default()).await.unwrap();
    let params = json!({ "user_id": "alice" });
    let socket = testing::connect::<UserSocket>(&endpoint, params)
        .await
        .unwrap();
    let (_reply, channel) = socket.join("room:lobby", json!({})).await.unwrap();
    channel
}

#[tokio::test]
async fn ping_replies_with_its_payload() {
    let channel = join_lobby().await;
    let ping = channel.push("ping", json!({ "hello": "there" })).await;
    channel
        .assert_reply(ping, "ok", json!({ "hello": "there" }))
        .await;
}

#[tokio::test]
async fn shout_is_broadcast_to_the_lobby() {
    let mut channel = join_lobby().await;
    channel.push("shout", json!({ "hello": "all" })).await;
    channel
        .assert_broadcast("shout", json!({ "hello": "all" }))
        .await;
}

#[tokio::test]
async fn broadcasts_are_pushed_to_the_client() {
    let channel = join_lobby().await;
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
    let channel = join_lobby().await;
    channel
        .assert_push("presence_state", json!({ "alice": {} }))
        .await;
}
