use std::net::SocketAddr;

use presence_core::adapters::MemoryCluster;
use tokio::io::Lines;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

/// A node, and the way to stop it.
struct RunningNode {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn node(cluster: &MemoryCluster, name: &str) -> RunningNode {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = Server::start(PubSub::with_adapter(cluster.join(name)));
    let ended = tokio::spawn(server.serve(listener, stopped));
    RunningNode {
        address,
        stop,
        ended,
    }
}

/// A connected player.
struct Player {
    lines: Lines<BufReader<OwnedReadHalf>>,
    _writes: OwnedWriteHalf,
}

impl Player {
    async fn connect(node: &RunningNode, hello: &str) -> Self {
        let stream = TcpStream::connect(node.address).await.unwrap();
        let (reads, mut writes) = stream.into_split();
        let hello = format!("{hello}\n");
        writes.write_all(hello.as_bytes()).await.unwrap();
        Self {
            lines: BufReader::new(reads).lines(),
            _writes: writes,
        }
    }

    async fn next(&mut self) -> Option<Line> {
        let line = tokio::time::timeout(Duration::from_secs(20), self.lines.next_line());
        let line = line.await.expect("a line comes").unwrap()?;
        Some(serde_json::from_str(&line).expect("it is a line of the protocol"))
    }
}

fn hello(name: &str) -> String {
    format!(r#"{{"lobby":"arena","name":"{name}"}}"#)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn players_of_two_nodes_see_each_other_and_one_who_moves_never_leaves() {
    let cluster = MemoryCluster::default();
    let (a, b) = tokio::join!(node(&cluster, "a"), node(&cluster, "b"));
    let mut ann = Player::connect(&a, &hello("ann")).await;
    assert_eq!(ann.next().await, Some(Line::Players(names(&["ann"]))));
    let mut bob = Player::connect(&b, &hello("bob")).await;
    assert_eq!(
        bob.next().await,
        Some(Line::Players(names(&["ann", "bob"])))
    );
    let joined = Line::Changed {
        joined: names(&["bob"]),
        left: vec![],
    };
    assert_eq!(ann.next().await, Some(joined));

    // Node a stops, and ann connects to b.
    a.stop.send(()).unwrap();
    assert_eq!(ann.next().await, None);
    a.ended.await.unwrap();
    let mut ann = Player::connect(&b, &hello("ann")).await;
    assert_eq!(
        ann.next().await,
        Some(Line::Players(names(&["ann", "bob"])))
    );

    // The next thing that bob hears is that cid comes: ann has never left.
    let cid = Player::connect(&b, &hello("cid")).await;
    let joined = Line::Changed {
        joined: names(&["cid"]),
        left: vec![],
    };
    assert_eq!(bob.next().await, Some(joined));
    drop(cid);
    let left = Line::Changed {
        joined: vec![],
        left: names(&["cid"]),
    };
    assert_eq!(bob.next().await, Some(left));
    b.stop.send(()).unwrap();
    b.ended.await.unwrap();
}

#[tokio::test]
async fn a_player_who_says_nonsense_is_told() {
    let cluster = MemoryCluster::default();
    let node = node(&cluster, "a").await;
    for nonsense in ["nonsense", "{}", r#"{"lobby":1,"name":"ann"}"#] {
        let mut player = Player::connect(&node, nonsense).await;
        assert!(matches!(player.next().await, Some(Line::Refused(_))));
        assert_eq!(player.next().await, None);
    }
}

#[tokio::test]
async fn a_node_that_is_stopped_before_it_has_caught_up_stops() {
    let node = node(&MemoryCluster::default(), "a").await;
    node.stop.send(()).unwrap();
    node.ended.await.unwrap();
}

#[tokio::test]
async fn a_stop_waits_for_no_player_who_does_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::start(PubSub::local());
    // The list of the players is longer than what the kernel keeps for a connection.
    let (players, mut crowd) = (server.players.clone(), Vec::new());
    for number in 0..16_000 {
        let name = format!("{number:0900}");
        let meta = serde_json::json!({});
        let owner = presence_core::Owner::new();
        let tracked = players.track_as(&owner, "lobby:arena", &name, meta).await;
        tracked.unwrap();
        crowd.push(owner);
    }
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(server.serve(listener, stopped));
    let node = RunningNode {
        address,
        stop,
        ended,
    };
    let mut deaf = Player::connect(&node, &hello("deaf")).await;
    deaf.lines.get_ref().get_ref().readable().await.unwrap();
    node.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(60), node.ended)
        .await
        .expect("it stops")
        .unwrap();
}
