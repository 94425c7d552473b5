//! Clients of the sample app over a pipe.

use std::time::Duration;

use presence_channels::Endpoint;
use serde_json::json;
use tokio::io::DuplexStream;

use crate::world::World;

/// The time that a client waits for a message. On a paused clock that is until all tasks are idle.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) type Client = sample_app::Client<DuplexStream>;

/// A client that has joined nothing.
pub(crate) async fn open(endpoint: &Endpoint) -> Client {
    let url = "ws://localhost/socket/websocket?vsn=2.0.0";
    let (client, _) = Client::handshake(url, World::connect(endpoint)).await;
    client.patience(PATIENCE)
}

/// A client that has joined `topic`.
pub(crate) async fn joined(endpoint: &Endpoint, topic: &str) -> Client {
    let mut client = open(endpoint).await;
    client.push_as("1", topic, "phx_join", json!({})).await;
    let reply = client.receive_json().await;
    assert_eq!(reply[4]["status"], "ok", "{reply}");
    client
}
