//! A client on tokio-tungstenite, which can also misbehave.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Message, client::IntoClientRequest, handshake::client::Response, protocol::CloseFrame,
    },
};

use crate::{
    PATIENCE, WATCH,
    app::{SYSTEM_BUFFER, Server},
};

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    next_ref: u64,
}

impl Client {
    /// Connects `user_id`, in version 2 of the protocol.
    pub(crate) async fn connect(server: &Server, user_id: &str) -> Self {
        Self::open(server, &format!("vsn=2.0.0&user_id={user_id}")).await
    }

    pub(crate) async fn open(server: &Server, query: &str) -> Self {
        let url = format!("ws://{}/socket/websocket?{query}", server.address);
        Self::open_with(server, url).await.0
    }

    /// Gives the answer to the handshake, too.
    pub(crate) async fn open_with(
        server: &Server,
        request: impl IntoClientRequest + Unpin,
    ) -> (Self, Response) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SYSTEM_BUFFER).unwrap();
        socket.set_send_buffer_size(SYSTEM_BUFFER).unwrap();
        let stream = socket.connect(server.address).await.unwrap();
        let (socket, response) = client_async(request, stream).await.unwrap();
        let client = Self {
            socket,
            next_ref: 1,
        };
        (client, response)
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        let sent = timeout(PATIENCE, self.socket.send(message.into())).await;
        sent.expect("the server takes it").unwrap();
    }

    /// Sends bytes as they are, past the WebSocket layer.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream().write_all(bytes).await.unwrap();
    }

    pub(crate) fn into_socket(self) -> WebSocketStream<TcpStream> {
        self.socket
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.socket.get_mut()
    }

    pub(crate) async fn receive(&mut self) -> Message {
        let received = timeout(PATIENCE, self.socket.next()).await;
        received
            .expect("a message within the patience")
            .expect("a message, not the end")
            .unwrap()
    }

    /// The next message, which must be text with JSON.
    pub(crate) async fn receive_json(&mut self) -> Value {
        let message = self.receive().await;
        let text = message.to_text().unwrap();
        serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {message:?}"))
    }

    /// Watches that nothing comes.
    pub(crate) async fn receives_nothing(&mut self) {
        let received = timeout(WATCH, self.socket.next()).await;
        assert!(received.is_err(), "unexpected: {received:?}");
    }

    /// Sends a message in version 2; gives its ref.
    pub(crate) async fn push(&mut self, topic: &str, event: &str, payload: Value) -> String {
        let reference = self.next_ref.to_string();
        self.next_ref += 1;
        let join_ref = (event == "phx_join").then_some(&reference);
        let message = json!([join_ref, reference, topic, event, payload]);
        self.send(message.to_string()).await;
        reference
    }

    /// The payload of the reply to `reference`, in version 2. What comes before it is skipped.
    pub(crate) async fn reply(&mut self, reference: &str) -> Value {
        loop {
            let mut message = self.receive_json().await;
            if message[3] == "phx_reply" && message[1] == reference {
                return message[4].take();
            }
        }
    }

    pub(crate) async fn request(&mut self, topic: &str, event: &str, payload: Value) -> Value {
        let reference = self.push(topic, event, payload).await;
        self.reply(&reference).await
    }

    pub(crate) async fn join(&mut self, topic: &str) {
        let reply = self.request(topic, "phx_join", json!({})).await;
        assert_eq!(reply, json!({ "status": "ok", "response": {} }), "{topic}");
    }

    /// Asserts that the connection and the server behind it work.
    pub(crate) async fn assert_alive(&mut self) {
        let reply = self.request("phoenix", "heartbeat", json!({})).await;
        assert_eq!(reply, json!({ "status": "ok", "response": {} }));
    }

    /// Waits for the close frame, gives its code, and asserts that the connection ends then. What
    /// comes before is skipped.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.receive().await {
                let Some(CloseFrame { code, .. }) = frame else {
                    panic!("a close frame without a code");
                };
                let end = timeout(PATIENCE, self.socket.next()).await;
                assert!(matches!(end, Ok(None | Some(Err(_)))), "{end:?}");
                return code.into();
            }
        }
    }

    /// Goes away without a word. With `reset`, as a machine does that lost power and came back.
    pub(crate) fn vanish(mut self, reset: bool) {
        if reset {
            self.stream().set_zero_linger().unwrap();
        }
    }
}

/// A frame as a client sends it, but for what `first` and `masked` get wrong. The mask is zero,
/// which leaves the payload readable.
pub(crate) fn frame(first: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= 125, "the short form of a length");
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut frame = vec![first, mask_bit | payload.len() as u8];
    frame.extend(masked.then_some([0; 4]).into_iter().flatten());
    frame.extend_from_slice(payload);
    frame
}

/// Sends an HTTP request; gives the status of the answer.
pub(crate) async fn http_status(server: &Server, request_line: &str, headers: &[&str]) -> u16 {
    let mut request = format!("{request_line} HTTP/1.1\r\nhost: {}\r\n", server.address);
    for header in headers {
        request += &format!("{header}\r\n");
    }
    request += "\r\n";
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut start = [0; "HTTP/1.1 200".len()];
    let read = timeout(Duration::from_secs(10), stream.read_exact(&mut start)).await;
    read.expect("an answer").unwrap();
    let start = std::str::from_utf8(&start).unwrap();
    start.rsplit(' ').next().unwrap().parse().unwrap()
}
