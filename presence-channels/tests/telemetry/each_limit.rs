//! Each limit is counted by its name, once for each time that it is reached.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    routing::{get, post},
};
use metrics_util::debugging::DebuggingRecorder;
use presence_channels::{
    Channel, Config, ConnectError, Endpoint, HandleResult, JoinResult, Limits, LongpollOptions,
    Params, Payload, PubSub, Rate, Routes, Serve, Socket, SocketOptions, Topic, no_reply, serve,
    testing,
};
use sample_app::{SampleApp, UserSocket};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_tungstenite::client_async;

use crate::{
    app::start_on,
    poller::Poller,
    recorded::{Recorded, limited, recorded},
};

/// The limits of a mount that [`reach`] reaches once.
const OF_MOUNTS: [&str; 19] = [
    "max_connections",
    "max_connections_per_address",
    "max_connections_per_user",
    "max_message_bytes",
    "max_channels",
    "max_topic_bytes",
    "max_event_bytes",
    "max_ref_bytes",
    "max_joins_under_way",
    "max_message_rate",
    "max_channel_message_rate",
    "max_body_bytes",
    "max_batch",
    "timeout",
    "window",
    "max_waiting_messages",
    "max_waiting_bytes",
    "max_outgoing_bytes",
    "channel_drain_timeout",
];

/// The limits of routes and users, and the topics whose messages reach them.
const OF_ROUTES: [(&str, &str); 4] = [
    ("route_rate", "a:1"),
    ("event_rate", "b:1"),
    ("route_user_rate", "c:1"),
    ("user_rate", "d:1"),
];

/// The limits of a server that [`reach_of_server`] reaches once.
const OF_SERVERS: [&str; 5] = [
    "max_head_bytes",
    "head_timeout",
    "keep_alive_timeout",
    "body_timeout",
    "drain_timeout",
];

/// The limits that other tests reach, because they need a slow client, or another node.
const ELSEWHERE: [(&str, &str); 4] = [
    (
        "slow_reader_timeout",
        "limits.rs: a reader that takes nothing",
    ),
    ("max_queued_bytes", "limits.rs: a reader that takes nothing"),
    (
        "max_unflushed_bytes",
        "limits.rs: broadcasts of another node",
    ),
    (
        "write_timeout",
        "limits.rs: a client that takes nothing of a response",
    ),
];

fn recorder() -> (DebuggingRecorder, Recorded) {
    let recorder = DebuggingRecorder::new();
    let recorded = Recorded {
        snapshotter: recorder.snapshotter(),
        counted: Default::default(),
    };
    (recorder, recorded)
}

/// Asserts that one limit, and no other, was reached, and that once.
#[track_caller]
fn assert_reached(recorded: &mut Recorded, name: &str) {
    recorded.assert(&[(name, 1.0)]);
    let counted = recorded.counted.iter();
    let reached = counted.filter(|(name, count)| {
        name.starts_with("presence_channels_limits_total") && **count > 0.0
    });
    assert_eq!(reached.count(), 1, "{name} alone: {:#?}", recorded.counted);
}

async fn limited_to(limits: Limits) -> Endpoint {
    start_on(PubSub::local(), Config::default(), limits).await
}

async fn with_longpoll(longpoll: LongpollOptions) -> Endpoint {
    let options = SocketOptions::default().longpoll(longpoll);
    let app = SampleApp::builder().mount("/socket", options);
    app.start().await.unwrap().endpoint
}

/// Connects two clients of one user, at one address. The second is refused with this status.
async fn two_clients(endpoint: &Endpoint, status: u16) {
    let query = "vsn=2.0.0&user_id=ann";
    let _first = Poller::open(endpoint, query).await;
    let second = Poller::try_open(endpoint, query).await;
    assert_eq!(second.err(), Some(status));
}

/// Pushes messages `[topic, event]` of one client, in order.
async fn push(endpoint: &Endpoint, messages: &[[&str; 2]]) {
    let client = testing::connect::<UserSocket>(endpoint, json!({})).await;
    let client = client.unwrap();
    for [topic, event] in messages {
        client.push(topic, event, json!({})).await;
    }
}

/// Publishes messages to a channel that handles none, until the publish waits for too long.
async fn publish_to_a_busy_channel(endpoint: &Endpoint) {
    let client = Poller::open(endpoint, "vsn=2.0.0").await;
    client.join("room:1").await;
    for (reference, event, status) in [
        ("2", "endless", 200),
        ("3", "ignore", 200),
        ("4", "ignore", 408),
    ] {
        let message = json!(["1", reference, "room:1", event, {}]);
        assert_eq!(client.publish(message).await, status, "{reference}");
    }
}

/// Starts an app, and has a client reach the limit once.
async fn reach(limit: &str) -> Endpoint {
    let limits = Limits::default();
    let few = Rate::per_second(1).burst(2);
    match limit {
        "max_connections" => {
            let config = Config::default().max_connections(1);
            let endpoint = start_on(PubSub::local(), config, limits).await;
            two_clients(&endpoint, 503).await;
            endpoint
        }
        "max_connections_per_address" => {
            let config = Config::default().max_connections_per_address(1);
            let endpoint = start_on(PubSub::local(), config, limits).await;
            two_clients(&endpoint, 429).await;
            endpoint
        }
        "max_connections_per_user" => {
            let endpoint = limited_to(limits.max_connections_per_user(1)).await;
            two_clients(&endpoint, 429).await;
            endpoint
        }
        "max_channels" => {
            let endpoint = limited_to(limits.max_channels(1)).await;
            push(&endpoint, &[["room:1", "phx_join"], ["room:2", "phx_join"]]).await;
            endpoint
        }
        "max_topic_bytes" => {
            let endpoint = limited_to(limits.max_topic_bytes(6)).await;
            push(
                &endpoint,
                &[["room:1", "phx_join"], ["room:12", "phx_join"]],
            )
            .await;
            endpoint
        }
        "max_event_bytes" => {
            let endpoint = limited_to(limits.max_event_bytes(8)).await;
            push(&endpoint, &[["quiet", "phx_join"], ["quiet", "123456789"]]).await;
            endpoint
        }
        "max_joins_under_way" => {
            let endpoint = limited_to(limits.max_joins_under_way(1)).await;
            push(
                &endpoint,
                &[["room:endless", "phx_join"], ["room:1", "phx_join"]],
            )
            .await;
            endpoint
        }
        "max_message_rate" | "max_channel_message_rate" => {
            // Joins do not count for the rate of a channel.
            let (limits, count) = match limit {
                "max_message_rate" => (limits.max_message_rate(few), 2),
                _ => (limits.max_channel_message_rate(few), 3),
            };
            let endpoint = limited_to(limits).await;
            let mut messages = vec![["quiet", "phx_join"]];
            messages.extend(vec![["quiet", "ping"]; count]);
            push(&endpoint, &messages).await;
            endpoint
        }
        "max_message_bytes" | "max_body_bytes" => {
            let endpoint = match limit {
                "max_message_bytes" => limited_to(limits.max_message_bytes(100)).await,
                _ => with_longpoll(LongpollOptions::default().max_body_bytes(100)).await,
            };
            let client = Poller::open(&endpoint, "vsn=2.0.0").await;
            let long = json!(["1", "2", "quiet", "ping", { "fill": "x".repeat(100) }]);
            assert_eq!(client.publish(long).await, 413);
            endpoint
        }
        "max_batch" => {
            let endpoint = with_longpoll(LongpollOptions::default().max_batch(1)).await;
            let client = Poller::open(&endpoint, "vsn=2.0.0").await;
            let beat = json!([null, "1", "phoenix", "heartbeat", {}]);
            let batch = client.publish_as("application/x-ndjson", format!("{beat}\n{beat}\n"));
            assert_eq!(batch.await, 413);
            endpoint
        }
        "max_ref_bytes" => {
            let endpoint = limited_to(limits.max_ref_bytes(4)).await;
            let client = Poller::open(&endpoint, "vsn=2.0.0").await;
            let long = json!([null, "12345", "phoenix", "heartbeat", {}]);
            assert_eq!(client.publish(long).await, 408);
            endpoint
        }
        "window" => {
            let endpoint = limited_to(limits).await;
            Poller::open(&endpoint, "vsn=2.0.0").await;
            tokio::time::sleep(Duration::from_secs(16)).await;
            assert_eq!(endpoint.connections(), 0);
            endpoint
        }
        "timeout" => {
            let options = SocketOptions::default().timeout(Duration::from_millis(100));
            let app = SampleApp::builder().mount("/socket", options);
            let endpoint = app.start().await.unwrap().endpoint;
            let (address, server) = listen(&endpoint, Router::new(), |server| server).await;
            let stream = TcpStream::connect(address).await.unwrap();
            let url = format!("ws://{address}/socket/websocket?vsn=2.0.0");
            let (mut client, _) = client_async(url, stream).await.unwrap();
            let closed = futures_util::StreamExt::next(&mut client).await;
            assert!(closed.unwrap().unwrap().is_close());
            server.abort();
            endpoint
        }
        "max_waiting_messages" => {
            let endpoint = limited_to(limits.max_waiting_messages(1)).await;
            publish_to_a_busy_channel(&endpoint).await;
            endpoint
        }
        "max_waiting_bytes" => {
            let endpoint = limited_to(limits.max_waiting_bytes(1)).await;
            publish_to_a_busy_channel(&endpoint).await;
            endpoint
        }
        "max_outgoing_bytes" => {
            let endpoint = limited_to(limits.max_outgoing_bytes(8_000)).await;
            let client = Poller::open(&endpoint, "vsn=2.0.0").await;
            client.join("room:1").await;
            // Its echo is more than a quarter of the limit, and the client does not poll.
            let long = json!(["1", "2", "room:1", "ping", { "fill": "x".repeat(2_000) }]);
            assert_eq!(client.publish(long.clone()).await, 200);
            assert_eq!(client.publish(long).await, 408);
            endpoint
        }
        "channel_drain_timeout" => {
            let config = Config::default().drain_timeout(Duration::from_secs(1));
            let endpoint = start_on(PubSub::local(), config, limits).await;
            let busy = testing::connect::<UserSocket>(&endpoint, json!({})).await;
            let busy = busy.unwrap();
            busy.push("room:1", "phx_join", json!({})).await;
            busy.push("room:1", "endless", json!({})).await;
            // A client whose channels have ended is not counted.
            let idle = testing::connect::<UserSocket>(&endpoint, json!({})).await;
            let idle = idle.unwrap();
            idle.push("quiet", "phx_join", json!({})).await;
            endpoint.stop().await;
            endpoint
        }
        other => panic!("{other} is not played"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_limit_of_a_mount_is_counted_by_its_name() {
    for limit in OF_MOUNTS {
        let (recorder, mut recorded) = recorder();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let _endpoint = reach(limit).await;
        assert_reached(&mut recorded, &limited(limit));
    }
}

struct Rated;

impl presence_channels::UserSocket for Rated {
    type State = ();

    async fn connect(
        _: &Params,
        _: &presence_channels::ConnectInfo,
        (): &(),
    ) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn id(&self) -> Option<String> {
        Some("user:ann".to_owned())
    }

    fn channels(routes: &mut Routes<Self>) {
        let rate = Rate::per_second(1).burst(1);
        routes.channel::<Room>("a:*").rate(rate);
        routes.channel::<Room>("b:*").event_rate("ping", rate);
        routes.channel::<Room>("c:*").user_rate(rate);
        routes.channel::<Room>("d:*");
        routes.user_rate(Rate::per_second(1).burst(3));
    }
}

struct Room;

impl Channel for Room {
    type Socket = Rated;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        no_reply()
    }
}

#[tokio::test(start_paused = true)]
async fn each_rate_of_a_route_or_a_user_is_counted_by_its_name() {
    for (limit, topic) in OF_ROUTES {
        let (recorder, mut recorded) = recorder();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let builder = Endpoint::builder(PubSub::local()).socket::<Rated>("/socket", ());
        let endpoint = builder.start(Config::default()).await.unwrap();
        let client = testing::connect::<Rated>(&endpoint, json!({})).await;
        let client = client.unwrap();
        client.push(topic, "phx_join", json!({})).await;
        // The user may send three messages at once, the join included.
        let pings = if limit == "user_rate" { 3 } else { 2 };
        for _ in 0..pings {
            client.push(topic, "ping", json!({})).await;
        }
        assert_reached(&mut recorded, &limited(limit));
    }
}

/// Serves the endpoint and `app`, with other timeouts. Returns the address.
async fn listen(
    endpoint: &Endpoint,
    app: Router,
    change: impl FnOnce(Serve) -> Serve,
) -> (SocketAddr, tokio::task::JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = change(serve(listener, app.merge(endpoint.router()), endpoint));
    (address, tokio::spawn(server.into_future()))
}

/// Starts a server, and has a client reach the limit once.
async fn reach_of_server(limit: &str, endpoint: &Endpoint) {
    let short = Duration::from_millis(100);
    let begun = Arc::new(Notify::new());
    let endless = {
        let begun = begun.clone();
        async move || {
            begun.notify_one();
            std::future::pending::<()>().await;
        }
    };
    // The first route reads the whole body.
    let app = Router::new()
        .route("/", post(|body: Bytes| async move { body }))
        .route("/endless", get(endless));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (address, server) = listen(endpoint, app, |server| match limit {
        "max_head_bytes" => server.max_head_bytes(8 * 1024),
        "head_timeout" => server.head_timeout(short),
        "keep_alive_timeout" => server.keep_alive_timeout(short),
        "body_timeout" => server.body_timeout(short),
        _ => server.drain_timeout(short).with_graceful_shutdown(async {
            let _ = stopped.await;
        }),
    })
    .await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let half = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf";
    let large = format!("GET /?{} HTTP/1.1\r\n", "x".repeat(9 * 1024));
    let sent = match limit {
        "max_head_bytes" => &*large,
        "head_timeout" => "",
        "keep_alive_timeout" => "GET / HTTP/1.1\r\nhost: localhost\r\n\r\nGET / HTTP",
        "body_timeout" => half,
        _ => "GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n",
    };
    client.write_all(sent.as_bytes()).await.unwrap();
    if limit == "drain_timeout" {
        begun.notified().await;
        drop(stop);
        let stopped = tokio::time::timeout(Duration::from_secs(20), server).await;
        stopped.expect("the server stops").unwrap().unwrap();
    } else {
        // Until the server has closed the connection, or answered.
        let read = async {
            match limit {
                "keep_alive_timeout" => client.read_to_end(&mut Vec::new()).await,
                _ => client.read(&mut [0; 64]).await,
            }
        };
        let read = tokio::time::timeout(Duration::from_secs(20), read).await;
        let _ = read.expect("the server ends the request");
        server.abort();
    }
}

#[tokio::test]
async fn each_limit_of_a_server_is_counted_by_its_name() {
    for limit in OF_SERVERS {
        let (recorder, mut recorded) = recorder();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let endpoint = limited_to(Limits::default()).await;
        reach_of_server(limit, &endpoint).await;
        let counted = format!("presence_channels_limits_total{{socket=,limit={limit}}}");
        assert_reached(&mut recorded, &counted);
    }
}

/// A mount and a server meter all of their limits from the start.
#[tokio::test]
async fn each_limit_is_reached_by_a_test() {
    recorded!(endpoint, recorded);
    let (_, server) = listen(&endpoint, Router::new(), |server| server).await;
    server.abort();
    recorded.assert(&[]);
    let names = recorded.counted.keys();
    let limits = names
        .filter(|name| name.starts_with("presence_channels_limits_total"))
        .filter_map(|name| name.trim_end_matches('}').rsplit_once("limit="))
        .map(|(_, limit)| limit);
    let limits: BTreeSet<_> = limits.collect();
    let routes = OF_ROUTES.map(|(limit, _)| limit);
    let elsewhere = ELSEWHERE.map(|(limit, _)| limit);
    let reached = OF_MOUNTS
        .iter()
        .chain(&routes)
        .chain(&OF_SERVERS)
        .chain(&elsewhere);
    assert_eq!(limits, reached.copied().collect());
}
