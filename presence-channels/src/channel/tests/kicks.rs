//! The end of one user's channels of a topic, on all nodes.

use super::*;
use crate::{BroadcastError, testing::MemoryCluster};

struct Guest(&'static str);

impl UserSocket for Guest {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self(""))
    }

    fn id(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.to_owned())
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Hall>("hall:*");
    }
}

struct Hall;

/// Hears of another topic, and sends on what it hears.
struct Heard(Broadcast);

impl From<Broadcast> for Heard {
    fn from(broadcast: Broadcast) -> Self {
        Self(broadcast)
    }
}

impl Channel for Hall {
    type Socket = Guest;
    type Info = Heard;

    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        assert_eq!(socket.subscriber_id(), None);
        if topic.subtopic() == "listener" {
            socket.subscribe("hall:1");
        }
        if topic.subtopic() == "slow" {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(Self.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "here" => socket.local_broadcast("here", payload)?,
            "others_here" => socket.local_broadcast_from("here", payload)?,
            "by_a_job" => {
                let (endpoint, topic) = (socket.endpoint().clone(), socket.topic().clone());
                let from = socket.subscriber_id().ok_or("not joined")?;
                endpoint.broadcast_from(from, &topic, "done", &payload)?;
                endpoint.local_broadcast_from(from, &topic, "done_here", payload)?;
            }
            _ => return reply_ok(payload),
        }
        no_reply()
    }

    async fn handle_info(&mut self, Heard(heard): Heard, socket: &mut Socket<Self>) -> InfoResult {
        socket.push("heard", &*heard.event)?;
        Ok(())
    }
}

async fn nodes() -> [Endpoint; 2] {
    let cluster = MemoryCluster::default();
    let start = async |name| {
        let pubsub = PubSub::with_adapter(cluster.join(name));
        let builder = Endpoint::builder(pubsub).socket::<Guest>("/socket", ());
        builder.start(Config::default()).await.unwrap()
    };
    [start("a").await, start("b").await]
}

async fn join(endpoint: &Endpoint, id: &'static str, topic: &str) -> TestChannel {
    let socket = testing::socket(endpoint, Guest(id));
    socket.join(topic, json!({})).await.unwrap().1
}

#[tokio::test(start_paused = true)]
async fn a_kick_closes_the_user_s_channels_of_the_topic_on_all_nodes_and_no_others() {
    let [a, b] = nodes().await;
    let kicked = [
        join(&a, "ann", "hall:1").await,
        join(&a, "ann", "hall:1").await,
        join(&b, "ann", "hall:1").await,
    ];
    let (_, same_client) = kicked[0].socket().join("hall:2", json!({})).await.unwrap();
    let spared = [
        same_client,
        join(&a, "bob", "hall:1").await,
        join(&b, "", "hall:1").await,
        join(&a, "ann", "hall:listener").await,
    ];
    a.kick("hall:1", "ann").unwrap();
    for channel in &kicked {
        channel.assert_closed().await;
    }
    for channel in &spared {
        let ping = channel.push("ping", json!({ "n": 1 })).await;
        channel.assert_reply(ping, "ok", json!({ "n": 1 })).await;
        // Nobody is told how nodes do it.
        channel.refute_push("phx:kick").await;
        channel.refute_push("heard").await;
    }
    // A kick is no ban.
    let (_, again) = kicked[2].socket().join("hall:1", json!({})).await.unwrap();
    let ping = again.push("ping", json!({})).await;
    again.assert_reply(ping, "ok", json!({})).await;
}

/// Whoever `join` has let in already, but who is not told yet, must not outrun the kick.
#[tokio::test(start_paused = true)]
async fn a_kick_reaches_the_joins_that_are_under_way() {
    let [a, b] = nodes().await;
    // A kick before the join is for `join` to know.
    a.kick("hall:slow", "ann").unwrap();
    let joins = async {
        tokio::join!(
            join(&a, "ann", "hall:slow"),
            join(&b, "ann", "hall:slow"),
            join(&a, "bob", "hall:slow"),
        )
    };
    let kicks = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        a.kick("hall:slow", "ann").unwrap();
    };
    let ((ann, ann_elsewhere, bob), ()) = tokio::join!(joins, kicks);
    ann.assert_closed().await;
    ann_elsewhere.assert_closed().await;
    let ping = bob.push("ping", json!({})).await;
    bob.assert_reply(ping, "ok", json!({})).await;

    let again = join(&a, "ann", "hall:slow").await;
    let ping = again.push("ping", json!({})).await;
    again.assert_reply(ping, "ok", json!({})).await;
}

#[tokio::test(start_paused = true)]
async fn broadcasts_to_this_node_alone_and_to_all_but_one() {
    let [a, b] = nodes().await;
    let sender = join(&a, "ann", "hall:1").await;
    let (near, far) = (
        join(&a, "bob", "hall:1").await,
        join(&b, "cid", "hall:1").await,
    );
    let seen = async |event, by: [bool; 3]| {
        for (channel, sees) in [&sender, &near, &far].into_iter().zip(by) {
            match sees {
                true => drop(channel.assert_push(event, json!({ "n": 1 })).await),
                false => channel.refute_push(event).await,
            }
        }
    };
    sender.push("here", json!({ "n": 1 })).await;
    seen("here", [true, true, false]).await;
    sender.push("others_here", json!({ "n": 1 })).await;
    seen("here", [false, true, false]).await;
    sender.push("by_a_job", json!({ "n": 1 })).await;
    seen("done", [false, true, true]).await;
    seen("done_here", [false, true, false]).await;
}

/// An app may broadcast whatever event its clients name, and so may a bare PubSub.
#[tokio::test(start_paused = true)]
async fn nobody_is_kicked_by_a_broadcast() {
    let [endpoint, other] = nodes().await;
    let channel = join(&endpoint, "ann", "hall:1").await;
    let id = Payload::Binary("ann".as_bytes().into());
    for event in ["phx_kick", "phx:kick", "kick", "disconnect"] {
        endpoint.broadcast("hall:1", event, id.clone()).unwrap();
        channel.assert_push(event, id.clone()).await;
        for node in [&endpoint, &other] {
            let message = Broadcast::new("hall:1", event, id.clone());
            node.pubsub().broadcast(message).unwrap();
            channel.assert_push(event, id.clone()).await;
        }
    }
    let ping = channel.push("ping", json!({})).await;
    channel.assert_reply(ping, "ok", json!({})).await;
}

/// An app may broadcast on whatever topic its clients name.
#[tokio::test(start_paused = true)]
async fn an_endpoint_broadcasts_nothing_on_topics_of_nodes() {
    let [endpoint, other] = nodes().await;
    let channels = [
        join(&endpoint, "ann", "hall:1").await,
        join(&other, "ann", "hall:1").await,
    ];
    let id = || Payload::Binary("ann".as_bytes().into());
    for topic in [crate::node::topic::KICK, "phx:kick:1"] {
        for refused in [
            endpoint.broadcast(topic, "hall:1", id()),
            endpoint.local_broadcast(topic, "hall:1", id()),
        ] {
            let error = refused.unwrap_err();
            assert!(matches!(&error, BroadcastError::ReservedTopic(of) if of == topic));
        }
    }
    for channel in &channels {
        let ping = channel.push("ping", json!({})).await;
        channel.assert_reply(ping, "ok", json!({})).await;
    }
}

/// A node of the version before sends a kick as a broadcast on the topic.
#[tokio::test(start_paused = true)]
async fn a_kick_of_the_version_before_is_heard() {
    let [endpoint, other] = nodes().await;
    let channel = join(&endpoint, "ann", "hall:1").await;
    let id = Payload::Binary("ann".as_bytes().into());
    let kick = Broadcast::new("phx:kick", "hall:1", id);
    other.pubsub().broadcast(kick).unwrap();
    channel.assert_closed().await;
}

#[tokio::test]
async fn no_client_joins_the_topic_of_kicks() {
    let routes = Routes::<Everywhere>::collect("/socket");
    assert!(routes.find("any").is_some() && routes.find(crate::node::topic::KICK).is_none());
}

struct Everywhere;

impl UserSocket for Everywhere {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Anything>("*");
    }
}

struct Anything;

impl Channel for Anything {
    type Socket = Everywhere;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self.into())
    }
}
