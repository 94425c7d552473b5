use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use super::{connection::CLIENT_BYTES, *};
use crate::{
    PubSub,
    adapters::MemoryCluster,
    pubsub::{Adapter, AdapterError, Broadcast, EngineState, Payload, TrafficClass},
};

const INFO: &str = "INFO {\"server_id\":\"x\",\"version\":\"2.10.0\",\"go\":\"go\",\"host\":\"x\",\
                    \"port\":4222,\"proto\":1,\"max_payload\":300000}\r\n";

/// A server that lets a client in, and then reads nothing until it is told. Returns all that the
/// client then sends, up to the text `end`, and the connection, which lives as long as this is
/// kept.
async fn server(
    listener: TcpListener,
    read: oneshot::Receiver<()>,
    end: &'static str,
) -> (Vec<u8>, BufReader<TcpStream>) {
    let (mut connection, _) = listener.accept().await.unwrap();
    connection.write_all(INFO.as_bytes()).await.unwrap();
    let mut connection = BufReader::new(connection);
    let mut line = String::new();
    while line != "PING\r\n" {
        line.clear();
        connection.read_line(&mut line).await.unwrap();
    }
    connection.write_all(b"PONG\r\n").await.unwrap();
    read.await.unwrap();
    let mut all = Vec::new();
    let mut part = vec![0; 64 * 1024];
    while find(&all, end).is_none() {
        let count = TcpStream::read(connection.get_mut(), &mut part).await;
        match count.unwrap() {
            0 => break,
            count => all.extend_from_slice(&part[..count]),
        }
    }
    (all, connection)
}

fn find(all: &[u8], text: &str) -> Option<usize> {
    // From the end: the text is looked for after each part.
    let from = all.len().saturating_sub(256 * 1024);
    let found = all[from..]
        .windows(text.len())
        .position(|window| window == text.as_bytes());
    found.map(|place| from + place)
}

/// A message whose payload begins with `text`.
fn message(text: &str, bytes: usize) -> Broadcast {
    let mut payload = text.as_bytes().to_vec();
    payload.resize(bytes.max(text.len()), b'.');
    Broadcast::new("t", "e", Payload::Binary(payload.into()))
}

/// The client holds up to 256 frames. A heartbeat does not wait behind as many parts of a snapshot.
#[tokio::test]
async fn a_heartbeat_overtakes_what_a_node_catches_up_with() {
    const PARTS: usize = 500;
    const PART: usize = 48 * 1024;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let (read, told) = oneshot::channel();
    let server = tokio::spawn(server(listener, told, "the heartbeat"));
    let options = NatsOptions::new("a", url).queue_bytes(2 * PARTS * PART);
    let nats = Nats::connect(options).await.unwrap();
    let stats = nats.stats();
    let cluster = MemoryCluster::default();
    let _inbox = PubSub::with_adapter(cluster.join("a"));
    nats.start(cluster.inbox("a").unwrap());
    for _ in 0..PARTS {
        let part = message("part", PART);
        nats.broadcast_as(TrafficClass::Bulk, &part).unwrap();
    }
    // Until nothing more fits into the kernel.
    let mut sent = 0;
    while sent == 0 || stats.sent() > sent {
        sent = stats.sent();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(stats.sent() < PARTS as u64, "all fits into the kernel");
    let beat = message("the heartbeat", 0);
    nats.broadcast_as(TrafficClass::Control, &beat).unwrap();
    read.send(()).unwrap();
    let (before, _connection) = server.await.unwrap();
    assert!(find(&before, "the heartbeat").is_some());
    // Only what was under way, and what the client may hold.
    let most = sent as usize * (PART + 1024) + CLIENT_BYTES + 256 * 1024;
    assert!(before.len() < most, "{} bytes before it", before.len());
    assert_eq!(stats.dropped(), 0);
}

#[tokio::test]
async fn a_node_may_start_before_its_server_and_guesses_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let connect = NatsOptions::default_connect().retry_on_initial_connect();
    let options = NatsOptions::new("a", url).connect(connect);
    let nats = Nats::connect(options).await.unwrap();
    assert_eq!(nats.engine.client.connection_state(), State::Pending);
    assert_eq!(nats.max_message_bytes(), Some(CAUTIOUS_LIMIT));
    nats.broadcast(&message("it waits", 100_000)).unwrap();
    let error = nats
        .broadcast(&message("too large", USUAL_LIMIT))
        .unwrap_err();
    assert!(matches!(error, AdapterError::TooLarge { .. }), "{error}");

    let cluster = MemoryCluster::default();
    let pubsub = PubSub::with_adapter(cluster.join("a"));
    nats.start(cluster.inbox("a").unwrap());
    let mut engine = pubsub.engine_state();
    engine.changed().await.unwrap();
    assert_eq!(*engine.borrow_and_update(), EngineState::Connecting);
    let (read, told) = oneshot::channel();
    read.send(()).unwrap();
    let (all, _connection) = server(listener, told, "it waits").await;
    assert!(find(&all, "it waits").is_some());
    assert_eq!(nats.max_message_bytes(), Some(300_000));
    // The client tells of its connection from a task of its own.
    let connected = engine.wait_for(|state| *state == EngineState::Connected);
    let connected = tokio::time::timeout(Duration::from_secs(10), connected).await;
    assert!(connected.is_ok_and(|connected| connected.is_ok()));
}

/// The client's own queue of incoming messages is bounded in number alone.
#[tokio::test]
async fn what_comes_in_is_bounded_in_bytes_and_the_rest_is_counted() {
    const SENT: u64 = 100;
    const BYTES: usize = 1024;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.write_all(INFO.as_bytes()).await.unwrap();
        let mut connection = BufReader::new(connection);
        let mut line = String::new();
        while !line.starts_with("SUB ") {
            line.clear();
            connection.read_line(&mut line).await.unwrap();
            if line == "PING\r\n" {
                connection.write_all(b"PONG\r\n").await.unwrap();
            }
        }
        let words: Vec<_> = line.split_whitespace().collect();
        let (subject, subscription) = (words[1], words[words.len() - 1]);
        // No frame of a node: it is counted when it is read.
        let garbage = ".".repeat(BYTES);
        let message = format!("MSG {subject} {subscription} {BYTES}\r\n{garbage}\r\n");
        let all = message.repeat(SENT as usize);
        connection.write_all(all.as_bytes()).await.unwrap();
        connection
    });
    let options = NatsOptions::new("a", url).queue_bytes(2 * BYTES);
    let nats = Nats::connect(options).await.unwrap();
    let stats = nats.stats();
    let cluster = MemoryCluster::default();
    let _inbox = PubSub::with_adapter(cluster.join("a"));
    nats.start(cluster.inbox("a").unwrap());
    let _connection = server.await.unwrap();
    let read = async {
        while stats.rejected() + stats.dropped() < SENT {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), read).await;
    assert!(in_time.is_ok(), "{stats:?}");
    assert!(stats.rejected() > 0 && stats.dropped() > 0, "{stats:?}");
}
