use std::time::{Duration, SystemTime, UNIX_EPOCH};

use presence_channels::adapters::MemoryCluster;
use presence_channels::testing::{self, TestChannel};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// Nodes with one database, which is removed with the folder.
struct Nodes {
    cluster: MemoryCluster,
    folder: TempDir,
}

impl Nodes {
    fn new() -> Self {
        Self {
            cluster: MemoryCluster::default(),
            folder: TempDir::new().unwrap(),
        }
    }

    async fn start(&self, name: &str) -> Endpoint {
        let file = self.folder.path().join("friends.db");
        let pubsub = PubSub::with_adapter(self.cluster.join(name));
        let url = format!("sqlite:{}", file.display());
        start(pubsub, &url).await.unwrap()
    }
}

async fn join(endpoint: &Endpoint, user_id: &str) -> TestChannel {
    let params = json!({ "user_id": user_id });
    let socket = testing::connect::<channel::UserSocket>(endpoint, params).await;
    let joined = socket.unwrap().join("friends", json!({})).await;
    joined.unwrap().1
}

async fn ask(channel: &TestChannel, friends: &[&str]) -> Value {
    let asked = channel.push("ask", json!(friends)).await;
    channel.assert_reply(asked, "ok", json!({})).await
}

/// Asks until the answer is as wanted. Returns it.
async fn until(
    channel: &TestChannel,
    friends: &[&str],
    is_wanted: impl Fn(&Value) -> bool,
) -> Value {
    for _ in 0..1000 {
        let answer = ask(channel, friends).await;
        if is_wanted(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never as wanted: {}", ask(channel, friends).await);
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_millis() as i64
}

#[tokio::test]
async fn friends_are_online_or_were_seen_on_either_node() {
    let nodes = Nodes::new();
    let (a, b) = tokio::join!(nodes.start("a"), nodes.start("b"));
    let alice = join(&a, "alice").await;
    let (bob, _bobs_phone) = (join(&b, "bob").await, join(&a, "bob").await);
    let carol = join(&b, "carol").await;
    let friends = ["bob", "carol", "dave"];
    let both = json!({ "online": ["bob", "carol"], "last_seen": {} });
    until(&alice, &friends, |answer| *answer == both).await;
    alice.refute_push("presence_diff").await;

    // Bob has another device, and Carol has not.
    let before = now();
    bob.leave().await;
    carol.leave().await;
    let answer = until(&alice, &friends, |answer| answer["last_seen"] != json!({})).await;
    assert_eq!(answer["online"], json!(["bob"]));
    let at = answer["last_seen"]["carol"].as_i64().unwrap();
    assert!((before..=now()).contains(&at), "{at}");
}

#[tokio::test]
async fn a_node_that_stops_writes_no_time_of_who_moves() {
    let nodes = Nodes::new();
    let (a, b) = tokio::join!(nodes.start("a"), nodes.start("b"));
    let alice = join(&b, "alice").await;
    let _bob = join(&a, "bob").await;
    let online = |users: Value| move |answer: &Value| answer["online"] == users;
    until(&alice, &["bob"], online(json!(["bob"]))).await;
    a.stop().await;
    let bob = join(&b, "bob").await;
    let carol = join(&b, "carol").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    carol.leave().await;
    // Carol's time is written after Bob's would have been.
    let users = ["bob", "carol"];
    let answer = until(&alice, &users, |answer| answer["last_seen"] != json!({})).await;
    assert_eq!(answer["online"], json!(["bob"]));
    bob.leave().await;
    until(&alice, &users, |answer| answer["last_seen"]["bob"].is_i64()).await;
}

#[tokio::test]
async fn followers_get_one_event_when_a_friend_comes_and_one_when_the_last_device_goes() {
    let nodes = Nodes::new();
    let (a, b) = tokio::join!(nodes.start("a"), nodes.start("b"));
    let alice = join(&a, "alice").await;
    let follow = |friend| alice.socket().join(friend, json!({}));
    let (state, bob) = follow("friend:bob").await.unwrap();
    assert_eq!(state, json!({ "online": false }));

    let seconds = Duration::from_secs(10);
    let (device, phone) = (join(&b, "bob").await, join(&a, "bob").await);
    bob.assert_push("online", json!({})).within(seconds).await;
    let (state, again) = follow("friend:bob").await.unwrap();
    assert_eq!(state, json!({ "online": true }));
    device.leave().await;
    again.refute_push("offline").await;
    phone.leave().await;
    let offline = again.assert_push("offline", json!({}));
    offline.within(seconds).await;
    again.refute_push("online").await;
}
