//! Two endpoints in one process, as two nodes of a cluster.

use presence_channels::{
    Broadcast, Endpoint, Payload, PubSub,
    testing::{self, MemoryCluster, TestChannel},
};
use sample_app::UserSocket;
use serde_json::json;

use crate::app::start;

/// Two nodes, and a member of `room:1` on each.
async fn nodes() -> [(Endpoint, TestChannel); 2] {
    let cluster = MemoryCluster::default();
    [node(&cluster, "a").await, node(&cluster, "b").await]
}

async fn node(cluster: &MemoryCluster, name: &str) -> (Endpoint, TestChannel) {
    let endpoint = start(PubSub::with_adapter(cluster.join(name))).await;
    let params = json!({ "user_id": name });
    let socket = testing::connect::<UserSocket>(&endpoint, params)
        .await
        .unwrap();
    let (_, channel) = socket.join("room:1", json!({})).await.unwrap();
    (endpoint, channel)
}

#[tokio::test(start_paused = true)]
async fn what_is_broadcast_on_one_reaches_members_on_both() {
    let [(a, mut alice), (_b, mut bob)] = nodes().await;
    a.broadcast("room:1", "news", json!({ "n": 1 })).unwrap();
    for channel in [&mut alice, &mut bob] {
        channel.assert_broadcast("news", json!({ "n": 1 })).await;
        channel.assert_push("news", json!({ "n": 1 })).await;
    }
    alice.push("whisper", json!({ "n": 2 })).await;
    bob.assert_push("shout", json!({ "n": 2 })).await;
    alice.refute_push("shout").await;
    // Each node's channels handle what they intercept.
    a.broadcast("room:1", "seen", json!({})).unwrap();
    alice.assert_push("seen", json!({ "by": "a" })).await;
    bob.assert_push("seen", json!({ "by": "b" })).await;
    let data = Payload::Binary(vec![0, 255].into());
    a.broadcast("room:1", "blob", data.clone()).unwrap();
    bob.assert_push("blob", data).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_for_one_node_stays_there() {
    let [(a, alice), (b, bob)] = nodes().await;
    a.local_broadcast("room:1", "here", json!({})).unwrap();
    alice.assert_push("here", json!({})).await;
    bob.refute_push("here").await;

    let message = Broadcast::new("room:1", "there", Payload::empty());
    a.pubsub().direct("b", message.clone()).unwrap();
    bob.assert_push("there", json!({})).await;
    alice.refute_push("there").await;
    b.pubsub().direct("b", message.clone()).unwrap();
    bob.assert_push("there", json!({})).await;
    assert!(a.pubsub().direct("c", message).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_user_is_disconnected_on_every_node() {
    let [(a, alice), (b, bob)] = nodes().await;
    a.disconnect("user_socket:b").unwrap();
    assert_eq!(bob.socket().closed().await, 1001);
    assert_eq!((a.connections(), b.connections()), (1, 0));
    let ping = alice.push("ping", json!({})).await;
    alice.assert_reply(ping, "ok", json!({})).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_leaves_the_other_alone() {
    let [(a, alice), (b, bob)] = nodes().await;
    a.stop().await;
    assert_eq!(alice.socket().closed().await, 1012);
    assert!(a.broadcast("room:1", "news", json!({})).is_err());
    b.broadcast("room:1", "news", json!({})).unwrap();
    bob.assert_push("news", json!({})).await;
}
