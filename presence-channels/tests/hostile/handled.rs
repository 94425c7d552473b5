//! Clients that send faster than the handlers of others keep up with: their broadcasts wait for
//! `handle_out` or `handle_info` of each member.

use std::{future::pending, time::Duration};

use futures_util::{SinkExt, StreamExt, future::join_all};
use presence_channels::{
    Broadcast, Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, InfoResult,
    JoinResult, Params, Payload, PubSub, Routes, Socket, SocketOptions, Topic, UserSocket,
    no_reply,
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Client, joined, open},
    world::{HANDLER_TIMEOUT, MAX_WAITING_MESSAGES, World},
};

/// More than twice of what may wait for a channel.
const FLOOD: usize = 2500;
const MEMBERS: usize = 10;
/// The time that a handler takes, such as to look a permission up.
const LOOK: Duration = Duration::from_millis(1);

struct Member {
    user_id: Option<String>,
}

impl UserSocket for Member {
    type State = ();

    async fn connect(params: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        let user_id = params.get("user_id").map(str::to_owned);
        Ok(Self { user_id })
    }

    fn id(&self) -> Option<String> {
        self.user_id.clone()
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
            "shout_slowly" => {
                tokio::time::sleep(LOOK).await;
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

fn shout(event: &str, n: usize) -> Message {
    Message::text(json!([null, null, "room:1", event, { "n": n }]).to_string())
}

fn read(message: Message) -> Value {
    let Message::Text(message) = message else {
        panic!("not text: {message:?}");
    };
    serde_json::from_str(&message).unwrap()
}

/// Floods its room, and hears the `broadcasts` of others meanwhile. Returns what keeps the
/// connection open: its last messages may wait still.
async fn flood_and_hear(flooder: Client, broadcasts: usize) -> impl Sized {
    let (mut sink, mut stream) = flooder.into_socket().split();
    let flood = async {
        for n in 0..FLOOD {
            let sent = sink.send(shout("shout", n));
            sent.await.expect("it is not closed");
        }
    };
    let hear = async {
        for n in 0..broadcasts {
            let message = read(stream.next().await.unwrap().unwrap());
            assert_eq!(message[3], "shout", "after {n}: {message}");
        }
    };
    tokio::join!(flood, hear);
    (sink, stream)
}

/// Each waits for the handlers of the others, and has messages of its own waiting.
#[tokio::test(start_paused = true)]
async fn those_who_flood_each_other_close_nobody() {
    for flooders in [2, 3] {
        let endpoint = start().await;
        let clients = (0..flooders).map(|_| joined(&endpoint, "room:1"));
        let clients = join_all(clients).await;
        let broadcasts = (flooders - 1) * FLOOD;
        let begun = Instant::now();
        let flood = clients
            .into_iter()
            .map(|client| flood_and_hear(client, broadcasts));
        join_all(flood).await;
        let takes = LOOK * 2 * broadcasts as u32;
        assert!(begun.elapsed() < takes * 3 / 2, "{:?}", begun.elapsed());
    }
}

/// Messages of a held client that no handler has begun with are not handled any more.
#[tokio::test(start_paused = true)]
async fn a_held_client_is_kicked_at_once_and_its_messages_are_not_heard_later() {
    let endpoint = start().await;
    let mut hangs = open(&endpoint).await;
    hangs
        .push_as("1", "room:1", "phx_join", json!("hangs"))
        .await;
    assert_eq!(hangs.receive_json().await[4]["status"], "ok");
    let mut hearer = joined(&endpoint, "room:1").await;
    let url = "ws://localhost/socket/websocket?vsn=2.0.0&user_id=kicked";
    let (mut kicked, _) = Client::handshake(url, World::connect(&endpoint)).await;
    kicked.join("room:1").await;
    let mut kicked = kicked.into_socket();
    // All of them are read before the client is held.
    for n in 0..MAX_WAITING_MESSAGES / 3 {
        kicked.send(shout("shout_slowly", n)).await.unwrap();
    }
    let mut heard = 0;
    // Until the hearer's handler has caught up.
    while timeout(10 * LOOK, hearer.receive_json()).await.is_ok() {
        heard += 1;
    }
    assert!(heard >= MAX_WAITING_MESSAGES / 5, "{heard}");

    let begun = Instant::now();
    endpoint.kick("room:1", "kicked").unwrap();
    let closed = read(kicked.next().await.unwrap().unwrap());
    assert_eq!(closed[3], "phx_close");
    // A message that was read, and that no handler has begun with.
    let refused = read(kicked.next().await.unwrap().unwrap());
    let reason = &refused[4]["response"]["reason"];
    assert_eq!(reason, "unmatched topic", "{refused}");
    assert!(begun.elapsed().is_zero(), "{:?}", begun.elapsed());
    let late = timeout(HANDLER_TIMEOUT / 2, hearer.receive_json()).await;
    assert!(late.is_err(), "{late:?}");
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
