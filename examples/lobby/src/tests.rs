use std::time::Duration;

use presence_channels::testing::{self, TestChannel, TestSocket};
use serde_json::json;

use super::*;

async fn connect(endpoint: &Endpoint, user_id: &str) -> TestSocket {
    let params = json!({ "user_id": user_id });
    let connected = testing::connect::<UserSocket>(endpoint, params).await;
    connected.unwrap()
}

async fn join(endpoint: &Endpoint, user_id: &str, play: bool) -> TestChannel {
    let socket = connect(endpoint, user_id).await;
    let joined = socket.join("match:1", json!({ "play": play })).await;
    joined.unwrap().1
}

#[tokio::test]
async fn watchers_get_numbers_and_nothing_else() {
    let endpoint = start().await.unwrap();
    let watchers = [
        join(&endpoint, "w1", false).await,
        join(&endpoint, "w2", false).await,
    ];
    let alice = join(&endpoint, "alice", true).await;
    let _bob = join(&endpoint, "bob", true).await;
    counted(&watchers, 2).await;
    // A second device of a user is no second player.
    let _phone = join(&endpoint, "bob", true).await;
    alice.leave().await;
    counted(&watchers, 1).await;
    for watcher in &watchers {
        watcher.refute_push("presence_diff").await;
    }
}

/// Waits for a count. Counts come once a second.
async fn counted(watchers: &[TestChannel], count: usize) {
    for watcher in watchers {
        let pushed = watcher.assert_push("presence_count", json!({ "count": count }));
        pushed.within(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn the_lobby_knows_matches_that_one_is_not_in() {
    let endpoint = start().await.unwrap();
    let _alice = join(&endpoint, "alice", true).await;
    let _watcher = join(&endpoint, "w", false).await;
    let socket = connect(&endpoint, "carol").await;
    let (_, lobby) = socket.join("lobby", json!({})).await.unwrap();
    let asked = lobby.push("counts", json!(["1", "2"])).await;
    let counts = json!({ "counts": [1, 0] });
    lobby.assert_reply(asked, "ok", counts).await;

    let wrong = lobby.push("counts", json!("1")).await;
    lobby.assert_reply(wrong, "error", json!({})).await;
}
