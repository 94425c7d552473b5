//! A connection of a client: version 2 of the protocol over a WebSocket.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::PATIENCE;

/// A connection that has joined one topic.
pub(crate) struct Client {
    stream: WebSocketStream<TcpStream>,
    topic: String,
    next_ref: u64,
}

/// What a server sends.
pub(crate) struct Frame {
    pub(crate) event: String,
    pub(crate) payload: Box<RawValue>,
}

/// The two members of every frame that matter here.
type Parts = (Value, Value, String, String, Box<RawValue>);

impl Client {
    /// Connects as `user`. Nothing is joined yet.
    pub(crate) async fn connect(node: SocketAddr, user: &str, topic: &str) -> Result<Self> {
        let connecting = async {
            let stream = TcpStream::connect(node).await?;
            stream.set_nodelay(true)?;
            let url = format!("ws://{node}/socket/websocket?vsn=2.0.0&user_id={user}");
            let (stream, _) = tokio_tungstenite::client_async(url, stream).await?;
            anyhow::Ok(stream)
        };
        let stream = tokio::time::timeout(PATIENCE, connecting)
            .await
            .with_context(|| format!("{node} does not answer a client"))??;
        Ok(Self {
            stream,
            topic: topic.to_owned(),
            next_ref: 1,
        })
    }

    /// Asks to join. The answer comes as a frame.
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

    /// The next frame of its topic. `None`: the connection is closed. Can be dropped while it
    /// waits.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>> {
        loop {
            match self.stream.next().await {
                None | Some(Ok(Message::Close(_)) | Err(_)) => return Ok(None),
                Some(Ok(Message::Text(text))) => {
                    let (_, _, topic, event, payload): Parts = serde_json::from_str(&text)
                        .with_context(|| format!("not a frame: {text}"))?;
                    if topic == self.topic {
                        return Ok(Some(Frame { event, payload }));
                    }
                }
                Some(Ok(_)) => {}
            }
        }
    }

    /// Waits for the answer to the join. What comes before it is of no account: nothing does.
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
                        _ => bail!("a join was refused: {}", frame.payload),
                    }
                }
                Some(frame) => bail!("{} came before the answer to the join", frame.event),
                None => bail!("closed before the join was answered"),
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .context("a join was not answered")?
    }
}
