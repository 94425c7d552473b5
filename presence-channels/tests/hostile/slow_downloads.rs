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
use presence_channels::{Limits, SocketOptions, serve};
use sample_app::{Client, SampleApp};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
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
/// The bytes of a large message.
const MESSAGE: usize = 10 * 1024 * 1024;
const SLOW_READER_TIMEOUT: Duration = Duration::from_secs(1);

struct TestServer {
    address: SocketAddr,
    app: SampleApp,
}

impl TestServer {
    async fn start() -> Self {
        let limits = Limits::default().slow_reader_timeout(SLOW_READER_TIMEOUT);
        let options = SocketOptions::default().limits(limits);
        let app = SampleApp::builder().mount("/socket", options);
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

    /// Returns a client over `connection` that has joined a topic.
    async fn joined<S>(&self, connection: S) -> Client<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let url = format!("ws://{}/socket/websocket?vsn=2.0.0&user_id=1", self.address);
        let (client, _) = Client::handshake(url, connection).await;
        let mut client = client.patience(PATIENCE);
        client.join("quiet").await;
        client
    }

    /// Broadcasts a message that is more than the buffers of both sockets hold.
    fn broadcast(&self) {
        let payload = json!({ "fill": "x".repeat(MESSAGE) });
        let endpoint = &self.app.endpoint;
        endpoint.broadcast("quiet", "news", &payload).unwrap();
    }
}

async fn receive(client: &mut Client<impl AsyncRead + AsyncWrite + Unpin>) {
    let news = client.receive_json().await;
    assert_eq!(news[4]["fill"].as_str().map(str::len), Some(MESSAGE));
}

/// Returns the client's end of a link that carries 200 KB a second for a time, and then all.
fn link(server: TcpStream, slow_for: Duration) -> DuplexStream {
    const STEP: usize = 4 * 1024;
    const PAUSE: Duration = Duration::from_millis(20);
    let (near, far) = tokio::io::duplex(STEP);
    let (mut from_server, mut to_server) = server.into_split();
    let (mut from_client, mut to_client) = tokio::io::split(far);
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    tokio::spawn(async move {
        let begin = Instant::now();
        let mut buffer = [0; STEP];
        while let Ok(bytes @ 1..) = from_server.read(&mut buffer).await {
            if to_client.write_all(&buffer[..bytes]).await.is_err() {
                return;
            }
            if begin.elapsed() < slow_for {
                sleep(PAUSE).await;
            }
        }
    });
    near
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
    let server = TestServer::start().await;
    let mut client = server.joined(server.connect().await).await;
    server.broadcast();
    sleep(3 * WRITE_TIMEOUT).await;
    receive(&mut client).await;
}

/// The system reports room only when a third of the server's buffer is free. On a slow link that
/// takes longer than the timeout.
#[tokio::test]
async fn a_websocket_that_reads_slowly_gets_everything() {
    let server = TestServer::start().await;
    let link = link(server.connect().await, 4 * SLOW_READER_TIMEOUT);
    let mut client = server.joined(link).await;
    server.broadcast();
    server.broadcast();
    receive(&mut client).await;
    receive(&mut client).await;
}

#[tokio::test]
async fn a_websocket_that_reads_no_more_is_closed() {
    let server = TestServer::start().await;
    let mut client = server.joined(server.connect().await).await;
    server.broadcast();
    server.broadcast();
    // Some of the buffer becomes free.
    let mut read = vec![0; 4 * CHUNK];
    client.stream().read_exact(&mut read).await.unwrap();
    let begin = Instant::now();
    while server.app.endpoint.connections() > 0 {
        assert!(begin.elapsed() < PATIENCE, "the client is not closed");
        sleep(WRITE_TIMEOUT / 20).await;
    }
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
