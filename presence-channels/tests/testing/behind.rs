//! Looks behind the client: the channel, its user, and what its presence has to do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Current, Diff, Endpoint, HandleResult, InfoResult,
    JoinResult, Params, Payload, Presence, Presences, PubSub, Routes, Socket, StatefulPresence,
    Topic, Tracker, WithState, no_reply, reply, reply_ok, stop_with_reply,
    testing::{self, TestChannel},
    tracker::Owner,
};
use serde_json::json;

struct User {
    name: &'static str,
}

impl presence_channels::UserSocket for User {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self { name: "nobody" })
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Counter>("counter:*");
    }
}

#[derive(Default)]
struct Counter {
    count: u32,
}

enum Info {
    Add(u32),
    Stop,
}

impl Channel for Counter {
    type Socket = User;
    type Info = Info;

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self::default().into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "after" => {
                tokio::time::sleep(Duration::from_millis(payload.json()?)).await;
                socket.push("pushed", json!({ "count": self.count }))?;
                socket.broadcast("shout", json!({ "count": self.count }))?;
                reply_ok(json!({ "count": self.count }))
            }
            "status" => reply(format!("count_{}", self.count), json!({})),
            "bye" => stop_with_reply(format!("count_{}", self.count), json!({})),
            _ => no_reply(),
        }
    }

    async fn handle_info(&mut self, info: Info, socket: &mut Socket<Self>) -> InfoResult {
        match info {
            Info::Add(more) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
                self.count += more;
            }
            Info::Stop => socket.stop(),
        }
        Ok(())
    }
}

struct Other;

impl Channel for Other {
    type Socket = User;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self.into())
    }
}

async fn joined() -> TestChannel {
    let builder = Endpoint::builder(PubSub::local()).socket::<User>("/socket", ());
    let endpoint = builder.start(Config::default()).await.unwrap();
    let socket = testing::socket(&endpoint, User { name: "ann" });
    socket.join("counter:1", json!({})).await.unwrap().1
}

/// Returns the message of a test that fails.
async fn failure(test: impl Future<Output = ()> + Send + 'static) -> String {
    let said = tokio::spawn(test).await.expect_err("it fails").into_panic();
    said.downcast_ref::<String>().expect("a message").clone()
}

#[tokio::test(start_paused = true)]
async fn a_test_drives_handle_info_and_reads_the_channel_and_the_user() {
    let channel = joined().await;
    assert_eq!(channel.socket().user(|user: &User| user.name), "ann");
    channel.send_info::<Counter>(Info::Add(2)).await;
    channel.send_info::<Counter>(Info::Add(3)).await;
    let seen = channel.inspect(|counter: &Counter, socket| {
        (
            counter.count,
            socket.topic().to_string(),
            socket.user().name,
        )
    });
    assert_eq!(seen.await, (5, "counter:1".to_owned(), "ann"));
    let status = channel.push("status", json!({})).await;
    channel.assert_reply(status, "count_5", json!({})).await;
    let bye = channel.push("bye", json!({})).await;
    channel.assert_reply(bye, "count_5", json!({})).await;
    channel.assert_closed().await;

    let said = failure(async move { channel.send_info::<Counter>(Info::Add(1)).await });
    assert!(
        said.await
            .contains(r#"the channel of "counter:1" has ended"#)
    );
    let channel = joined().await;
    channel.send_info::<Counter>(Info::Stop).await;
    channel.assert_closed().await;
    let channel = joined().await;
    let said = failure(async move { channel.inspect(|_: &Other, _| ()).await });
    assert!(said.await.contains("Other"));
    let channel = joined().await;
    let look = |counter: &Counter, _: &Socket<Counter>| assert_eq!(counter.count, 1, "no");
    let said = failure(async move { channel.inspect(look).await }).await;
    assert!(said.contains("no"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_assertion_waits_for_as_long_as_it_is_told() {
    let mut channel = joined().await;
    let hour = Duration::from_secs(3600);
    // Within the callback's limit.
    let slow = channel.push("after", json!(20_000)).await;
    channel
        .refute_reply(&slow)
        .within(Duration::from_secs(19))
        .await;
    channel
        .assert_reply(slow, "ok", json!({}))
        .within(hour)
        .await;
    channel.assert_push("pushed", json!({})).within(hour).await;
    channel
        .assert_broadcast("shout", json!({}))
        .within(hour)
        .await;
    let slow = channel.push("after", json!(500)).await;
    let said = failure(async move {
        let within = Duration::from_millis(400);
        channel
            .assert_reply(slow, "ok", json!({}))
            .within(within)
            .await;
    });
    assert!(said.await.contains("no reply within 400ms"));
}

#[tokio::test(start_paused = true)]
async fn a_refutation_may_have_a_pattern() {
    let mut channel = joined().await;
    let push = channel.push("after", json!(0)).await;
    channel.refute_reply_with(&push, "error", json!({})).await;
    channel
        .refute_reply_with(&push, "ok", json!({ "count": 1 }))
        .await;
    channel
        .refute_push_with("pushed", json!({ "count": 1 }))
        .await;
    channel
        .refute_broadcast_with("shout", json!({ "count": 1 }))
        .await;
    // A message that does not fit is left for the next assertion.
    channel
        .assert_reply(push, "ok", json!({ "count": 0 }))
        .await;
    channel.assert_push("pushed", json!({ "count": 0 })).await;
    channel
        .assert_broadcast("shout", json!({ "count": 0 }))
        .await;

    let push = channel.push("after", json!(0)).await;
    let said = failure(async move {
        channel
            .refute_reply_with(&push, "ok", json!({ "count": 0 }))
            .await;
    });
    assert!(said.await.contains("an unexpected reply"));
    let mut channel = joined().await;
    channel.push("after", json!(0)).await;
    let said = failure(async move {
        channel
            .refute_push_with("pushed", json!({ "count": 0 }))
            .await;
    });
    assert!(said.await.contains("an unexpected push"));
    channel = joined().await;
    channel.push("after", json!(0)).await;
    let said = failure(async move {
        channel.refute_broadcast_with("shout", json!({})).await;
    });
    assert!(said.await.contains("an unexpected broadcast"));
}

/// Every callback of a presence, written with this crate alone.
struct Slow {
    fetched: Arc<AtomicUsize>,
    handled: Arc<AtomicUsize>,
}

impl StatefulPresence for Slow {
    const NAME: &str = "testing.slow";

    type State = usize;

    async fn fetch(&self, _: &str, presences: Presences) -> Presences {
        tokio::time::sleep(Duration::from_millis(700)).await;
        self.fetched.fetch_add(1, Ordering::Relaxed);
        presences
    }

    async fn init(&self) -> usize {
        40
    }

    async fn handle_metas(&self, _: &str, diff: &Diff, now: &Current<'_>, state: &mut usize) {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(now.count(), now.list().len());
        *state += diff.joins.len();
        self.handled.store(*state, Ordering::Relaxed);
    }
}

struct Plain;

impl Presence for Plain {
    const NAME: &str = "testing.plain";

    async fn fetch(&self, _: &str, presences: Presences) -> Presences {
        presences
    }

    async fn init(&self) {}

    async fn handle_metas(&self, _: &str, _: &Diff, presences: &Current<'_>) {
        let _ = presences.get_by_key("ann").map(|entry| entry.metas().len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_waits_for_what_presences_have_under_way() {
    let (fetched, handled) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let pubsub = PubSub::local();
    let slow = Slow {
        fetched: fetched.clone(),
        handled: handled.clone(),
    };
    let slow = Tracker::start(&pubsub, WithState::new(slow));
    let owner = Owner::new();
    for (topic, key) in [("a", "ann"), ("b", "bob")] {
        slow.track_as(&owner, topic, key, json!({})).await.unwrap();
    }
    slow.settled().await;
    assert_eq!(fetched.load(Ordering::Relaxed), 2);
    // The state of `init`, and one join of each of two diffs, one after the other.
    assert_eq!(handled.load(Ordering::Relaxed), 42);

    let listing = tokio::spawn({
        let slow = slow.clone();
        async move { slow.list("a").await.len() }
    });
    tokio::task::yield_now().await;
    slow.settled().await;
    assert_eq!(fetched.load(Ordering::Relaxed), 3);
    assert_eq!(listing.await.unwrap(), 1);

    let plain = Tracker::start(&pubsub, Plain);
    plain.track_as(&owner, "a", "ann", json!({})).await.unwrap();
    plain.settled().await;
}
