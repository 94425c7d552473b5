//! Rates of routes, events and users.

use super::*;
use crate::{Rate, StartError};

struct User(&'static str);

impl UserSocket for User {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self(""))
    }

    fn id(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.to_owned())
    }

    fn channels(routes: &mut Routes<Self>) {
        routes
            .channel::<Echo>("room:*")
            .rate(Rate::per_second(6))
            .event_rate("typing", Rate::per_second(2))
            .channel::<Echo>("shared:*")
            .user_rate(Rate::per_second(3))
            .channel::<Echo>("free:*");
        routes.user_rate(Rate::per_second(30));
    }
}

struct Echo;

impl Channel for Echo {
    type Socket = User;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        reply_ok(json!({}))
    }
}

async fn endpoint() -> Endpoint {
    let builder = Endpoint::builder(PubSub::local()).socket::<User>("/socket", ());
    builder.start(Config::default()).await.unwrap()
}

async fn join(socket: &TestSocket, topic: &str) -> TestChannel {
    socket.join(topic, json!({})).await.unwrap().1
}

/// Pushes `count` times. Returns how many were handled, and the refusal of the others.
async fn push(channel: &TestChannel, event: &str, count: usize) -> (usize, Option<String>) {
    let (mut handled, mut refusal) = (0, None);
    for _ in 0..count {
        let push = channel.push(event, json!({})).await;
        let reply = channel.socket().clone();
        let reply = reply.client_reply(&push, channel.topic()).await;
        match reply["status"].as_str() {
            Some("ok") => handled += 1,
            _ => refusal = reply["response"]["reason"].as_str().map(str::to_owned),
        }
    }
    (handled, refusal)
}

fn over(what: &str, rate: u32) -> Option<String> {
    Some(format!(
        "over the {what}'s limit of {rate} messages a second"
    ))
}

#[tokio::test(start_paused = true)]
async fn an_event_has_a_rate_of_its_own_and_a_route_has_one_for_all_of_its_channels() {
    let socket = testing::socket(&endpoint().await, User("ann"));
    let (one, two) = (join(&socket, "room:1").await, join(&socket, "room:2").await);
    assert_eq!(push(&one, "typing", 2).await, (2, None));
    assert_eq!(push(&two, "typing", 3).await, (0, over("event", 2)));
    // The refused ones took nothing from the others.
    assert_eq!(push(&two, "message", 3).await, (3, None));
    assert_eq!(push(&one, "message", 3).await, (1, over("route", 6)));
    // Other routes and other clients are as before.
    let free = join(&socket, "free:1").await;
    assert_eq!(push(&free, "typing", 10).await, (10, None));
    let other = testing::socket(socket.endpoint(), User("bob"));
    assert_eq!(push(&join(&other, "room:1").await, "typing", 2).await.0, 2);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(push(&two, "typing", 5).await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn all_connections_of_a_user_share_its_rates() {
    let endpoint = endpoint().await;
    let [tab, phone] = ["ann", "ann"].map(|id| testing::socket(&endpoint, User(id)));
    let (first, second) = (join(&tab, "shared:1").await, join(&phone, "shared:2").await);
    assert_eq!(push(&first, "message", 2).await, (2, None));
    assert_eq!(push(&second, "message", 2).await, (1, over("user", 3)));
    // Whoever connects again gets no more.
    phone.close();
    let again = testing::socket(&endpoint, User("ann"));
    let again = join(&again, "shared:2").await;
    assert_eq!(push(&again, "message", 1).await, (0, over("user", 3)));
    let bob = testing::socket(&endpoint, User("bob"));
    assert_eq!(push(&join(&bob, "shared:1").await, "message", 3).await.0, 3);
    // Clients without an id are limited each for itself.
    for _ in 0..2 {
        let nobody = testing::socket(&endpoint, User(""));
        let nobody = join(&nobody, "shared:1").await;
        assert_eq!(push(&nobody, "message", 4).await, (3, over("user", 3)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_s_rate_over_all_routes_counts_joins_too() {
    let endpoint = endpoint().await;
    let [tab, phone] = ["ann", "ann"].map(|id| testing::socket(&endpoint, User(id)));
    let (first, second) = (join(&tab, "free:1").await, join(&phone, "free:2").await);
    assert_eq!(push(&first, "message", 14).await, (14, None));
    assert_eq!(push(&second, "message", 15).await, (14, over("user", 30)));
    let refused = phone.join("free:3", json!({})).await.unwrap_err();
    assert_eq!(refused.response["reason"], *over("user", 30).unwrap());
    let beat = tab.push("phoenix", "heartbeat", json!({})).await;
    tab.assert_reply(beat, "ok", json!({})).await;
}

struct Careless;

impl UserSocket for Careless {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.user_rate(Rate::per_second(0));
    }
}

#[tokio::test]
async fn a_rate_that_lets_nothing_through_does_not_start() {
    let builder = Endpoint::builder(PubSub::local()).socket::<Careless>("/socket", ());
    let error = builder.start(Config::default()).await.unwrap_err();
    let StartError::InvalidOption(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.option(), "Routes::user_rate");
    assert_eq!((error.value(), error.bounds()), ("0", "at least 1"));
    assert_eq!(error.socket(), Some("/socket"));
}
