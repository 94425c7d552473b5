use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Joins the lobby at `address`, and sends a ping.
async fn joined(address: SocketAddr) -> Client {
    let url = format!("ws://{address}/socket/websocket?vsn=2.0.0");
    let (mut client, _) = connect_async(url).await.unwrap();
    for (reference, event) in [("1", "phx_join"), ("2", "ping")] {
        let frame = json!(["1", reference, "room:lobby", event, {}]);
        client.send(Message::text(frame.to_string())).await.unwrap();
        let reply = client.next().await.unwrap().unwrap();
        let reply: Value = serde_json::from_str(reply.to_text().unwrap()).unwrap();
        assert_eq!(reply[1], reference);
        assert_eq!(reply[4]["status"], "ok");
    }
    client
}

/// Returns the response to a GET of `path`.
async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn hyper_serves_the_app_and_the_endpoint_and_both_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let server = tokio::spawn(serve(listener, start().await.unwrap(), shutdown));

    let mut client = joined(address).await;
    assert!(get(address, "/").await.ends_with("Hello from hyper\n"));
    assert!(get(address, "/socket/x").await.starts_with("HTTP/1.1 404"));

    stop.send(()).unwrap();
    while let Some(Ok(_)) = client.next().await {}
    server.await.unwrap();
}
