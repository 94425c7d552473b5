use std::{io, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Message, client::IntoClientRequest, handshake::client::Response, protocol::CloseFrame,
    },
};

use crate::{Server, server::small_socket};

/// The time that a client waits for a message. Generous, because only a failing test takes it.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The time that a client watches for a message that must not come.
pub const WATCH: Duration = Duration::from_millis(300);

/// A client on tokio-tungstenite, which speaks version 2 of the protocol and can also misbehave.
///
/// Its methods panic if the server does not do what they wait for.
pub struct Client<S = TcpStream> {
    socket: WebSocketStream<S>,
    next_ref: u64,
    patience: Duration,
}

impl Client {
    /// Connects as `user_id`, in version 2 of the protocol.
    pub async fn connect(server: &Server, user_id: &str) -> Self {
        Self::open(server, &format!("vsn=2.0.0&user_id={user_id}")).await
    }

    /// Connects with this query in the URL.
    pub async fn open(server: &Server, query: &str) -> Self {
        let url = format!("ws://{}/socket/websocket?{query}", server.address);
        Self::open_with(server, url).await.0
    }

    /// Connects with this request; returns the answer to the handshake, too.
    pub async fn open_with(
        server: &Server,
        request: impl IntoClientRequest + Unpin,
    ) -> (Self, Response) {
        let stream = small_socket().connect(server.address).await.unwrap();
        Self::handshake(request, stream).await
    }

    /// Goes away without a close frame. With `reset`, as a machine does that lost its power.
    pub fn vanish(mut self, reset: bool) {
        if reset {
            self.stream().set_zero_linger().unwrap();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Opens a WebSocket over `stream`; returns the answer to the handshake, too.
    pub async fn handshake(request: impl IntoClientRequest + Unpin, stream: S) -> (Self, Response) {
        let (socket, response) = client_async(request, stream).await.unwrap();
        let client = Self {
            socket,
            next_ref: 1,
            patience: PATIENCE,
        };
        (client, response)
    }

    /// Waits this long, instead of [`PATIENCE`], for what must come.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Returns the stream below the WebSocket.
    pub fn stream(&mut self) -> &mut S {
        self.socket.get_mut()
    }

    /// Returns the WebSocket.
    pub fn into_socket(self) -> WebSocketStream<S> {
        self.socket
    }

    /// Sends a message as it is.
    pub async fn send(&mut self, message: impl Into<Message>) {
        let sent = timeout(self.patience, self.socket.send(message.into())).await;
        sent.expect("the server takes it").unwrap();
    }

    /// Sends a message. Returns whether the server took it within a second.
    pub async fn try_send(&mut self, message: impl Into<Message>) -> bool {
        let sent = self.socket.send(message.into());
        timeout(Duration::from_secs(1), sent).await.is_ok()
    }

    /// Sends bytes as they are, past the WebSocket.
    ///
    /// # Errors
    /// Returns the stream's error, as when the server has closed it.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream().write_all(bytes).await
    }

    /// Returns the next message.
    pub async fn receive(&mut self) -> Message {
        let received = timeout(self.patience, self.socket.next()).await;
        received
            .expect("a message within the patience")
            .expect("a message, not the end")
            .unwrap()
    }

    /// Returns the next message, which must be text with JSON.
    pub async fn receive_json(&mut self) -> Value {
        let message = self.receive().await;
        let Message::Text(text) = &message else {
            panic!("not text: {message:?}");
        };
        serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {message:?}"))
    }

    /// Asserts that no message comes within [`WATCH`].
    pub async fn receives_nothing(&mut self) {
        let received = timeout(WATCH, self.socket.next()).await;
        assert!(received.is_err(), "unexpected: {received:?}");
    }

    /// Pushes an event with the next ref. Returns the ref.
    pub async fn push(&mut self, topic: &str, event: &str, payload: Value) -> String {
        let reference = self.next_ref.to_string();
        self.next_ref += 1;
        self.push_as(&reference, topic, event, payload).await;
        reference
    }

    /// Pushes an event with this ref.
    pub async fn push_as(&mut self, reference: &str, topic: &str, event: &str, payload: Value) {
        let join_ref = (event == "phx_join").then_some(reference);
        let message = json!([join_ref, reference, topic, event, payload]);
        self.send(message.to_string()).await;
    }

    /// Returns the payload of the reply to `reference`. Skips the messages before it.
    pub async fn reply(&mut self, reference: &str) -> Value {
        loop {
            let mut message = self.receive_json().await;
            if message[3] == "phx_reply" && message[1] == reference {
                return message[4].take();
            }
        }
    }

    /// Pushes an event and returns the payload of the reply.
    pub async fn request(&mut self, topic: &str, event: &str, payload: Value) -> Value {
        let reference = self.push(topic, event, payload).await;
        self.reply(&reference).await
    }

    /// Joins `topic`, and asserts that the join is accepted.
    pub async fn join(&mut self, topic: &str) {
        let reply = self.request(topic, "phx_join", json!({})).await;
        assert_eq!(reply, json!({ "status": "ok", "response": {} }), "{topic}");
    }

    /// Asserts that the connection and the server behind it work.
    pub async fn assert_alive(&mut self) {
        let reply = self.request("phoenix", "heartbeat", json!({})).await;
        assert_eq!(reply, json!({ "status": "ok", "response": {} }));
    }

    /// Asserts that the client, which has joined `topic`, is answered before any time has passed
    /// on a paused clock.
    pub async fn assert_served(&mut self, topic: &str) {
        let asked = Instant::now();
        self.request(topic, "ping", json!({})).await;
        assert!(asked.elapsed().is_zero(), "after {:?}", asked.elapsed());
    }

    /// Waits for the close frame, and asserts that the connection ends then. Returns the frame's
    /// code. Skips the messages before it.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.receive().await {
                let Some(CloseFrame { code, .. }) = frame else {
                    panic!("a close frame without a code");
                };
                let end = timeout(self.patience, self.socket.next()).await;
                assert!(matches!(end, Ok(None | Some(Err(_)))), "{end:?}");
                return code.into();
            }
        }
    }
}
