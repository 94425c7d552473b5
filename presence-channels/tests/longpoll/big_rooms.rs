//! The list of a large room, for a client that polls slowly.

use std::{collections::BTreeMap, time::Duration};

use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, InfoResult, JoinResult, Limits, Params,
    Payload, Presence, PubSub, Routes, Socket, SocketOptions, Topic, Tracker, UserSocket,
    tracker::Owner,
};
use serde_json::{Value, json};

use crate::{app::longpoll, client::Client};

const KIB: usize = 1024;
/// Between two polls. The handler has no longer than twice this time for all.
const PAUSE: Duration = Duration::from_millis(1500);

struct Online;

impl Presence for Online {
    const NAME: &str = "test.big";
}

struct User;

impl UserSocket for User {
    type State = Tracker<Online>;

    async fn connect(
        _: &Params,
        _: &ConnectInfo,
        _: &Tracker<Online>,
    ) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Hall>("room:*");
    }
}

struct Hall;

impl Channel for Hall {
    type Socket = User;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let early = socket.push_presence_state(socket.state()).await;
        assert!(early.is_err(), "the client has not joined");
        socket.notify(());
        Ok(Self.into())
    }

    async fn handle_info(&mut self, _: (), socket: &mut Socket<Self>) -> InfoResult {
        let online = socket.state();
        online.track(socket, "the client", json!({})).await?;
        socket.push_presence_state(online).await?;
        socket.push("listed", json!({}))?;
        Ok(())
    }
}

async fn endpoint(online: &Tracker<Online>, pubsub: PubSub) -> Endpoint {
    let options = SocketOptions::default()
        .limits(Limits::default().max_outgoing_bytes(KIB * KIB))
        .longpoll(longpoll());
    let config = Config::default().handler_timeout(2 * PAUSE);
    let builder = Endpoint::builder(pubsub).supervise(online);
    let builder = builder.socket_with::<User>("/socket", online.clone(), options);
    builder.start(config).await.unwrap()
}

async fn track(online: &Tracker<Online>, owner: &Owner, user: usize) {
    let meta = json!({ "x": "y".repeat(4 * KIB) });
    let tracked = online.track_as(owner, "room:1", format!("user{user:03}"), meta);
    tracked.await.unwrap();
}

/// Takes the messages as phoenix.js does: the `phx_ref`s of each key.
fn merge(state: &mut BTreeMap<String, Vec<Value>>, event: &str, payload: &Value) {
    let refs = |entry: &Value| -> Vec<Value> {
        let metas = entry["metas"].as_array().unwrap().iter();
        metas.map(|meta| meta["phx_ref"].clone()).collect()
    };
    let side = |side: &Value| -> Vec<(String, Vec<Value>)> {
        let keys = side.as_object().unwrap().iter();
        keys.map(|(key, entry)| (key.clone(), refs(entry)))
            .collect()
    };
    if event == "presence_state" {
        *state = side(payload).into_iter().collect();
        return;
    }
    for (key, joining) in side(&payload["joins"]) {
        let held = state.entry(key).or_default();
        held.retain(|held| !joining.contains(held));
        held.extend(joining);
    }
    for (key, leaving) in side(&payload["leaves"]) {
        let held = state.entry(key.clone()).or_default();
        held.retain(|held| !leaving.contains(held));
        if held.is_empty() {
            state.remove(&key);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_list_goes_at_the_pace_of_the_polls_while_users_come_and_go() {
    let pubsub = PubSub::local();
    let online = Tracker::start(&pubsub, Online);
    let endpoint = endpoint(&online, pubsub).await;
    let mut owners: Vec<_> = (0..600).map(|_| Owner::new()).collect();
    for (user, owner) in owners.iter().enumerate() {
        track(&online, owner, user).await;
    }
    // Their diff is out before the client comes.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let client = Client::open(&endpoint, "/socket").await;
    let join = json!(["1", "1", "room:1", "phx_join", {}]);
    assert_eq!(client.publish(&[join]).await, 200);

    let (mut state, mut parts, mut polls, mut is_listed) = (BTreeMap::new(), 0, 0, false);
    let mut next = 600;
    while !is_listed {
        // One comes and one goes in each part of the list.
        owners.remove((next * 37) % owners.len());
        owners.push(Owner::new());
        track(&online, owners.last().unwrap(), next).await;
        next += 1;
        tokio::time::sleep(PAUSE).await;

        let answer = client.poll().await;
        polls += 1;
        let mut bytes = 0;
        for message in answer.messages() {
            let (event, payload) = (message[3].as_str().unwrap(), &message[4]);
            bytes += payload.to_string().len();
            assert!(payload.to_string().len() <= 256 * KIB, "{event}");
            match event {
                "phx_reply" => assert_eq!(payload["status"], "ok"),
                "listed" => is_listed = true,
                "presence_state" | "presence_diff" => {
                    assert_eq!(event == "presence_state", parts == 0, "{event}");
                    merge(&mut state, event, payload);
                    parts += 1;
                }
                other => panic!("{other}: the channel has ended"),
            }
        }
        assert!(bytes <= 640 * KIB, "{bytes} bytes have waited for a poll");
    }
    assert!(parts >= 10 && polls >= 5, "{parts} parts in {polls} polls");

    tokio::time::sleep(Duration::from_secs(1)).await;
    for message in client.poll().await.messages() {
        merge(&mut state, message[3].as_str().unwrap(), &message[4]);
    }
    let mut truth = BTreeMap::new();
    let list = serde_json::to_value(online.list("room:1").await).unwrap();
    merge(&mut truth, "presence_state", &list);
    assert_eq!(state.len(), 601);
    assert_eq!(state, truth);
}
