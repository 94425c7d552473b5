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

#[tokio::test]
async fn the_lobby_gets_the_new_number_of_a_match() {
    let endpoint = start().await.unwrap();
    let socket = connect(&endpoint, "carol").await;
    let (_, lobby) = socket.join("lobby", json!({})).await.unwrap();
    let alice = join(&endpoint, "alice", true).await;
    changed(&lobby, 1).await;
    let bob = join(&endpoint, "bob", true).await;
    changed(&lobby, 2).await;

    // A watcher changes no number, and neither does the second device of a player.
    let _watcher = join(&endpoint, "w", false).await;
    let mut phone = join(&endpoint, "bob", true).await;
    let phones = json!({ "joins": { "bob": {} } });
    phone.assert_broadcast("presence_diff", phones).await;
    lobby.refute_push("match_changed").await;
    bob.leave().await;
    alice.leave().await;
    changed(&lobby, 1).await;
}

/// Waits for the next number of match 1.
async fn changed(lobby: &TestChannel, players: usize) {
    let payload = lobby.assert_push("match_changed", json!({})).await;
    let changed = json!({ "match": "1", "players": players });
    assert_eq!(payload.value().unwrap(), changed);
}

#[tokio::test]
async fn players_move_and_watchers_do_not() {
    let endpoint = start().await.unwrap();
    let alice = join(&endpoint, "alice", true).await;
    let watcher = join(&endpoint, "w", false).await;
    let position = json!({ "x": 1.5, "y": 2.0 });
    alice.push("move", &position).await;
    let moved = json!({ "player": "alice", "x": 1.5, "y": 2.0 });
    watcher.assert_push("moved", moved).await;

    let refused = watcher.push("move", &position).await;
    watcher.assert_reply(refused, "error", json!({})).await;
    alice.refute_push("moved").await;
}

/// The client takes nothing in before the test waits, so all messages wait for it.
#[tokio::test]
async fn who_reads_too_slowly_misses_old_positions_and_nothing_else() {
    const MOVES: usize = 1000;
    let endpoint = start().await.unwrap();
    let watcher = join(&endpoint, "w", false).await;
    // 10 MB, of which 4 MiB may wait.
    let fill = "x".repeat(10_000);
    for n in 0..MOVES {
        let event = if n % 100 == 0 { "gave_up" } else { "moved" };
        let payload = json!({ "n": n, "fill": fill });
        endpoint.broadcast("match:1", event, payload).unwrap();
    }
    for n in (0..MOVES).step_by(100) {
        watcher.assert_push("gave_up", json!({ "n": n })).await;
    }
    let newest = json!({ "n": MOVES - 1 });
    watcher.assert_push("moved", newest).await;
    watcher.refute_push_with("moved", json!({ "n": 1 })).await;
}

#[tokio::test]
async fn who_leaves_gives_up_and_who_is_disconnected_does_not() {
    let endpoint = start().await.unwrap();
    let watcher = join(&endpoint, "w", false).await;
    let alice = join(&endpoint, "alice", true).await;
    let bob = join(&endpoint, "bob", true).await;
    let members = endpoint.pubsub().subscribers("match:1");
    bob.socket().close();
    // The subscription of his channel goes after its last callback.
    let mut tries = 0..1000;
    while endpoint.pubsub().subscribers("match:1") == members {
        tries.next().expect("his channel ends");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    watcher.refute_push("gave_up").await;
    alice.leave().await;
    let gave_up = json!({ "player": "alice" });
    watcher.assert_push("gave_up", gave_up).await;
}
