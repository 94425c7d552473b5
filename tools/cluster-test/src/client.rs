//! A client's connection, which speaks version 2 of the protocol over a WebSocket.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::PATIENCE;

/// Connects to a node as `user`, and joins nothing.
pub(crate) async fn open(node: SocketAddr, user: &str) -> Result<WebSocketStream<TcpStream>> {
    let connecting = async {
        let stream = TcpStream::connect(node).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{node}/socket/websocket?vsn=2.0.0&user_id={user}");
        let (stream, _) = tokio_tungstenite::client_async(url, stream).await?;
        anyhow::Ok(stream)
    };
    tokio::time::timeout(PATIENCE, connecting)
        .await
        .with_context(|| format!("{node} does not accept a client"))?
}

/// A connection that has joined one topic.
pub(crate) struct JoiningClient {
    stream: WebSocketStream<TcpStream>,
    topic: String,
    next_ref: u64,
}

/// A frame from a server.
pub(crate) struct ServerFrame {
    pub(crate) event: String,
    pub(crate) payload: Box<RawValue>,
}

/// The members of every frame.
type Parts = (Value, Value, String, String, Box<RawValue>);

impl JoiningClient {
    /// Connects as `user`. Does not join.
    pub(crate) async fn connect(node: SocketAddr, user: &str, topic: &str) -> Result<Self> {
        Ok(Self {
            stream: open(node, user).await?,
            topic: topic.to_owned(),
            next_ref: 1,
        })
    }

    /// Sends a join. The reply is a frame.
    pub(crate) async fn join(&mut self) -> Result<()> {
        self.push("phx_join").await
    }

    pub(crate) async fn leave(&mut self) -> Result<()> {
        self.push("phx_leave").await
    }

    pub(crate) async fn heartbeat(&mut self) -> Result<()> {
        let text = json!([null, "heartbeat", "phoenix", "heartbeat", {}]);
        Ok(self.stream.send(Message::text(text.to_string())).await?)
    }

    async fn push(&mut self, event: &str) -> Result<()> {
        let number = self.next_ref.to_string();
        self.next_ref += 1;
        let text = json!(["1", number, self.topic, event, {}]);
        Ok(self.stream.send(Message::text(text.to_string())).await?)
    }

    /// Returns the next frame of the topic, or `None` if the connection is closed. It is cancel
    /// safe.
    pub(crate) async fn next(&mut self) -> Result<Option<ServerFrame>> {
        loop {
            match self.stream.next().await {
                None | Some(Ok(Message::Close(_)) | Err(_)) => return Ok(None),
                Some(Ok(Message::Text(text))) => {
                    let (_, _, topic, event, payload): Parts = serde_json::from_str(&text)
                        .with_context(|| format!("not a frame: {text}"))?;
                    if topic == self.topic {
                        return Ok(Some(ServerFrame { event, payload }));
                    }
                }
                Some(Ok(_)) => {}
            }
        }
    }

    /// Waits for the reply to the join. A frame before it is an error.
    pub(crate) async fn joined(&mut self) -> Result<()> {
        #[derive(Deserialize)]
        struct Reply {
            status: String,
        }
        let waiting = async {
            match self.next().await? {
                Some(frame) if frame.event == "phx_reply" => {
                    let reply: Reply = serde_json::from_str(frame.payload.get())?;
                    match reply.status.as_str() {
                        "ok" => Ok(()),
                        _ => bail!("a join was rejected: {}", frame.payload),
                    }
                }
                Some(frame) => bail!("{} came before the reply to the join", frame.event),
                None => bail!("the connection closed before the reply to the join"),
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .context("no reply to a join in time")?
    }
}
