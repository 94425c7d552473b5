//! Clients that send half a request, or nothing, or do not read: over TCP, against `serve`.
//!
//! The clock is the system's, and the timeouts are short. A test waits for what must happen, so a
//! slow machine makes it slower and not wrong.

use std::{future::pending, io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::StatusCode,
    routing::{get, post},
};
use futures_util::stream;
use presence_channels::{
    Config, Endpoint, LongpollOptions, OptionError, Serve, SocketOptions, serve,
};
use sample_app::SampleApp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout},
};

/// The time that a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// More than the buffers of a connection take.
const LARGE: usize = 32 * 1024 * 1024;
/// A timeout that a test waits for.
const SHORT: Duration = Duration::from_millis(200);
/// A timeout that must not be waited for.
const NEVER: Duration = Duration::from_secs(60 * 60);

const HALF_A_HEAD: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n";
/// A whole head, and a tenth of its body.
const HALF_A_BODY: &str = "POST /read HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nx";

/// A server on a free port.
struct TestServer {
    address: SocketAddr,
    endpoint: Endpoint,
    /// Dropped to stop the server.
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<io::Result<()>>,
    /// The requests at `/slow` that are under way. Sending answers one.
    slow: mpsc::Receiver<oneshot::Sender<()>>,
}

impl TestServer {
    async fn start(options: impl FnOnce(Serve) -> Serve) -> Self {
        let longpoll = LongpollOptions::default().window(NEVER);
        let mount = SocketOptions::default().longpoll(longpoll);
        let app = SampleApp::builder()
            .config(Config::default().drain_timeout(SHORT))
            .mount("/socket", mount);
        let endpoint = app.start().await.unwrap().endpoint;
        let (slow_requests, slow) = mpsc::channel(1);
        let router = Router::new()
            .route(
                "/",
                get(|peer: ConnectInfo<SocketAddr>| async move { peer.to_string() }),
            )
            .route("/read", post(|_: Bytes| async {}))
            .route("/hang", get(pending::<StatusCode>))
            .route("/endless", get(endless))
            .route(
                "/slow",
                get(move || answer_when_told(slow_requests.clone())),
            )
            .route("/large", get(large))
            .merge(endpoint.router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = options(serve(listener, router, &endpoint))
            .with_graceful_shutdown(async { drop(stopped.await) });
        Self {
            address,
            endpoint,
            stop: Some(stop),
            serving: tokio::spawn(server.into_future()),
            slow,
        }
    }

    /// Connects, and sends `bytes`.
    async fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    /// Connects, and sends a whole GET.
    async fn get(&self, path: &str) -> TcpStream {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
            .await
    }

    /// Connects, and gets an answer. Clients that came before are then accepted.
    async fn served(&self) -> TcpStream {
        let mut client = self.get("/").await;
        let peer = client.local_addr().unwrap().to_string();
        let answer = read_until(&mut client, &peer).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        client
    }

    fn stop(&mut self) {
        self.stop = None;
    }

    async fn ended(self) {
        let ended = timeout(PATIENCE, self.serving).await;
        ended.expect("the server ends").unwrap().unwrap();
    }
}

/// A response without an end.
async fn endless() -> Body {
    let parts = stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 4096])));
    Body::from_stream(parts)
}

async fn answer_when_told(requests: mpsc::Sender<oneshot::Sender<()>>) -> &'static str {
    let (answer, told) = oneshot::channel();
    requests.send(answer).await.unwrap();
    told.await.unwrap();
    "at last"
}

/// A response that is there at once, and is larger than the buffers of a connection.
async fn large() -> Vec<u8> {
    vec![b'x'; LARGE]
}

/// Reads until the server closes the connection.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // A close with unread bytes is a reset.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read))
        .await
        .expect("the server closes the connection");
    String::from_utf8(read).unwrap()
}

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = String::new();
    while !read.ends_with(end) {
        let byte = timeout(PATIENCE, stream.read_u8()).await;
        let byte = byte.expect("the answer comes").expect("no end before it");
        read.push(byte.into());
    }
    read
}

/// Waits until nothing listens at `address`.
async fn refuses(address: SocketAddr) {
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(address).await.is_ok() {
        assert!(Instant::now() < end, "the listener is still open");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_sends_no_whole_head_is_closed() {
    let server = TestServer::start(|serve| serve.head_timeout(SHORT)).await;
    for half in ["", HALF_A_HEAD] {
        let begin = Instant::now();
        let mut client = server.send(half).await;
        assert_eq!(read_to_end(&mut client).await, "", "{half:?}");
        assert!(begin.elapsed() >= SHORT, "{half:?}");
    }
}

/// A server of HTTP/1 alone refuses the version, and does not wait for the other half.
#[tokio::test]
async fn who_sends_half_of_what_begins_http2_is_closed() {
    let server = TestServer::start(|serve| serve.head_timeout(SHORT)).await;
    let begin = Instant::now();
    let mut client = server.send("PRI * HTTP/2.0\r\n").await;
    let answer = read_to_end(&mut client).await;
    if cfg!(feature = "http2") {
        assert_eq!(answer, "");
        assert!(begin.elapsed() >= SHORT);
    } else {
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    }
}

#[tokio::test]
async fn a_head_byte_by_byte_is_not_waited_for() {
    let server = TestServer::start(|serve| serve.head_timeout(SHORT)).await;
    let (mut read, mut write) = server.send("GET /").await.into_split();
    let sends = tokio::spawn(async move {
        // A byte each few milliseconds, until the server has closed the connection.
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 50).await;
        }
    });
    let end = timeout(PATIENCE, read.read_u8()).await;
    end.expect("the server closes the connection").unwrap_err();
    timeout(PATIENCE, sends).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_without_another_request_is_closed() {
    let server = TestServer::start(|serve| serve.keep_alive_timeout(SHORT)).await;
    for half in ["", HALF_A_HEAD] {
        let mut client = server.served().await;
        client.write_all(half.as_bytes()).await.unwrap();
        assert_eq!(read_to_end(&mut client).await, "");
    }
}

#[tokio::test]
async fn who_sends_no_whole_body_is_refused() {
    let server = TestServer::start(|serve| serve.body_timeout(SHORT)).await;
    let mut client = server.send(HALF_A_BODY).await;
    let answer = read_to_end(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("body_timeout"), "{answer}");
}

#[tokio::test]
async fn a_stop_waits_for_nobody_for_ever() {
    let halves = ["", HALF_A_HEAD, HALF_A_BODY, "PRI * HTTP/2.0\r\n"];
    let hangs = ["/hang", "/endless", "/socket/longpoll?vsn=2.0.0&user_id=1"];
    let hangs = hangs.map(|path| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    let hangs = hangs.iter().map(String::as_str);
    for sent in halves.into_iter().chain(hangs) {
        let limits = |serve: Serve| serve.head_timeout(NEVER).body_timeout(NEVER);
        let mut server = TestServer::start(limits).await;
        let client = server.send(sent).await;
        let _other = server.served().await;
        server.stop();
        server.ended().await;
        drop(client);
    }
}

#[tokio::test]
async fn a_stop_waits_for_requests_under_way() {
    let mut server = TestServer::start(|serve| serve.drain_timeout(NEVER)).await;
    let mut client = server.get("/slow").await;
    let mut idle = server.served().await;
    let answer = server.slow.recv().await.unwrap();
    server.stop();
    refuses(server.address).await;
    assert_eq!(read_to_end(&mut idle).await, "");
    answer.send(()).unwrap();
    let response = read_to_end(&mut client).await;
    assert!(response.ends_with("at last"), "{response}");
    assert!(response.contains("connection: close"), "{response}");
    server.ended().await;
}

#[tokio::test]
async fn a_stop_ends_polls_at_once() {
    let mut server = TestServer::start(|serve| serve.drain_timeout(NEVER)).await;
    let mut client = server.get("/socket/longpoll?vsn=2.0.0&user_id=1").await;
    let opened = read_until(&mut client, "}").await;
    let (_, token) = opened.split_once("\"token\":\"").expect("a token");
    let (token, _) = token.split_once('"').unwrap();
    let poll = format!("/socket/longpoll?vsn=2.0.0&token={token}");
    let mut client = server.get(&poll).await;
    // A newer poll ends the first one. So the server has read it when the first is answered.
    let mut newer = server.get(&poll).await;
    read_until(&mut client, "}").await;
    server.stop();
    let ended = read_to_end(&mut newer).await;
    assert!(ended.contains("\"status\":204"), "{ended}");
    server.ended().await;
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections() {
    let server = TestServer::start(|serve| serve.drain_timeout(NEVER)).await;
    let mut client = server.get("/hang").await;
    let _other = server.served().await;
    server.serving.abort();
    assert_eq!(read_to_end(&mut client).await, "");
    refuses(server.address).await;
    assert_eq!(server.endpoint.connections(), 0);
}

#[tokio::test]
async fn a_server_without_a_drain_timeout_cuts_requests_at_its_stop() {
    let mut server = TestServer::start(|serve| serve.drain_timeout(Duration::ZERO)).await;
    let mut client = server.get("/hang").await;
    let _other = server.served().await;
    server.stop();
    assert_eq!(read_to_end(&mut client).await, "");
    server.ended().await;
}

#[tokio::test]
async fn a_head_may_be_as_large_as_the_option_says() {
    let server = TestServer::start(|serve| serve.max_head_bytes(512 * 1024)).await;
    let cookie = "x".repeat(300 * 1024);
    let head = format!("GET / HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n\r\n");
    let mut client = server.send(&head).await;
    let peer = client.local_addr().unwrap().to_string();
    let answer = read_until(&mut client, &peer).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_limit_on_heads_that_makes_no_sense_is_an_error() {
    let server = TestServer::start(|serve| serve.max_head_bytes(8 * 1024 - 1)).await;
    let ended = timeout(PATIENCE, server.serving).await.unwrap().unwrap();
    assert_eq!(
        ended.unwrap_err().to_string(),
        "`Serve::max_head_bytes` is 8191, and must be at least 8192"
    );
}

#[tokio::test]
async fn a_timeout_that_makes_no_sense_is_an_error() {
    let server = TestServer::start(|serve| serve.body_timeout(Duration::ZERO)).await;
    let ended = timeout(PATIENCE, server.serving).await.unwrap().unwrap();
    let error = ended.unwrap_err();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    assert_eq!(inner.map(OptionError::option), Some("Serve::body_timeout"));
    assert_eq!(
        error.to_string(),
        "`Serve::body_timeout` is 0ns, and must be at least 100ms"
    );
}

#[tokio::test]
async fn who_reads_no_response_is_closed() {
    for path in ["/endless", "/large"] {
        let server = TestServer::start(|serve| serve.write_timeout(SHORT)).await;
        let mut client = server.get(path).await;
        // The server's side has ended once nothing is left to read, though it has not been read.
        let end = Instant::now() + PATIENCE;
        while client.write_all(b"x").await.is_ok() {
            assert!(Instant::now() < end, "{path}: the connection is open");
            tokio::time::sleep(SHORT / 50).await;
        }
        let mut read = Vec::new();
        let _ = timeout(PATIENCE, client.read_to_end(&mut read)).await;
        assert!(read.len() < LARGE, "{path}: {} bytes", read.len());
    }
}

#[tokio::test]
async fn who_reads_slowly_gets_the_whole_response() {
    let limits = |serve: Serve| serve.keep_alive_timeout(SHORT).write_timeout(PATIENCE);
    let server = TestServer::start(limits).await;
    let mut client = server.get("/large").await;
    read_until(&mut client, "\r\n\r\n").await;
    let begin = Instant::now();
    let mut rest = vec![0; LARGE];
    for part in rest.chunks_mut(LARGE / 64) {
        tokio::time::sleep(SHORT / 20).await;
        let read = timeout(PATIENCE, client.read_exact(part)).await;
        read.expect("it comes").expect("no end before it");
    }
    assert!(
        begin.elapsed() > SHORT,
        "it took longer than keep_alive_timeout"
    );
}

/// `:method: GET`, `:scheme: http`, `:path: /`, from the static table.
#[cfg(feature = "http2")]
const HEADERS: [u8; 3] = [0x82, 0x86, 0x84];

/// Begins a connection of HTTP/2, and sends a request without a body. Returns the connection and
/// the headers of the response.
#[cfg(feature = "http2")]
async fn ask_over_http2(server: &TestServer, headers: &[u8]) -> (TcpStream, Vec<u8>) {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let mut client = server.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let mut frames = SETTINGS.to_vec();
    let mut parts = headers.chunks(16 * 1024).enumerate().peekable();
    while let Some((number, part)) = parts.next() {
        // Headers that end the stream, and then continuations.
        let (kind, ends_stream) = if number == 0 { (1, 1) } else { (9, 0) };
        let ends_headers = if parts.peek().is_none() { 4 } else { 0 };
        frames.extend(&(part.len() as u32).to_be_bytes()[1..]);
        frames.extend([kind, ends_stream | ends_headers, 0, 0, 0, 1]);
        frames.extend(part);
    }
    client.write_all(&frames).await.unwrap();
    loop {
        let mut head = [0; 9];
        let read = timeout(PATIENCE, client.read_exact(&mut head)).await;
        read.expect("a frame comes").expect("no end before it");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        client.read_exact(&mut payload).await.unwrap();
        if head[3] == 1 {
            return (client, payload);
        }
    }
}

/// `:status: 200`.
#[cfg(feature = "http2")]
const OK: u8 = 0x88;

#[cfg(feature = "http2")]
#[tokio::test]
async fn http_2_is_served_and_stops() {
    let mut server = TestServer::start(|serve| serve.drain_timeout(NEVER)).await;
    let (client, response) = ask_over_http2(&server, &HEADERS).await;
    assert_eq!(response[0], OK, "{response:?}");
    server.stop();
    drop(client);
    server.ended().await;
}

/// As over HTTP/1.1.
#[cfg(feature = "http2")]
#[tokio::test]
async fn over_http_2_a_head_has_at_most_64_kib_or_what_the_option_says() {
    let server = TestServer::start(|serve| serve).await;
    let larger = TestServer::start(|serve| serve.max_head_bytes(100 * 1024)).await;
    for (server, kib, is_served) in [
        (&server, 40, true),
        (&server, 66, false),
        (&larger, 66, true),
        (&larger, 102, false),
    ] {
        let mut headers = HEADERS.to_vec();
        // `cookie` by its number, 32, and then the length, in base 128 after the first 127.
        headers.extend([0x0f, 32 - 15, 0x7f]);
        let mut rest = kib * 1024 - 127;
        while rest >= 128 {
            headers.push(0x80 | (rest % 128) as u8);
            rest /= 128;
        }
        headers.push(rest as u8);
        headers.extend(vec![b'x'; kib * 1024]);
        let (_client, response) = ask_over_http2(server, &headers).await;
        assert_eq!(response[0] == OK, is_served, "{kib} KiB: {response:?}");
    }
}
