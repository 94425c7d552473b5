//! A client over a pipe, which can also misbehave.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use presence_channels::Endpoint;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    time::{Instant, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::world::World;

/// How long a client waits for what must come: on a paused clock, until nothing goes on any more.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) struct Client {
    socket: WebSocketStream<DuplexStream>,
}

impl Client {
    pub(crate) async fn open(endpoint: &Endpoint) -> Self {
        let url = "ws://localhost/socket/websocket?vsn=2.0.0";
        let (socket, _) = client_async(url, World::connect(endpoint)).await.unwrap();
        Self { socket }
    }

    pub(crate) async fn joined(endpoint: &Endpoint, topic: &str) -> Self {
        let mut client = Self::open(endpoint).await;
        client.push("1", topic, "phx_join", json!({})).await;
        let reply = client.receive().await;
        assert_eq!(reply[4]["status"], "ok", "{reply}");
        client
    }

    pub(crate) async fn push(&mut self, reference: &str, topic: &str, event: &str, payload: Value) {
        let message = json!([null, reference, topic, event, payload]);
        self.send(message.to_string()).await;
    }

    pub(crate) async fn send(&mut self, message: String) {
        let sent = timeout(PATIENCE, self.socket.send(Message::text(message))).await;
        sent.expect("the server takes it").unwrap();
    }

    /// Sends as long as the server takes it; true if it did within a second.
    pub(crate) async fn try_send(&mut self, message: String) -> bool {
        let sent = self.socket.send(Message::text(message));
        timeout(Duration::from_secs(1), sent).await.is_ok()
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        // The server may have gone, which is then what the test is about.
        let _ = self.socket.get_mut().write_all(bytes).await;
    }

    /// The next message.
    pub(crate) async fn receive(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("unexpected: {other:?}"),
        }
    }

    async fn next(&mut self) -> Message {
        let next = timeout(PATIENCE, self.socket.next()).await;
        next.expect("a message").expect("not the end").unwrap()
    }

    /// Waits for the close frame; gives its code. What comes before it is skipped.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.expect("a code").code.into();
            }
        }
    }

    /// Asserts that the client, which has joined `topic`, is served at once.
    pub(crate) async fn assert_served(&mut self, topic: &str) {
        let asked = Instant::now();
        self.push("here", topic, "ping", json!({})).await;
        while self.receive().await[1] != "here" {}
        assert!(asked.elapsed().is_zero(), "after {:?}", asked.elapsed());
    }
}
