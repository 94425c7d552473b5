//! Three nodes over zenoh, as processes: one stops in order, and one is killed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::ports;
use support::process::{Process, Signal};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The longest wait for anything here.
const BOUND: Duration = Duration::from_secs(60);

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Node {
    process: Process,
    address: SocketAddr,
    log: std::path::PathBuf,
}

impl Node {
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns how often the node has written when this user was last seen.
    fn seen(&self, user: &str) -> usize {
        let (log, user) = (self.log(), format!("user=\"{user}\""));
        let lines = log.lines().filter(|line| line.contains("last seen"));
        lines.filter(|line| line.contains(&user)).count()
    }

    async fn join(&self, user: &str) -> Client {
        let url = format!(
            "ws://{}/socket/websocket?vsn=2.0.0&user_id={user}",
            self.address
        );
        let (mut client, _) = connect_async(url).await.unwrap();
        let reply = push(&mut client, "phx_join", json!({})).await;
        assert_eq!(reply["status"], "ok", "{reply}");
        client
    }
}

/// Pushes an event of the topic. Returns the reply.
async fn push(client: &mut Client, event: &str, payload: Value) -> Value {
    let frame = json!(["1", "1", "friends", event, payload]);
    client.send(Message::text(frame.to_string())).await.unwrap();
    loop {
        let frame = client.next().await.expect("a reply").unwrap();
        let frame: Value = serde_json::from_str(frame.to_text().unwrap()).unwrap();
        if frame[3] == "phx_reply" {
            return frame[4].clone();
        }
    }
}

async fn leave(mut client: Client) {
    push(&mut client, "phx_leave", json!({})).await;
}

/// Waits until a node shows that these users are online.
async fn online(node: &Node, users: &[&str]) {
    let mut client = node.join("asks").await;
    let begun = Instant::now();
    loop {
        let reply = push(&mut client, "ask", json!(users)).await;
        let online = reply["response"]["online"].as_array().unwrap();
        if online.len() == users.len() {
            return;
        }
        assert!(begun.elapsed() < BOUND, "{reply}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts nodes that know each other.
async fn start(folder: &Path) -> Vec<Node> {
    let ports: Vec<_> = (0..6).map(|_| ports::free_port().unwrap()).collect();
    let engines: Vec<_> = ports[3..]
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let database = format!("sqlite:{}", folder.join("friends.db").display());
    let start = |number: usize| {
        let log = folder.join(format!("{number}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_friends"));
        command
            .env("PORT", ports[number].to_string())
            .env("NODE_NAME", format!("node-{number}"))
            .env("LISTEN", &engines[number])
            .env("PEERS", engines.join(","))
            .env("DATABASE_URL", &database)
            .env("RUST_LOG", "info,zenoh=warn")
            .env("NO_COLOR", "1")
            .stdout(std::fs::File::create(&log).unwrap());
        Node {
            process: Process::spawn(&mut command, format!("node {number}")).unwrap(),
            address: SocketAddr::from(([127, 0, 0, 1], ports[number])),
            log,
        }
    };
    let nodes: Vec<_> = (0..3).map(start).collect();
    until("the nodes know each other and listen", || {
        let ups = |node: &Node| node.log().matches("a node is up").count();
        nodes
            .iter()
            .all(|node| ups(node) == 2 && ports::is_listening(node.address.port()))
    })
    .await;
    nodes
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < BOUND, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until exactly one node has written this user, once. Returns its place.
async fn writer(nodes: &[Node], user: &str) -> usize {
    let seen = || nodes.iter().map(|node| node.seen(user)).collect::<Vec<_>>();
    until(user, || seen().iter().sum::<usize>() > 0).await;
    assert_eq!(seen().iter().sum::<usize>(), 1, "{user}: {:?}", seen());
    seen().iter().position(|times| *times == 1).unwrap()
}

#[tokio::test]
async fn users_are_written_once_when_nodes_stop_and_at_least_once_when_they_are_killed() {
    let folder = TempDir::new().unwrap();
    let mut nodes = start(folder.path()).await;
    leave(nodes[0].join("first").await).await;
    let responsible = writer(&nodes, "first").await;

    // The responsible node stops in order. Its user moves to another node.
    let mut stopped = nodes.remove(responsible);
    let moved = stopped.join("moves").await;
    let ends = stopped.join("ends").await;
    online(&nodes[0], &["moves", "ends"]).await;
    stopped.process.signal(Signal::INT).unwrap();
    let back = nodes[0].join("moves").await;
    until("the node has stopped", || {
        stopped.process.try_wait().unwrap().is_some()
    })
    .await;
    drop((moved, ends));
    // Written at the end of the grace, after the time at which the other one would have been.
    let responsible = writer(&nodes, "ends").await;
    let all = || nodes.iter().chain([&stopped]);
    assert_eq!(all().map(|node| node.seen("moves")).sum::<usize>(), 0);

    // The next one is killed. Users of the last node leave before that is seen.
    let mut killed = nodes.remove(responsible);
    let last = &nodes[0];
    let (leaves, lost) = (last.join("leaves").await, killed.join("lost").await);
    let stays = last.join("stays").await;
    online(last, &["leaves", "lost", "stays"]).await;
    killed.process.kill().unwrap();
    leave(leaves).await;
    drop((lost, back));
    for user in ["leaves", "lost", "moves"] {
        until(user, || last.seen(user) > 0).await;
    }
    assert_eq!(last.seen("stays"), 0);
    let mut asking = last.join("asks").await;
    let users = json!(["first", "ends", "leaves", "lost", "moves", "stays"]);
    let reply = push(&mut asking, "ask", users).await;
    assert_eq!(reply["response"]["online"], json!(["stays"]));
    assert_eq!(reply["response"]["last_seen"].as_object().unwrap().len(), 5);
    drop(stays);
}
