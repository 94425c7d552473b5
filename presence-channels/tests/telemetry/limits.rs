//! Limits are counted by their names.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    routing::get,
};
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request};
use presence_channels::{Config, Endpoint, Limits, Payload, PubSub, SlowReader, serve, testing};
use presence_core::pubsub::{Adapter, AdapterError, Broadcast, Inbox};
use sample_app::UserSocket;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};
use tower::ServiceExt;

use crate::{
    app::start_on,
    logs::Log,
    recorded::{limited, recorded},
};

#[tokio::test(start_paused = true)]
async fn limits_that_channels_reach_are_counted_by_their_name() {
    recorded!(endpoint, recorded);
    let client = testing::connect::<UserSocket>(&endpoint, json!({}));
    let client = client.await.unwrap();
    for (fill, count) in [(0, 1_100), (100_000, 50)] {
        let (_, room) = client.join("room:1", json!({})).await.unwrap();
        room.push("endless", json!({})).await;
        let payload = json!({ "fill": "x".repeat(fill) });
        for _ in 0..count {
            endpoint.broadcast("room:1", "seen", &payload).unwrap();
        }
        // The handler's timeout.
        tokio::time::sleep(Duration::from_secs(30)).await;
        room.assert_crashed().await;
    }
    recorded.assert(&[
        (&limited("max_waiting_messages"), 1.0),
        (&limited("max_waiting_bytes"), 1.0),
    ]);
}

/// A client that has joined a topic by long-polling, and does not poll.
async fn join_and_read_nothing(endpoint: &Endpoint, topic: &str) {
    let send = async |method: Method, token: &str, body: String| {
        let request = Request::builder()
            .method(method)
            .uri(format!(
                "/socket/longpoll?vsn=2.0.0&user_id=ann&token={token}"
            ))
            .body(Body::from(body));
        let answered = endpoint.router::<()>().oneshot(request.unwrap()).await;
        let body = to_bytes(answered.unwrap().into_body(), usize::MAX).await;
        serde_json::from_slice::<Value>(&body.unwrap()).unwrap()
    };
    let opened = send(Method::GET, "", String::new()).await;
    let join = json!(["1", "1", topic, "phx_join", {}]).to_string();
    let joined = send(Method::POST, opened["token"].as_str().unwrap(), join).await;
    assert_eq!(joined["status"], 200);
}

#[tokio::test(start_paused = true)]
async fn what_slow_readers_reach_is_counted_by_the_limits_name() {
    let limits = || Limits::default().max_outgoing_bytes(4_000);
    let few = Config::default().max_queued_bytes(1_000);
    let drops = || limits().slow_reader(SlowReader::DropBroadcasts);
    let quiet = ["quiet", "news"];
    for (config, limits, [topic, event], limit, count) in [
        (
            Config::default(),
            limits(),
            quiet,
            "slow_reader_timeout",
            1.0,
        ),
        (few, limits(), quiet, "max_queued_bytes", 1.0),
        // Three of twenty fit beside the join's reply, of 1,160 bytes each.
        (
            Config::default(),
            drops(),
            quiet,
            "max_outgoing_bytes",
            17.0,
        ),
        // The channel intercepts it, and pushes it.
        (
            Config::default(),
            drops(),
            ["room:1", "seen"],
            "max_outgoing_bytes",
            17.0,
        ),
    ] {
        recorded!(
            endpoint,
            recorded,
            start_on(PubSub::local(), config, limits)
        );
        join_and_read_nothing(&endpoint, topic).await;
        let payload = json!({ "fill": "x".repeat(950) });
        for _ in 0..20 {
            endpoint.broadcast(topic, event, &payload).unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_secs(12)).await;
        recorded.assert(&[(&limited(limit), count)]);
        let prefix = "presence_channels_limits_total{";
        let reached = recorded
            .counted
            .iter()
            .filter(|(name, count)| name.starts_with(prefix) && **count > 0.0);
        assert_eq!(reached.count(), 1, "{limit} alone");
    }
}

/// An engine whose messages from other nodes the test makes up.
#[derive(Clone, Default)]
pub(crate) struct Engine(Arc<OnceLock<Inbox>>);

impl Engine {
    /// Delivers a message of another node.
    pub(crate) fn deliver(&self, message: &Broadcast) {
        self.0.get().unwrap().deliver(message);
    }
}

impl Adapter for Engine {
    fn node_name(&self) -> &str {
        "here"
    }

    fn start(&self, inbox: Inbox) {
        assert!(self.0.set(inbox).is_ok(), "started once");
    }

    fn broadcast(&self, _: &Broadcast) -> Result<(), AdapterError> {
        Ok(())
    }

    fn direct(&self, node: &str, _: &Broadcast) -> Result<(), AdapterError> {
        Err(AdapterError::UnknownNode(node.to_owned()))
    }
}

/// Serves the endpoint. Returns a client that has joined `quiet` by a WebSocket, and the server.
pub(crate) async fn join_by_websocket(
    endpoint: &Endpoint,
) -> (WebSocketStream<TcpStream>, JoinHandle<io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = serve(listener, endpoint.router(), endpoint).into_future();
    let server = tokio::spawn(serving);
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/socket/websocket?vsn=2.0.0&user_id=ann");
    let (mut client, _) = client_async(url, stream).await.unwrap();
    let join = json!(["1", "1", "quiet", "phx_join", {}]).to_string();
    client.send(Message::text(join)).await.unwrap();
    client.next().await.unwrap().unwrap();
    (client, server)
}

#[tokio::test]
async fn broadcasts_of_other_nodes_that_the_backlog_drops_are_counted() {
    let engine = Engine::default();
    let pubsub = PubSub::with_adapter(engine.clone());
    let config = Config::default().max_unflushed_bytes(1);
    recorded!(
        endpoint,
        recorded,
        start_on(pubsub, config, Limits::default())
    );
    let _client = join_by_websocket(&endpoint).await;
    let payload = Payload::encode(&json!({})).unwrap();
    let news = Broadcast::new("quiet", "news", payload);
    // No flusher runs between the five, because this task does not wait.
    for _ in 0..5 {
        engine.deliver(&news);
    }
    let log = Log::listen("presence_channels=warn");
    recorded.assert(&[(&limited("max_unflushed_bytes"), 4.0)]);
    let told = async {
        while !log.text().contains("dropped") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), told).await;
    told.expect("a line");
    let line = log.line("broadcasts dropped by a limit");
    let fields = r#"setting="Config::max_unflushed_bytes" dropped=4"#;
    assert!(line.contains(fields), "{line}");
    // The line counts nothing again.
    recorded.assert(&[(&limited("max_unflushed_bytes"), 4.0)]);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_a_line_with_the_address_and_the_setting() {
    let endpoint = start_on(PubSub::local(), Config::default(), Limits::default()).await;
    let log = Log::listen("presence_channels=warn");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = serve(listener, Router::new(), &endpoint).max_head_bytes(8 * 1024);
    let _server = tokio::spawn(serving.into_future());
    for _ in 0..3 {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\ncookie: {}", "x".repeat(9 * 1024));
        client.write_all(head.as_bytes()).await.unwrap();
        // A close with unread bytes is a reset.
        let mut answer = Vec::new();
        let read = client.read_to_end(&mut answer);
        let ended = tokio::time::timeout(Duration::from_secs(20), read).await;
        let _ = ended.expect("the server closes the connection");
    }
    let line = log.line("refused by a limit");
    for part in [
        "WARN",
        r#"setting="Serve::max_head_bytes""#,
        "message head is too large",
        "address=127.0.0.1",
        "suppressed=0",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[tokio::test]
async fn a_client_that_reads_no_response_is_counted() {
    recorded!(endpoint, recorded);
    let log = Log::listen("presence_channels=warn");
    let endless = || async {
        let parts = futures_util::stream::repeat_with(|| Ok::<_, Infallible>("x".repeat(4096)));
        Body::from_stream(parts)
    };
    let app = Router::new().route("/endless", get(endless));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = serve(listener, app, &endpoint).write_timeout(Duration::from_millis(100));
    let _server = tokio::spawn(serving.into_future());
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = "GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let told = async {
        while !log.text().contains("closed by a limit") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), told).await;
    told.expect("a line");
    let line = log.line("closed by a limit");
    assert!(line.contains(r#"setting="Serve::write_timeout""#), "{line}");
    let counted = "presence_channels_limits_total{socket=,limit=write_timeout}";
    recorded.assert(&[(counted, 1.0)]);
}
