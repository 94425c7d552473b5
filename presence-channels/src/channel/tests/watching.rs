//! Members that watch a presence in full, by its count, or not at all.

use presence_core::{Presence, Tracker, tracker::TrackerOptions};

use super::*;
use crate::PresenceWatch;

struct Online;

impl Presence for Online {
    const NAME: &str = "test.watching";
}

#[derive(Clone)]
struct State {
    online: Tracker<Online>,
}

struct User(String);

impl UserSocket for User {
    type State = State;

    async fn connect(params: &Params, _: &ConnectInfo, _: &State) -> Result<Self, ConnectError> {
        Ok(Self(params.get("name").unwrap_or_default().to_owned()))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Hall>("hall:*");
    }
}

struct Hall;

impl Channel for Hall {
    type Socket = User;
    type Info = ();

    async fn join(_: &Topic, params: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let watch = PresenceWatch::from_params(&params)?;
        let online = socket.state().online.clone();
        socket.watch_presence(&online, watch)?;
        Ok(Self.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        let online = socket.state().online.clone();
        match event {
            "track" => {
                let name = socket.user().0.clone();
                online.track(socket, &name, json!({})).await?;
                reply_ok(json!({}))
            }
            "watch" => {
                let watch = PresenceWatch::from_params(&payload)
                    .map_err(|_| ChannelError::with(json!({"reason": "what?"})))?;
                socket.watch_presence(&online, watch)?;
                reply_ok(json!({}))
            }
            _ => unhandled(event),
        }
    }
}

async fn endpoint() -> Endpoint {
    let pubsub = PubSub::local();
    let options = TrackerOptions::default()
        .count_interval(Duration::from_millis(100))
        .diff_interval(Duration::ZERO);
    let online = Tracker::start_with(&pubsub, Online, options).unwrap();
    let state = State { online };
    let builder = Endpoint::builder(pubsub).supervise(&state.online);
    let builder = builder.socket::<User>("/socket", state);
    builder.start(Config::default()).await.unwrap()
}

async fn join(endpoint: &Endpoint, name: &str, params: Value) -> TestChannel {
    let socket = testing::connect::<User>(endpoint, json!({ "name": name }));
    let socket = socket.await.unwrap();
    socket.join("hall:1", params).await.unwrap().1
}

async fn track(channel: &TestChannel) {
    let push = channel.push("track", json!({})).await;
    channel.assert_reply(push, "ok", json!({})).await;
}

#[tokio::test]
async fn a_member_that_counts_gets_the_number_and_no_diffs() {
    let endpoint = endpoint().await;
    let alice = join(&endpoint, "alice", json!({})).await;
    track(&alice).await;
    alice
        .assert_push("presence_diff", json!({ "joins": { "alice": {} } }))
        .await;

    let watcher = join(&endpoint, "watcher", json!({ "presence": "count" })).await;
    watcher
        .assert_push("presence_count", json!({ "count": 1 }))
        .await;
    let absent = join(&endpoint, "absent", json!({ "presence": "none" })).await;

    let bob = join(&endpoint, "bob", json!({ "presence": "full" })).await;
    track(&bob).await;
    watcher
        .assert_push("presence_count", json!({ "count": 2 }))
        .await;
    alice
        .assert_push("presence_diff", json!({ "joins": { "bob": {} } }))
        .await;
    bob.leave().await;
    watcher
        .assert_push("presence_count", json!({ "count": 1 }))
        .await;
    alice
        .assert_push("presence_diff", json!({ "leaves": { "bob": {} } }))
        .await;

    // All other messages reach everybody.
    endpoint.broadcast("hall:1", "news", json!({})).unwrap();
    for member in [&alice, &watcher, &absent] {
        member.assert_push("news", json!({})).await;
    }
    for (member, event) in [
        (&watcher, "presence_diff"),
        (&absent, "presence_diff"),
        (&absent, "presence_count"),
        (&alice, "presence_count"),
    ] {
        member
            .refute_push(event)
            .within(Duration::from_millis(1))
            .await;
    }
}

#[tokio::test]
async fn a_member_may_watch_otherwise_later() {
    let endpoint = endpoint().await;
    let alice = join(&endpoint, "alice", json!({ "presence": "none" })).await;
    track(&alice).await;
    let push = alice.push("watch", json!({ "presence": "count" })).await;
    alice
        .assert_push("presence_count", json!({ "count": 1 }))
        .await;
    alice.assert_reply(push, "ok", json!({})).await;
    let push = alice.push("watch", json!({ "presence": "full" })).await;
    alice.assert_reply(push, "ok", json!({})).await;
    let bob = join(&endpoint, "bob", json!({})).await;
    track(&bob).await;
    alice
        .assert_push("presence_diff", json!({ "joins": { "bob": {} } }))
        .await;
    alice
        .refute_push("presence_count")
        .within(Duration::from_millis(1))
        .await;
}

#[tokio::test]
async fn a_wish_that_is_none_of_the_three_is_refused() {
    let endpoint = endpoint().await;
    for wish in [json!("all"), json!(7), json!(null), json!({})] {
        let socket = testing::connect::<User>(&endpoint, json!({}))
            .await
            .unwrap();
        let refused = socket.join("hall:1", json!({ "presence": wish })).await;
        let refused = refused
            .err()
            .map(|refusal| format!("{refusal:?}"))
            .unwrap_or_default();
        assert!(refused.contains("presence must be"), "{wish}: {refused}");
    }
    // Params that are no object have no wish.
    let socket = testing::connect::<User>(&endpoint, json!({}))
        .await
        .unwrap();
    for params in [json!(["count"]), json!(null), json!("count")] {
        let (_, channel) = socket.join("hall:1", params).await.unwrap();
        channel
            .refute_push("presence_count")
            .within(Duration::from_millis(1))
            .await;
    }
}
