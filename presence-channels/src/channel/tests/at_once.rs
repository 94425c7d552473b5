//! Callbacks written by hand, which panic when they are called and not when their future is polled.

use std::{
    future::{Future, ready},
    time::SystemTime,
};

use super::{
    Broadcast, Channel, Config, ConnectError, ConnectInfo, Duration, Endpoint, HandleResult,
    InfoResult, JoinResult, Params, Payload, PubSub, Routes, Socket, SocketOptions,
    TerminateReason, TestSocket, Topic, UserSocket, assert_alive, json, no_reply, reason, reply_ok,
    stop, testing, unhandled,
};

/// A client whose token expires, so that it may show another.
struct Hasty;

impl UserSocket for Hasty {
    type State = ();

    fn connect(
        params: &Params,
        _: &ConnectInfo,
        (): &(),
    ) -> impl Future<Output = Result<Self, ConnectError>> + Send {
        assert!(params.get("panic").is_none(), "asked to");
        ready(Ok(Self))
    }

    fn expires_at(&self) -> Option<SystemTime> {
        Some(SystemTime::now() + Duration::from_secs(3600))
    }

    fn refresh(
        &self,
        token: &str,
        (): &(),
    ) -> impl Future<Output = Result<Option<SystemTime>, ConnectError>> + Send {
        assert_ne!(token, "panic", "asked to");
        ready(Ok(None))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Room>("room:*");
    }
}

struct Told(&'static str);

impl From<Broadcast> for Told {
    fn from(broadcast: Broadcast) -> Self {
        assert_ne!(&*broadcast.event, "panic", "asked to");
        Self("heard")
    }
}

struct Room;

impl Channel for Room {
    type Socket = Hasty;
    type Info = Told;

    const INTERCEPTS: &'static [&'static str] = &["out"];

    fn join(
        topic: &Topic,
        _: Payload,
        _: &mut Socket<Self>,
    ) -> impl Future<Output = JoinResult<Self>> + Send {
        assert_ne!(topic.subtopic(), "join", "asked to");
        ready(Ok(Self.into()))
    }

    fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> impl Future<Output = HandleResult> + Send {
        assert_ne!(event, "in", "asked to");
        ready(match event {
            "ping" => reply_ok(payload),
            "info" => {
                socket.notify(Told("panic"));
                no_reply()
            }
            "out" => {
                socket.broadcast("out", payload).unwrap();
                no_reply()
            }
            "listen" => {
                socket.subscribe("news");
                reply_ok(payload)
            }
            "stop" => stop(),
            _ => unhandled(event),
        })
    }

    fn handle_info(
        &mut self,
        Told(what): Told,
        _: &mut Socket<Self>,
    ) -> impl Future<Output = InfoResult> + Send {
        assert_ne!(what, "panic", "asked to");
        ready(Ok(()))
    }

    fn handle_out(
        &mut self,
        event: &str,
        _: Payload,
        _: &mut Socket<Self>,
    ) -> impl Future<Output = InfoResult> + Send {
        assert_ne!(event, "out", "asked to");
        ready(Ok(()))
    }

    fn terminate(
        &mut self,
        _: &TerminateReason,
        socket: &mut Socket<Self>,
    ) -> impl Future<Output = ()> + Send {
        assert_ne!(socket.topic().subtopic(), "terminate", "asked to");
        ready(())
    }
}

async fn endpoint() -> Endpoint {
    let options = SocketOptions::default();
    let builder = Endpoint::builder(PubSub::local()).socket_with::<Hasty>("/socket", (), options);
    builder.start(Config::default()).await.unwrap()
}

async fn client() -> TestSocket {
    testing::connect::<Hasty>(&endpoint().await, json!({}))
        .await
        .unwrap()
}

/// Asserts that `event` ends its channel with `phx_error`, and nothing else.
async fn crashes_alone(event: &str) {
    let client = client().await;
    let (_, other) = client.join("room:other", json!({})).await.unwrap();
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    channel.push(event, json!({})).await;
    channel.assert_crashed().await;
    assert_alive(&other).await;
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    assert_alive(&channel).await;
}

#[tokio::test]
async fn a_panic_at_once_in_handle_in_ends_its_channel_alone() {
    crashes_alone("in").await;
}

#[tokio::test]
async fn a_panic_at_once_in_handle_info_ends_its_channel_alone() {
    crashes_alone("info").await;
}

#[tokio::test]
async fn a_panic_at_once_in_handle_out_ends_its_channel_alone() {
    crashes_alone("out").await;
}

/// `From<Broadcast>` of an `Info` runs in the task that broadcasts.
#[tokio::test]
async fn a_panic_when_a_channel_is_told_of_a_broadcast_ends_that_channel_alone() {
    let client = client().await;
    let (_, other) = client.join("room:other", json!({})).await.unwrap();
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    let listening = channel.push("listen", json!({})).await;
    channel.assert_reply(listening, "ok", json!({})).await;
    let news = |event| client.endpoint().broadcast("news", event, json!({}));
    news("harmless").unwrap();
    assert_alive(&channel).await;
    news("panic").unwrap();
    channel.assert_crashed().await;
    assert_alive(&other).await;
}

#[tokio::test]
async fn a_panic_at_once_in_terminate_keeps_no_channel_from_its_end() {
    let client = client().await;
    let (_, other) = client.join("room:other", json!({})).await.unwrap();
    let (_, channel) = client.join("room:terminate", json!({})).await.unwrap();
    channel.push("stop", json!({})).await;
    channel.assert_closed().await;
    assert_alive(&other).await;
}

#[tokio::test]
async fn a_panic_at_once_in_join_refuses_it() {
    let client = client().await;
    let (_, other) = client.join("room:other", json!({})).await.unwrap();
    let refused = client.join("room:join", json!({})).await.unwrap_err();
    assert_eq!(refused.response, reason("join crashed"));
    assert_alive(&other).await;
}

#[tokio::test]
async fn a_panic_at_once_in_connect_refuses_the_client() {
    let params = json!({ "panic": "1" });
    let failure = testing::connect::<Hasty>(&endpoint().await, params)
        .await
        .unwrap_err();
    assert!(failure.http_status().is_server_error());
}

#[tokio::test]
async fn a_panic_at_once_in_refresh_refuses_the_token() {
    let client = client().await;
    for (token, status) in [("panic", "error"), ("new", "ok")] {
        let shown = json!({ "token": token });
        let shown = client.push("phoenix", "refresh_token", shown).await;
        let reply = client.raw_reply(&shown, "phoenix").await;
        assert_eq!(reply["status"], status, "{token}");
    }
}
