//! Clients that connect, give handlers work and vanish, again and again: what they leave behind
//! counts in the limits on connections.

use std::{future::pending, time::Duration};

use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, JoinResult, Limits, Params,
    Payload, PubSub, Routes, Socket, SocketOptions, Topic, UserSocket, no_reply,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::{
    abandoned::Poller,
    client::joined,
    world::{HANDLER_TIMEOUT, TIMEOUT, WINDOW, World, settle},
};

const SECOND: Duration = Duration::from_secs(1);
const HANDSHAKE: &str = "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\n\
    Host: localhost\r\n\
    Connection: Upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn one_place() -> Config {
    Config::default().max_connections(1)
}

/// Returns the status of another client's handshake. That client vanishes.
async fn handshake(endpoint: &Endpoint) -> String {
    let mut pipe = World::connect(endpoint);
    pipe.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let mut answer = [0; "HTTP/1.1 101".len()];
    pipe.read_exact(&mut answer).await.unwrap();
    str::from_utf8(&answer).unwrap()["HTTP/1.1 ".len()..].to_owned()
}

#[test]
fn a_handler_that_hangs_keeps_the_place_of_its_client() {
    let world = World::start_configured(Limits::default(), one_place());
    let endpoint = &world.endpoint;
    world.run(async {
        let mut client = joined(endpoint, "room:1").await;
        let begun = Instant::now();
        client.push_as("2", "room:1", "endless", json!({})).await;
        settle().await;
        drop(client);
        settle().await;
        assert_eq!(handshake(endpoint).await, "503");
        tokio::time::sleep_until(begun + HANDLER_TIMEOUT - 2 * SECOND).await;
        assert_eq!(handshake(endpoint).await, "503");
        sleep(4 * SECOND).await;
        assert_eq!(handshake(endpoint).await, "101");
        // The place of an idle client is free at once.
        settle().await;
        drop(joined(endpoint, "room:1").await);
        settle().await;
        assert_eq!(handshake(endpoint).await, "101");
    });
}

#[test]
fn a_handler_that_hangs_keeps_the_place_of_a_client_that_polls() {
    let world = World::start_configured(Limits::default(), one_place());
    let endpoint = &world.endpoint;
    world.run(async {
        let client = Poller::joined(endpoint, "room:1").await;
        sleep(WINDOW).await;
        let endless = json!(["1", "2", "room:1", "endless", {}]);
        assert_eq!(client.publish(endless.to_string()).await, 200);
        // The session has ended by then, and its handler has not.
        sleep(WINDOW).await;
        assert_eq!(client.publish("[]").await, 410);
        assert_eq!(handshake(endpoint).await, "503");
        sleep(HANDLER_TIMEOUT).await;
        assert_eq!(handshake(endpoint).await, "101");
    });
}

struct Anyone;

impl UserSocket for Anyone {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Later>("room:*");
    }
}

/// Never answers, and does not forget that it might.
struct Later;

impl Channel for Later {
    type Socket = Anyone;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, socket: &mut Socket<Self>) -> HandleResult {
        let reply_ref = socket.reply_ref();
        tokio::spawn(async move {
            pending::<()>().await;
            drop(reply_ref);
        });
        no_reply()
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_never_comes_keeps_neither_the_connection_nor_its_place() {
    let builder = Endpoint::builder(PubSub::local());
    let builder = builder.socket_with::<Anyone>("/socket", (), SocketOptions::default());
    let endpoint = builder.start(one_place()).await.unwrap();
    let mut client = joined(&endpoint, "room:1").await;
    client.push_as("2", "room:1", "ask", json!({})).await;
    settle().await;
    assert_eq!(handshake(&endpoint).await, "503");
    let stream = client.stream();
    stream.shutdown().await.unwrap();
    let end = timeout(TIMEOUT, stream.read(&mut [0])).await;
    assert_eq!(end.expect("the server has closed its side").unwrap(), 0);
    assert_eq!(handshake(&endpoint).await, "101");
}
