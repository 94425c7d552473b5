//! Clients that read slowly, though in steady steps: over TCP, against `serve`.
//!
//! The clock is the system's, as in `half_requests`.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::get,
};
use futures_util::{StreamExt, stream};
use presence_channels::{SocketOptions, serve};
use sample_app::{Client, SampleApp};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};

/// The time that a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Much longer than the pause between two reads, since a busy machine makes that longer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
const REQUEST: &str = "GET /large HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// More than the buffers of both sockets hold.
const CHUNKS: usize = 200;
const CHUNK: usize = 64 * 1024;

struct TestServer {
    address: SocketAddr,
    app: SampleApp,
}

impl TestServer {
    async fn start() -> Self {
        let app = SampleApp::builder().mount("/socket", SocketOptions::default());
        let app = app.start().await.unwrap();
        let router = Router::new()
            .route("/large", get(large))
            .merge(app.endpoint.router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve(listener, router, &app.endpoint).write_timeout(WRITE_TIMEOUT);
        tokio::spawn(server.into_future());
        Self { address, app }
    }

    /// Connects with a small receive buffer, so that the server notices each read soon.
    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(CHUNK as u32).unwrap();
        socket.connect(self.address).await.unwrap()
    }
}

async fn large() -> Body {
    let chunks =
        stream::iter(0..CHUNKS).map(|_| Ok::<_, io::Error>(Bytes::from_static(&[b'x'; CHUNK])));
    Body::from_stream(chunks)
}

#[tokio::test]
async fn who_reads_slowly_gets_everything() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let begin = Instant::now();
    let (mut read, mut buffer) = (0, vec![0; CHUNK / 2]);
    loop {
        let bytes = timeout(PATIENCE, client.read(&mut buffer)).await.unwrap();
        match bytes.expect("the server does not close the connection") {
            0 => break,
            bytes => read += bytes,
        }
        sleep(WRITE_TIMEOUT / 100).await;
    }
    assert!(read > CHUNKS * CHUNK, "{read}");
    assert!(begin.elapsed() > 2 * WRITE_TIMEOUT);
}

#[tokio::test]
async fn a_websocket_has_its_own_limit() {
    const BYTES: usize = 10 * 1024 * 1024;
    let server = TestServer::start().await;
    let url = format!(
        "ws://{}/socket/websocket?vsn=2.0.0&user_id=1",
        server.address
    );
    let (client, _) = Client::handshake(url, server.connect().await).await;
    let mut client = client.patience(PATIENCE);
    client.join("quiet").await;
    // More than the buffers of both sockets hold.
    let payload = json!({ "fill": "x".repeat(BYTES) });
    let endpoint = &server.app.endpoint;
    endpoint.broadcast("quiet", "news", &payload).unwrap();
    sleep(3 * WRITE_TIMEOUT).await;
    let news = client.receive_json().await;
    assert_eq!(news[4]["fill"].as_str().map(str::len), Some(BYTES));
}
