use presence_channels::testing::{self, TestSocket};
use serde_json::json;
use tempfile::TempDir;

use super::*;

/// Starts the app with a database of its own. The database is removed with the returned folder.
async fn app() -> (TempDir, Endpoint) {
    let folder = TempDir::new().unwrap();
    let endpoint = start(&url(&folder)).await.unwrap();
    (folder, endpoint)
}

fn url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("chat.db").display())
}

async fn connect(endpoint: &Endpoint, user_id: &str) -> TestSocket {
    let params = json!({ "user_id": user_id });
    let connected = testing::connect::<UserSocket>(endpoint, params).await;
    connected.unwrap()
}

#[tokio::test]
async fn a_room_keeps_what_is_said() {
    let (folder, endpoint) = app().await;
    let alice = connect(&endpoint, "alice").await;
    let (history, channel) = alice.join("room:1", json!({})).await.unwrap();
    assert_eq!(history, json!({ "messages": [] }));
    for body in ["hello", "anybody there?"] {
        let said = channel.push("say", json!({ "body": body })).await;
        channel.assert_reply(said, "ok", json!({})).await;
        let shown = json!({ "user_id": "alice", "body": body });
        channel.assert_push("said", shown).await;
    }
    let history = json!({ "messages": [
        { "user_id": "alice", "body": "hello" },
        { "user_id": "alice", "body": "anybody there?" },
    ] });

    channel.leave().await;
    let (again, _channel) = alice.join("room:1", json!({})).await.unwrap();
    assert_eq!(again, history);
    let (other_room, _channel) = alice.join("room:2", json!({})).await.unwrap();
    assert_eq!(other_room, json!({ "messages": [] }));

    alice.close();
    endpoint.stop().await;
    let restarted = start(&url(&folder)).await.unwrap();
    let bob = connect(&restarted, "bob").await;
    let (after_restart, _channel) = bob.join("room:1", json!({})).await.unwrap();
    assert_eq!(after_restart, history);
}

#[tokio::test]
async fn a_message_without_a_body_is_not_kept() {
    let (_folder, endpoint) = app().await;
    let alice = connect(&endpoint, "alice").await;
    let (_, channel) = alice.join("room:1", json!({})).await.unwrap();
    let said = channel.push("say", json!({ "text": "hello" })).await;
    channel.assert_reply(said, "error", json!({})).await;
    let (history, _channel) = alice.join("room:1", json!({})).await.unwrap();
    assert_eq!(history, json!({ "messages": [] }));
}

#[tokio::test]
async fn a_client_learns_which_messages_the_database_takes_and_nothing_of_its_failures() {
    let (folder, endpoint) = app().await;
    let alice = connect(&endpoint, "alice").await;
    let (_, channel) = alice.join("room:1", json!({})).await.unwrap();
    for body in ["", &"x".repeat(1001)] {
        let said = channel.push("say", json!({ "body": body })).await;
        let reason = json!({ "reason": "a message has 1 to 1000 characters" });
        channel.assert_reply(said, "error", reason).await;
    }

    let pool = sqlx::SqlitePool::connect(&url(&folder)).await.unwrap();
    let dropped = sqlx::query("DROP TABLE messages").execute(&pool).await;
    dropped.unwrap();
    let said = channel.push("say", json!({ "body": "hello" })).await;
    let reason = json!({ "reason": "internal error" });
    channel.assert_reply(said, "error", reason).await;
}

#[tokio::test]
async fn presences_carry_names_from_the_database() {
    let (_folder, endpoint) = app().await;
    let alice = connect(&endpoint, "alice").await;
    let (_, channel) = alice.join("room:1", json!({})).await.unwrap();
    let alice = json!({ "alice": { "user": { "name": "Alice Liddell" } } });
    channel.assert_push("presence_state", alice).await;

    let bob = connect(&endpoint, "bob").await;
    bob.join("room:1", json!({})).await.unwrap();
    let bob = json!({ "joins": { "bob": { "user": { "name": "Bob Cratchit" } } } });
    channel.assert_push("presence_diff", bob).await;
}

#[tokio::test]
async fn strangers_are_refused() {
    let (_folder, endpoint) = app().await;
    let params = json!({ "user_id": "mallory" });
    let refused = testing::connect::<UserSocket>(&endpoint, params).await;
    assert_eq!(refused.unwrap_err().http_status(), 403);
}
