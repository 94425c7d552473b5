//! Apps of several nodes: `cargo phx new --cluster`.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use support::ports::free_port;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

use crate::sandbox::Sandbox;
use crate::{AppProcess, cargo, check, target};

/// The longest wait until nodes see each other's users.
const MEETING: Duration = Duration::from_secs(60);

/// A client that has joined the room of an app, with all that it has received.
struct Client {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    received: String,
}

impl Client {
    fn join(node: &AppProcess, user: &str) -> Client {
        let url = format!(
            "ws://127.0.0.1:{}/socket/websocket?vsn=2.0.0&user_id={user}",
            node.port
        );
        let (mut socket, _) = tungstenite::connect(url).expect("the node accepts the client");
        if let MaybeTlsStream::Plain(stream) = socket.get_mut() {
            let step = Duration::from_millis(100);
            stream.set_read_timeout(Some(step)).expect("it is set");
        }
        let join = r#"["1","1","room:lobby","phx_join",{}]"#;
        socket.send(Message::text(join)).expect("it is sent");
        Client {
            socket,
            received: String::new(),
        }
    }

    /// Reads until all of these texts have been received.
    #[track_caller]
    fn expect(&mut self, texts: &[&str]) {
        let end = Instant::now() + MEETING;
        while !texts.iter().all(|text| self.received.contains(text)) {
            assert!(Instant::now() < end, "{texts:?} not in {}", self.received);
            // An error is the end of a step.
            if let Ok(Message::Text(text)) = self.socket.read() {
                self.received.push_str(&text);
            }
        }
    }
}

/// Generates an app of several nodes, and runs its checks.
#[track_caller]
fn app(engine: &str) -> Sandbox {
    let name = format!("on_{engine}");
    let mut sandbox = Sandbox::new();
    sandbox
        .phx(&format!("new {name} --cluster {engine}"))
        .succeeded();
    sandbox.root.push(&name);
    check(&sandbox, 0);
    for command in [
        "gen presence",
        "gen socket User",
        "gen channel Room shout:body:string",
    ] {
        sandbox.phx(command).succeeded();
    }
    check(&sandbox, 4);
    sandbox
}

/// Returns the settings of a node.
fn node<'a>(name: &'a str, listen: &'a str, peers: &'a str) -> [(&'static str, &'a str); 3] {
    [("NODE_NAME", name), ("LISTEN", listen), ("PEERS", peers)]
}

#[test]
#[ignore = "slow; `cargo xtask apps` runs it"]
fn two_nodes_over_zenoh_see_each_others_users() {
    let sandbox = app("zenoh");
    cargo(&sandbox, "build --quiet");
    let binary = target().join("debug/on_zenoh");

    let addresses = [(); 2].map(|()| format!("127.0.0.1:{}", free_port().expect("a port")));
    let peers = addresses.join(", ");
    let [a, b] = [("a", &addresses[0]), ("b", &addresses[1])].map(|(name, listen)| {
        AppProcess::start_with(&binary, &sandbox, &node(name, listen, &peers))
    });
    let mut alice = Client::join(&a, "alice");
    let mut bob = Client::join(&b, "bob");
    alice.expect(&["\"alice\"", "\"bob\""]);
    bob.expect(&["\"alice\"", "\"bob\""]);

    // Messages reach the other node too.
    let shout = r#"["1","2","room:lobby","shout",{"body":"from a"}]"#;
    alice.socket.send(Message::text(shout)).expect("it is sent");
    bob.expect(&["from a", r#""user_id":"alice""#]);

    // Half of the settings is a mistake, which is named.
    for (name, value, message) in [
        ("NODE_NAME", "a", "NODE_NAME is set without PEERS"),
        ("PEERS", "127.0.0.1:7001", "without NODE_NAME"),
        ("SECRET_KEY_BASE", "short", "SECRET_KEY_BASE cannot be used"),
    ] {
        let output = Command::new(&binary)
            .env("PORT", "0")
            .env(name, value)
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("the app runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}={value}: {error}");
        assert!(error.contains(message), "{name}={value}: {error}");
    }
}

#[test]
#[ignore = "slow; `cargo xtask apps` runs it"]
fn apps_over_a_broker() {
    for engine in ["nats", "redis"] {
        app(engine);
    }
}
