use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::{
    Config, ConnectError, ConnectInfo, Endpoint, Params, PubSub, Routes, SocketOptions, UserSocket,
    node::expiry::EXPIRING,
    testing::{self, TestSocket},
};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A client whose token is good for as many seconds as it says.
struct Client(Option<SystemTime>);

fn after(seconds: &str) -> Option<SystemTime> {
    let seconds = seconds.parse().ok()?;
    Some(SystemTime::now() + Duration::from_secs(seconds))
}

impl UserSocket for Client {
    type State = ();

    async fn connect(params: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(Self(params.get("seconds").and_then(after)))
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.0
    }

    async fn refresh(&self, token: &str, _: &()) -> Result<Option<SystemTime>, ConnectError> {
        match token {
            "for ever" => Ok(None),
            "panic" => panic!("asked to"),
            "endless" => std::future::pending().await,
            "bomb" => Err(Bomb.into()),
            "broken" => Err(std::io::Error::other("the database is at 10.0.0.3").into()),
            seconds => match after(seconds) {
                Some(at) => Ok(Some(at)),
                None => Err(ConnectError::new("a forged token")),
            },
        }
    }

    fn channels(_: &mut Routes<Self>) {}
}

/// An error that panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl std::fmt::Display for Bomb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a bomb")
    }
}

impl std::error::Error for Bomb {}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("asked to");
    }
}

/// One that leaves all to the defaults.
struct Stranger(Option<SystemTime>);

impl UserSocket for Stranger {
    type State = ();

    async fn connect(params: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(Self(params.get("seconds").and_then(after)))
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.0
    }

    fn channels(_: &mut Routes<Self>) {}
}

async fn connect(params: Value) -> TestSocket {
    connect_as::<Client>(params).await
}

async fn connect_as<S: UserSocket<State = ()>>(params: Value) -> TestSocket {
    let options = SocketOptions::default().token_expiry_notice(MINUTE);
    let endpoint = Endpoint::builder(PubSub::local()).socket_with::<S>("/socket", (), options);
    let endpoint = endpoint.start(Config::default()).await.unwrap();
    testing::connect::<S>(&endpoint, params).await.unwrap()
}

/// Waits until the client is told; gives the seconds that it has left, rounded.
async fn told(socket: &TestSocket) -> u64 {
    let payload = socket.assert_push(TOPIC, EXPIRING, json!({})).await;
    let left = payload.value().unwrap()["expires_in_ms"].as_u64().unwrap();
    (left + 500) / 1000
}

/// The answer to a new token.
async fn show(socket: &TestSocket, token: &str) -> Value {
    let shown = socket.push(TOPIC, EVENT, json!({ "token": token })).await;
    let reply = socket.raw_reply(&shown, TOPIC).await;
    match reply["status"].as_str() {
        Some("ok") => json!("ok"),
        _ => reply["response"]["reason"].clone(),
    }
}

async fn is_open(socket: &TestSocket) -> bool {
    let beat = socket.push(TOPIC, "heartbeat", json!({})).await;
    socket.raw_reply(&beat, TOPIC).await["status"] == "ok"
}

#[tokio::test(start_paused = true)]
async fn a_client_is_told_once_and_closed_at_its_time() {
    let socket = connect(json!({ "seconds": 600 })).await;
    tokio::time::sleep(MINUTE * 8).await;
    socket.refute_push(TOPIC, EXPIRING).await;
    tokio::time::sleep(MINUTE).await;
    assert_eq!(told(&socket).await, 60);
    tokio::time::sleep(MINUTE - Duration::from_secs(5)).await;
    assert!(is_open(&socket).await);
    socket.refute_push(TOPIC, EXPIRING).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(socket.closed().await, 1008);
    assert_eq!(socket.endpoint().connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_token_counts_from_then_on() {
    let socket = connect(json!({ "seconds": 90 })).await;
    tokio::time::sleep(MINUTE).await;
    assert!((30..=60).contains(&told(&socket).await));
    assert_eq!(show(&socket, "200").await, "ok");
    tokio::time::sleep(MINUTE * 2).await;
    assert!(is_open(&socket).await);
    socket.refute_push(TOPIC, EXPIRING).await;
    // Told anew.
    tokio::time::sleep(Duration::from_secs(22)).await;
    assert!((50..=60).contains(&told(&socket).await));
    assert_eq!(show(&socket, "for ever").await, "ok");
    tokio::time::sleep(MINUTE * 60).await;
    assert!(is_open(&socket).await);
    // A token without an expiry may be replaced by one that expires.
    assert_eq!(show(&socket, "10").await, "ok");
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(socket.closed().await, 1008);
}

#[tokio::test(start_paused = true)]
async fn a_short_token_is_asked_for_when_half_of_it_is_over_and_not_at_once() {
    let socket = connect(json!({ "seconds": 30 })).await;
    for _ in 0..5 {
        socket.refute_push(TOPIC, EXPIRING).await;
        tokio::time::sleep(Duration::from_secs(13)).await;
        socket.refute_push(TOPIC, EXPIRING).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!((13..=15).contains(&told(&socket).await));
        assert_eq!(show(&socket, "30").await, "ok");
    }
    assert!(is_open(&socket).await);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_changes_nothing() {
    let socket = connect(json!({ "seconds": 90 })).await;
    assert_eq!(show(&socket, "forged").await, "token refused");
    assert_eq!(show(&socket, "broken").await, "internal error");
    assert_eq!(show(&socket, "panic").await, "internal error");
    // A check that panics at its end is over, too.
    assert_eq!(show(&socket, "bomb").await, "internal error");
    assert_eq!(show(&socket, "bomb").await, "internal error");
    for malformed in [json!({}), json!({ "token": 7 }), json!("token")] {
        let shown = socket.push(TOPIC, EVENT, malformed).await;
        let reply = socket.raw_reply(&shown, TOPIC).await;
        let reason = reply["response"]["reason"].as_str().unwrap();
        assert!(reason.starts_with("invalid payload: "), "{reason}");
    }
    assert!(is_open(&socket).await);
    tokio::time::sleep(MINUTE + Duration::from_secs(32)).await;
    assert_eq!(socket.closed().await, 1008);
}

#[tokio::test(start_paused = true)]
async fn one_token_is_looked_at_at_a_time_and_not_for_ever() {
    let socket = connect(json!({ "seconds": 3600 })).await;
    let endless = json!({ "token": "endless" });
    let endless = socket.push(TOPIC, EVENT, endless).await;
    assert_eq!(show(&socket, "900").await, "a refresh is under way");
    assert!(
        is_open(&socket).await,
        "the connection does not wait for it"
    );
    tokio::time::sleep(Config::default().handler_timeout).await;
    let refused = json!({ "reason": "internal error" });
    socket.assert_reply(endless, "error", refused).await;
    assert_eq!(show(&socket, "900").await, "ok");
}

#[tokio::test(start_paused = true)]
async fn without_an_expiry_nothing_is_different() {
    for socket in [
        connect(json!({})).await,
        connect_as::<Stranger>(json!({})).await,
    ] {
        assert_eq!(show(&socket, "900").await, "unmatched topic");
        tokio::time::sleep(MINUTE * 60).await;
        assert!(is_open(&socket).await);
        socket.refute_push(TOPIC, EXPIRING).await;
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_no_new_token_is_taken() {
    let socket = connect_as::<Stranger>(json!({ "seconds": 90 })).await;
    assert_eq!(show(&socket, "900").await, "token refused");
}

#[tokio::test(start_paused = true)]
async fn what_expired_while_connecting_is_closed() {
    let socket = testing::socket(
        connect(json!({})).await.endpoint(),
        Client(Some(SystemTime::UNIX_EPOCH)),
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(socket.closed().await, 1008);
}
