//! Clients that send faster than the handlers of others keep up with: their broadcasts wait for
//! `handle_out` or `handle_info` of each member.

use std::{future::pending, time::Duration};

use futures_util::future::join_all;
use presence_channels::{
    Broadcast, Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, InfoResult,
    JoinResult, Params, Payload, PubSub, Routes, Socket, SocketOptions, Topic, UserSocket,
    no_reply,
};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    client::{Client, joined, open},
    world::{HANDLER_TIMEOUT, MAX_WAITING_MESSAGES},
};

/// More than twice of what may wait for a channel.
const FLOOD: usize = 2500;
const MEMBERS: usize = 10;
/// The time that a handler takes, such as to look a permission up.
const LOOK: Duration = Duration::from_millis(1);

struct Member;

impl UserSocket for Member {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Handled>("room:*");
    }
}

struct Handled {
    hangs: bool,
}

impl Handled {
    async fn look(&self) {
        match self.hangs {
            true => pending().await,
            false => tokio::time::sleep(LOOK).await,
        }
    }
}

impl Channel for Handled {
    type Socket = Member;
    type Info = Broadcast;

    const INTERCEPTS: &'static [&'static str] = &["shout"];

    async fn join(_: &Topic, payload: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        socket.subscribe("news");
        let hangs = payload.value()? == "hangs";
        Ok(Self { hangs }.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "shout" => socket.broadcast_from("shout", payload)?,
            "shout_to_all" => socket.broadcast("shout", payload)?,
            "shout_later" => {
                tokio::task::yield_now().await;
                socket.broadcast_from("shout", payload)?;
            }
            _ => socket.endpoint().broadcast("news", "flash", payload)?,
        }
        no_reply()
    }

    async fn handle_out(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> InfoResult {
        self.look().await;
        Ok(socket.push(event, payload)?)
    }

    async fn handle_info(&mut self, news: Broadcast, socket: &mut Socket<Self>) -> InfoResult {
        self.look().await;
        Ok(socket.push(&news.event, news.payload)?)
    }
}

async fn start() -> Endpoint {
    let builder = Endpoint::builder(PubSub::local());
    let builder = builder.socket_with::<Member>("/socket", (), SocketOptions::default());
    let config = Config::default().handler_timeout(HANDLER_TIMEOUT);
    builder.start(config).await.unwrap()
}

async fn members(endpoint: &Endpoint) -> Vec<Client> {
    join_all((0..MEMBERS).map(|_| joined(endpoint, "room:1"))).await
}

async fn flood(flooder: &mut Client, event: &str) {
    for n in 0..FLOOD {
        flooder.push("room:1", event, json!({ "n": n })).await;
    }
}

async fn hear_all(member: &mut Client, event: &str) {
    for n in 0..FLOOD {
        let message = member.receive_json().await;
        assert_eq!((&message[3], &message[4]["n"]), (&json!(event), &json!(n)));
    }
}

#[tokio::test(start_paused = true)]
async fn who_floods_slow_handlers_closes_nobody() {
    for (pushed, heard) in [
        ("shout", "shout"),
        ("shout_to_all", "shout"),
        ("shout_later", "shout"),
        ("news", "flash"),
    ] {
        let endpoint = start().await;
        let mut members = members(&endpoint).await;
        let mut flooder = joined(&endpoint, "room:1").await;
        let begun = Instant::now();
        let listen = members.iter_mut().map(|member| hear_all(member, heard));
        tokio::join!(flood(&mut flooder, pushed), join_all(listen));
        // A handler waits for its next broadcast now and then, and not for long.
        let takes = LOOK * 2 * FLOOD as u32;
        assert!(
            begun.elapsed() < takes * 3 / 2,
            "{pushed}: {:?}",
            begun.elapsed()
        );
    }
}

/// Each has fewer broadcasts waiting, the more there are that send.
#[tokio::test(start_paused = true)]
async fn many_who_flood_slow_handlers_close_nobody() {
    const FLOODERS: usize = 8;
    let endpoint = start().await;
    let mut members = members(&endpoint).await;
    let flooders = (0..FLOODERS).map(|_| joined(&endpoint, "room:1"));
    let mut flooders = join_all(flooders).await;
    let flood = flooders.iter_mut().map(|flooder| flood(flooder, "shout"));
    let listen = members.iter_mut().map(async |member| {
        // So few that the flooders, which read nothing, are read until then.
        for _ in 0..2 * MAX_WAITING_MESSAGES {
            assert_eq!(member.receive_json().await[3], "shout");
        }
    });
    let begun = Instant::now();
    let flood = async {
        join_all(flood).await;
        pending::<()>().await;
    };
    tokio::select! {
        _ = join_all(listen) => {}
        () = flood => {}
    }
    let takes = LOOK * 4 * MAX_WAITING_MESSAGES as u32;
    assert!(begun.elapsed() < takes * 3 / 2, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_hangs_ends_alone_and_does_not_silence_its_room() {
    let endpoint = start().await;
    let mut members = members(&endpoint).await;
    let mut flooder = joined(&endpoint, "room:1").await;
    let mut hangs = open(&endpoint).await;
    hangs
        .push_as("1", "room:1", "phx_join", json!("hangs"))
        .await;
    assert_eq!(hangs.receive_json().await[4]["status"], "ok");
    let begun = Instant::now();
    let listen = members.iter_mut().map(async |member| {
        hear_all(member, "shout").await;
        begun.elapsed()
    });
    let end = async {
        assert_eq!(hangs.receive_json().await[3], "phx_error");
        begun.elapsed()
    };
    let ((), heard, ended) = tokio::join!(flood(&mut flooder, "shout"), join_all(listen), end);
    assert_eq!(ended, HANDLER_TIMEOUT);
    // By then its mailbox has long been full, and holds nobody.
    let most = HANDLER_TIMEOUT / 2;
    assert!(heard.iter().all(|heard| *heard < most), "{heard:?}");
}

/// A sender that sends no more than a channel may have waiting is not made to wait for it.
#[tokio::test(start_paused = true)]
async fn a_slow_channel_does_not_hold_who_sends_little() {
    let endpoint = start().await;
    let mut talker = joined(&endpoint, "room:1").await;
    let mut hearer = joined(&endpoint, "room:1").await;
    let mut hangs = open(&endpoint).await;
    hangs
        .push_as("1", "room:1", "phx_join", json!("hangs"))
        .await;
    assert_eq!(hangs.receive_json().await[4]["status"], "ok");
    for n in 0..MAX_WAITING_MESSAGES / 5 {
        let begun = Instant::now();
        talker.push("room:1", "shout", json!({ "n": n })).await;
        assert_eq!(hearer.receive_json().await[4]["n"], n);
        assert!(begun.elapsed() <= 2 * LOOK, "{n}: {:?}", begun.elapsed());
    }
}
