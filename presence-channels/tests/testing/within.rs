//! Whatever waits for the server waits for as long as the test says.

use std::{fmt, time::Duration};

use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, InfoResult, JoinResult, Params, Payload,
    PubSub, Routes, Socket, TerminateReason, Topic,
    testing::{self, TestChannel, TestSocket},
};
use serde_json::json;

/// The time that each callback takes.
const SLOW: Duration = Duration::from_secs(5);
/// A time that is enough for two callbacks, and not for three.
const ENOUGH: Duration = Duration::from_secs(11);

struct User;

impl presence_channels::UserSocket for User {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn id(&self) -> Option<String> {
        Some("user".to_owned())
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Slow>("slow:*");
    }
}

#[derive(Default)]
struct Slow {
    handled: u32,
}

impl Channel for Slow {
    type Socket = User;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        tokio::time::sleep(SLOW).await;
        Ok(Self::default().into())
    }

    async fn handle_info(&mut self, (): (), _: &mut Socket<Self>) -> InfoResult {
        tokio::time::sleep(SLOW).await;
        self.handled += 1;
        Ok(())
    }

    async fn terminate(&mut self, _: &TerminateReason, _: &mut Socket<Self>) {
        tokio::time::sleep(SLOW).await;
    }
}

async fn connected() -> TestSocket {
    let builder = Endpoint::builder(PubSub::local()).socket::<User>("/socket", ());
    let endpoint = builder.start(Config::default()).await.unwrap();
    testing::connect::<User>(&endpoint, json!({}))
        .await
        .unwrap()
}

async fn joined() -> TestChannel {
    let socket = connected().await;
    let joined = socket.join("slow:1", json!({})).within(ENOUGH).await;
    joined.unwrap().1
}

/// Checks the message of a test that fails: its place, the time that it waited, and `said`.
async fn fails<T>(said: &str, test: impl Future<Output = T> + Send + 'static)
where
    T: fmt::Debug + Send + 'static,
{
    let panic = tokio::spawn(test).await.expect_err(said).into_panic();
    let message = panic.downcast_ref::<String>().expect("a message");
    let has = |part| message.contains(part);
    assert!(has(said) && has("1s") && has("within.rs"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_join_and_a_leave_may_take_longer() {
    let channel = joined().await;
    assert_eq!(channel.topic(), "slow:1");
    channel.leave().within(ENOUGH).await;

    let socket = connected().await;
    fails("no reply to the join of \"slow:2\"", async move {
        socket.join("slow:2", json!({})).await
    })
    .await;
    let channel = joined().await;
    fails("has not ended", async move { channel.leave().await }).await;
}

#[tokio::test(start_paused = true)]
async fn a_close_may_take_longer() {
    let socket = connected().await;
    let later = socket.clone();
    tokio::spawn(async move {
        tokio::time::sleep(SLOW).await;
        later.endpoint().disconnect("user").unwrap();
    });
    assert_eq!(socket.closed().within(ENOUGH).await, 1001);
    let socket = connected().await;
    fails("still connected", async move { socket.closed().await }).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_to_the_channel_may_take_longer() {
    let channel = joined().await;
    channel.send_info::<Slow>(()).within(ENOUGH).await;
    channel.inspect(|_: &Slow, socket| socket.notify(())).await;
    let look = |slow: &Slow, _: &Socket<Slow>| slow.handled;
    assert_eq!(channel.inspect(look).within(ENOUGH).await, 2);

    fails(
        "is busy",
        async move { channel.send_info::<Slow>(()).await },
    )
    .await;
    let channel = joined().await;
    channel.inspect(|_: &Slow, socket| socket.notify(())).await;
    fails("is busy", async move { channel.inspect(look).await }).await;
}

/// The time is for all that an assertion waits for: two callbacks take less, and three more.
#[tokio::test(start_paused = true)]
async fn the_time_is_for_the_whole_assertion() {
    let channel = joined().await;
    let two = |_: &Slow, socket: &Socket<Slow>| [(); 2].map(|()| socket.notify(()));
    channel.inspect(two).await;
    let sent = async move { channel.send_info::<Slow>(()).within(ENOUGH).await };
    let panic = tokio::spawn(sent).await.expect_err("busy").into_panic();
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains("is busy for 11s"), "{message}");
}
