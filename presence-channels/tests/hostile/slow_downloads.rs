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

/// A frame of HTTP/2.
#[cfg(feature = "http2")]
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// A client of HTTP/2 that lets no byte of any response come. The connection takes what else is
/// written, so it seems to be in use.
#[cfg(feature = "http2")]
#[tokio::test]
async fn who_has_no_window_of_http_2_is_closed() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let server = TestServer::start().await;
    let begin = Instant::now();
    let (mut reads, mut writes) = server.connect().await.into_split();
    // SETTINGS with SETTINGS_INITIAL_WINDOW_SIZE of 0.
    let settings = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    // HEADERS, the last of the request: `:method: GET`, `:scheme: http`, `:path: /large`.
    let headers = frame(1, 5, 1, b"\x82\x86\x04\x06/large");
    let request = [PREFACE, &settings, &headers].concat();
    writes.write_all(&request).await.unwrap();
    let pings = tokio::spawn(async move {
        let ping = frame(6, 0, 0, &[0; 8]);
        while writes.write_all(&ping).await.is_ok() {
            sleep(WRITE_TIMEOUT / 20).await;
        }
    });
    let mut read = Vec::new();
    // A connection that is dropped with bytes to read is reset.
    let end = timeout(PATIENCE, reads.read_to_end(&mut read)).await;
    let _ = end.expect("the server closes the connection");
    assert!(begin.elapsed() >= WRITE_TIMEOUT);
    assert!(read.len() < CHUNK, "{} bytes came", read.len());
    pings.abort();
}
