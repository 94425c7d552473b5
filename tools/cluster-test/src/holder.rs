//! A connection that holds presences in many rooms, and shows none of them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::client::open;

/// The most rooms of one connection: the default of `Limits::max_channels`.
pub(crate) const ROOMS_MAX: usize = 100;
/// The longest time for all joins of a connection, on a loaded machine.
const JOINING: Duration = Duration::from_secs(60);
const HEARTBEAT: Duration = Duration::from_secs(30);

type Stream = WebSocketStream<TcpStream>;

/// A user in several rooms. Dropping it aborts the connection.
pub(crate) struct Holder {
    pub(crate) key: String,
    pub(crate) rooms: Vec<String>,
    /// The bytes of each presence's meta, as JSON.
    pub(crate) meta_bytes: usize,
    task: JoinHandle<()>,
}

impl Holder {
    /// Connects, joins all rooms, and waits until each room has listed the user.
    pub(crate) async fn join(node: SocketAddr, key: String, rooms: Vec<String>) -> Result<Self> {
        let mut stream = open(node, &key).await?;
        for (number, room) in rooms.iter().enumerate() {
            let join = json!([number.to_string(), number.to_string(), room, "phx_join", {}]);
            stream.feed(Message::text(join.to_string())).await?;
        }
        stream.flush().await?;
        let listed = timeout(JOINING, all_listed(&mut stream, &key, rooms.len()));
        let meta_bytes = listed
            .await
            .with_context(|| format!("{key} was not listed in its rooms in time"))??;
        Ok(Self {
            key,
            rooms,
            meta_bytes,
            task: tokio::spawn(stay(stream)),
        })
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads until `rooms` lists have come. Returns the size of the user's meta in the first of them.
async fn all_listed(stream: &mut Stream, key: &str, rooms: usize) -> Result<usize> {
    let (mut listed, mut meta_bytes) = (0, None);
    while listed < rooms {
        let Some(frame) = stream.next().await else {
            bail!("the connection of {key} was closed");
        };
        let Message::Text(text) = frame? else {
            continue;
        };
        if text.contains("\"presence_state\"") {
            listed += 1;
            if meta_bytes.is_none() {
                let frame: Value = serde_json::from_str(&text)?;
                let meta = frame.pointer(&format!("/4/{key}/metas/0"));
                meta_bytes = meta.map(|meta| meta.to_string().len());
            }
        } else if text.contains("\"status\":\"error\"") {
            bail!("a join of {key} was rejected: {text}");
        }
    }
    meta_bytes.with_context(|| format!("{key} is not in the list of its room"))
}

/// Reads what the server sends, and sends heartbeats, until the connection is closed.
async fn stay(stream: Stream) {
    let (mut sink, frames) = stream.split();
    let beats = async {
        let mut due = interval(HEARTBEAT);
        let beat = json!([null, "heartbeat", "phoenix", "heartbeat", {}]).to_string();
        loop {
            due.tick().await;
            if sink.send(Message::text(beat.clone())).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = beats => {}
        () = discard(frames) => {}
    }
}

async fn discard(mut frames: SplitStream<Stream>) {
    while let Some(Ok(_)) = frames.next().await {}
}
