//! The presences of a channel that crashes stay for its grace, since its client joins again.

use super::*;
use crate::{DisconnectGrace, Presence, Tracker};

const GRACE: Duration = Duration::from_secs(10);

struct Online;

impl Presence for Online {
    const NAME: &str = "online";
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
        routes.channel::<Lobby>("lobby");
    }
}

struct Lobby;

impl Channel for Lobby {
    type Socket = User;
    type Info = ();

    const DISCONNECT_GRACE: Option<DisconnectGrace> = Some(DisconnectGrace::of(GRACE));

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        socket.state().track(socket, "ann", json!({})).await?;
        Ok(Self.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        tokio::time::sleep(Duration::from_millis(10)).await;
        no_reply()
    }
}

/// A value of the app that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("asked to")
    }
}

#[tokio::test(start_paused = true)]
async fn presences_stay_after_a_panic_outside_of_the_callbacks() {
    let pubsub = PubSub::local();
    let tracker = Tracker::start(&pubsub, Online);
    let endpoint = Endpoint::builder(pubsub)
        .supervise(&tracker)
        .socket_with::<User>("/socket", tracker.clone(), SocketOptions::default())
        .start(Config::default())
        .await
        .unwrap();
    let client = testing::connect::<User>(&endpoint, json!({}))
        .await
        .unwrap();
    let (_, channel) = client.join("lobby", json!({})).await.unwrap();
    channel.push("wait", json!({})).await;
    {
        // Nobody takes the value, so the channel's work drops it.
        let look = channel.inspect(|_: &Lobby, _: &Socket<Lobby>| Bomb);
        assert!(tokio::time::timeout(Duration::ZERO, look).await.is_err());
    }
    channel.assert_crashed().await;
    assert!(tracker.get_by_key("lobby", "ann").await.is_some());
    tokio::time::sleep(GRACE * 2).await;
    assert!(tracker.get_by_key("lobby", "ann").await.is_none());
}
