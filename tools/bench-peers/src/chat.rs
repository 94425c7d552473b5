//! A chat as it is written by hand on axum: a task for each socket's messages, one for its room's,
//! and tokio's broadcast channel between them. It speaks as much of Phoenix's protocol as the
//! benchmark's clients need.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::get,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{json, value::RawValue};
use tokio::sync::{broadcast, mpsc};

/// The messages of a room that a slow member may lag behind.
const LAG: usize = 1024;

/// The rooms, by their topics.
#[derive(Clone, Default)]
struct Rooms(Arc<Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>>);

impl Rooms {
    fn of(&self, topic: &str) -> broadcast::Sender<Utf8Bytes> {
        let mut rooms = self.0.lock().expect("no task panics with the lock");
        let room = rooms.entry(topic.to_owned());
        room.or_insert_with(|| broadcast::Sender::new(LAG)).clone()
    }
}

pub(crate) fn app() -> Router {
    Router::new()
        .route("/socket/websocket", get(upgrade))
        .with_state(Rooms::default())
}

async fn upgrade(upgrade: WebSocketUpgrade, State(rooms): State<Rooms>) -> Response {
    upgrade.on_upgrade(|socket| serve(socket, rooms))
}

async fn serve(socket: WebSocket, rooms: Rooms) {
    let (mut writes, mut reads) = socket.split();
    let (replies, mut queue) = mpsc::channel::<Utf8Bytes>(LAG);
    let writer = tokio::spawn(async move {
        while let Some(text) = queue.recv().await {
            if writes.send(Message::Text(text)).await.is_err() {
                return;
            }
        }
    });
    let mut forwarders = Vec::new();
    while let Some(Ok(message)) = reads.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let Ok((join_ref, reference, topic, event, payload)) =
            serde_json::from_str::<(&RawValue, &RawValue, &str, &str, &RawValue)>(&text)
        else {
            break;
        };
        if event == "shout" {
            let shout = json!([null, null, topic, event, payload]).to_string();
            // An error means that the room is empty.
            let _ = rooms.of(topic).send(shout.into());
            continue;
        }
        if event == "phx_join" {
            let (mut room, replies) = (rooms.of(topic).subscribe(), replies.clone());
            forwarders.push(tokio::spawn(async move {
                while let Ok(text) = room.recv().await {
                    if replies.send(text).await.is_err() {
                        return;
                    }
                }
            }));
        }
        let response = json!({ "status": "ok", "response": payload });
        let reply = json!([join_ref, reference, topic, "phx_reply", response]).to_string();
        if replies.send(reply.into()).await.is_err() {
            break;
        }
    }
    forwarders.iter().for_each(|forwarder| forwarder.abort());
    writer.abort();
}
