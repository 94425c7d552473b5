//! Requests that reach another node than the one that holds their session.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use presence_channels::{Config, Endpoint, Limits, LongpollOptions, PubSub, SecretKeyBase};
use presence_core::{
    adapters::{Memory, MemoryCluster},
    pubsub::{Adapter, AdapterError, Broadcast, Inbox},
};
use sample_app::Probe;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    WINDOW,
    app::{longpoll, start_with},
    client::Client,
    settle,
};

async fn node(cluster: &MemoryCluster, name: &str) -> (Endpoint, Arc<Probe>) {
    node_over(cluster.join(name)).await
}

async fn node_over(adapter: impl Adapter) -> (Endpoint, Arc<Probe>) {
    node_with(adapter, longpoll()).await
}

pub(crate) async fn node_with(
    adapter: impl Adapter,
    longpoll: LongpollOptions,
) -> (Endpoint, Arc<Probe>) {
    let secret = SecretKeyBase::new("s".repeat(64)).unwrap();
    let config = Config::default().secret_key_base(secret);
    let pubsub = PubSub::with_adapter(adapter);
    start_with(pubsub, config, Limits::default(), longpoll).await
}

/// An engine that carries no message of more than 100,000 bytes, as every real one has a limit.
struct Narrow(Memory);

impl Narrow {
    const LIMIT: usize = 100_000;

    fn check(message: &Broadcast) -> Result<(), AdapterError> {
        match message.payload.bytes().len() {
            ..=Self::LIMIT => Ok(()),
            bytes => Err(AdapterError::TooLarge {
                bytes,
                limit: Self::LIMIT,
            }),
        }
    }
}

impl Adapter for Narrow {
    fn node_name(&self) -> &str {
        self.0.node_name()
    }

    fn start(&self, inbox: Inbox) {
        self.0.start(inbox);
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        Self::check(message)?;
        self.0.broadcast(message)
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        Self::check(message)?;
        self.0.direct(node, message)
    }

    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.stop()
    }
}

/// An engine whose messages to one node arrive, in order, after a [`LAG`].
struct Late(
    mpsc::UnboundedSender<(Instant, String, Broadcast)>,
    Arc<Memory>,
);

const LAG: Duration = Duration::from_millis(500);

impl Late {
    fn new(memory: Memory) -> Self {
        let (queue, mut queued) = mpsc::unbounded_channel::<(Instant, String, Broadcast)>();
        let memory = Arc::new(memory);
        let sender = memory.clone();
        tokio::spawn(async move {
            while let Some((due, node, message)) = queued.recv().await {
                tokio::time::sleep_until(due).await;
                let _ = sender.direct(&node, &message);
            }
        });
        Self(queue, memory)
    }
}

impl Adapter for Late {
    fn node_name(&self) -> &str {
        self.1.node_name()
    }

    fn start(&self, inbox: Inbox) {
        self.1.start(inbox);
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        self.1.broadcast(message)
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        let message = (Instant::now() + LAG, node.to_owned(), message.clone());
        self.0.send(message).unwrap();
        Ok(())
    }

    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.1.stop()
    }
}

fn ping(reference: &str) -> Value {
    json!(["1", reference, "room:1", "ping", {}])
}

#[tokio::test(start_paused = true)]
async fn a_session_is_reached_through_every_node() {
    let cluster = MemoryCluster::default();
    let (a, _) = node(&cluster, "a").await;
    let (b, _) = node(&cluster, "b").await;
    let here = Client::open(&a, "/socket").await;
    let there = here.by(&b);
    there.join().await;
    assert_eq!((a.connections(), b.connections()), (1, 0));
    assert_eq!(there.publish(&[ping("2"), ping("3")]).await, 200);
    let answer = there.poll().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.token(), here.token.as_deref().unwrap());
    assert_eq!(answer.messages().len(), 2);

    // One poll waits, wherever it was asked.
    let poll = there.start_poll();
    settle().await;
    let newer = here.start_poll();
    assert_eq!(poll.await.unwrap().status(), 204);
    assert!(!newer.is_finished());
    b.broadcast("room:1", "news", json!({})).unwrap();
    assert_eq!(newer.await.unwrap().messages().len(), 1);

    // Polls there keep it alive, and are told when there is nothing.
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(there.poll().await.status(), 204);
        assert!(begun.elapsed() >= WINDOW);
    }
    assert_eq!(there.publish_body("{not json").await.status(), 408);
    settle().await;
    assert_eq!(a.connections(), 0);
    assert_eq!(there.publish(&[ping("4")]).await, 410);
    let again = there.poll().await;
    assert_eq!(again.status(), 410);
    assert_eq!(
        (a.connections(), b.connections()),
        (0, 1),
        "opened where it was asked"
    );
}

#[tokio::test(start_paused = true)]
async fn a_poll_there_whose_client_went_away_takes_nothing_with_it() {
    let cluster = MemoryCluster::default();
    let (a, _) = node(&cluster, "a").await;
    let (b, _) = node(&cluster, "b").await;
    let there = Client::open(&a, "/socket").await.by(&b);
    there.join().await;
    let poll = there.start_poll();
    settle().await;
    poll.abort();
    settle().await;
    a.broadcast("room:1", "news", json!({})).unwrap();
    settle().await;
    assert_eq!(there.poll().await.messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_poll_there_whose_client_went_away_before_it_was_confirmed_takes_nothing_with_it() {
    let cluster = MemoryCluster::default();
    let (a, _) = node_over(Late::new(cluster.join("a"))).await;
    let (b, _) = node(&cluster, "b").await;
    let there = Client::open(&a, "/socket").await.by(&b);
    there.join().await;
    let poll = there.start_poll();
    settle().await;
    poll.abort();
    settle().await;
    a.broadcast("room:1", "news", json!({})).unwrap();
    settle().await;
    assert_eq!(there.poll().await.messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_messages_were_lost_on_the_way_to_a_client_that_went_away_ends() {
    let cluster = MemoryCluster::default();
    let (a, probe) = node_over(Late::new(cluster.join("a"))).await;
    let (b, _) = node(&cluster, "b").await;
    let there = Client::open(&a, "/socket").await.by(&b);
    there.join().await;
    let poll = there.start_poll();
    tokio::time::sleep(LAG * 2).await;
    a.broadcast("room:1", "news", json!({})).unwrap();
    settle().await;
    poll.abort();
    settle().await;
    assert_eq!((a.connections(), probe.ended()), (0, 1));
    assert_eq!(there.poll().await.status(), 410);
}

#[tokio::test(start_paused = true)]
async fn a_kick_from_elsewhere_ends_the_session_and_its_poll_there() {
    let cluster = MemoryCluster::default();
    let (a, probe) = node(&cluster, "a").await;
    let (b, _) = node(&cluster, "b").await;
    let there = Client::open(&a, "/socket?user_id=ann").await.by(&b);
    there.join().await;
    let poll = there.start_poll();
    settle().await;
    let begun = Instant::now();
    b.disconnect("user_socket:ann").unwrap();
    assert_eq!(poll.await.unwrap().status(), 204);
    assert_eq!(there.publish(&[ping("2")]).await, 410);
    assert!(begun.elapsed().is_zero());
    assert_eq!((a.connections(), probe.ended()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_waits_comes_in_answers_that_an_engine_can_carry() {
    let cluster = MemoryCluster::default();
    let (a, _) = node(&cluster, "a").await;
    let (b, _) = node(&cluster, "b").await;
    let there = Client::open(&a, "/socket").await.by(&b);
    there.join().await;
    for n in 0..10 {
        a.broadcast(
            "room:1",
            "news",
            json!({ "n": n, "x": "x".repeat(100_000) }),
        )
        .unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 10 {
        let answer = there.poll().await;
        assert_eq!(answer.status(), 200);
        assert!(answer.body.to_string().len() < 512 * 1024);
        seen.extend(
            answer
                .messages()
                .iter()
                .map(|message| message[4]["n"].as_u64().unwrap()),
        );
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_gone_costs_its_clients_less_than_a_window() {
    let cluster = MemoryCluster::default();
    let (a, _) = node(&cluster, "a").await;
    let (b, _) = node(&cluster, "b").await;
    let there = Client::open(&a, "/socket").await.by(&b);
    // It does not answer, and the cluster does not know yet.
    let silent = PubSub::with_adapter(cluster.join("a"));
    let begun = Instant::now();
    assert_eq!(there.publish(&[ping("1")]).await, 410);
    assert_eq!(there.poll().await.status(), 410);
    assert!(begun.elapsed() <= WINDOW, "{:?}", begun.elapsed());

    // The cluster knows.
    let there = Client::open(&a, "/socket").await.by(&b);
    silent.stop().await;
    let begun = Instant::now();
    assert_eq!(there.poll().await.status(), 410);
    assert!(begun.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_leaves_a_session_elsewhere_alone() {
    let cluster = MemoryCluster::default();
    let (a, _) = node(&cluster, "a").await;
    let (b, _) = node(&cluster, "b").await;
    let there = Client::open(&a, "/socket").await.by(&b);
    assert_eq!(there.publish(&vec![ping("1"); 1001]).await, 413);
    assert_eq!(there.publish_body("not base64!").await.status(), 400);
    assert_eq!(
        there.publish_body("[1]\n".repeat(2_000_001)).await.status(),
        413
    );
    there.join().await;
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_the_engine_does_not_carry_is_too_large_and_the_session_lives() {
    let cluster = MemoryCluster::default();
    let (a, probe) = node(&cluster, "a").await;
    let (b, _) = node_over(Narrow(cluster.join("b"))).await;
    let here = Client::open(&a, "/socket").await;
    let there = here.by(&b);
    there.join().await;
    let large = |reference: &str| {
        let fill = "x".repeat(Narrow::LIMIT);
        json!(["1", reference, "room:1", "ping", { "fill": fill }])
    };
    let begun = Instant::now();
    assert_eq!(there.publish(&[large("2")]).await, 413);
    assert!(begun.elapsed().is_zero());
    // Where the session is it fits.
    assert_eq!(here.publish(&[large("3")]).await, 200);
    assert_eq!(there.publish(&[ping("4")]).await, 200);
    let replies = here.poll().await.messages();
    assert!(replies.iter().map(|reply| &reply[1]).eq(["3", "4"]));
    assert_eq!((a.connections(), probe.ended()), (1, 0));
}

#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn a_publish_that_the_engine_does_not_carry_is_counted_by_the_node_that_was_asked() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let cluster = MemoryCluster::default();
    let (a, _) = node(&cluster, "a").await;
    let (b, _) = node_over(Narrow(cluster.join("b"))).await;
    let there = Client::open(&a, "/socket").await.by(&b);
    let body = "x".repeat(Narrow::LIMIT);
    for _ in 0..3 {
        assert_eq!(there.publish_body(body.clone()).await.status(), 413);
    }
    let counted = recorder.snapshotter().snapshot().into_vec().into_iter();
    let counted = counted.filter_map(|(key, _, _, value)| {
        let mut labels = key.key().labels();
        let is_limit = labels.any(|label| label.value() == "max_body_bytes");
        match value {
            DebugValue::Counter(count) if is_limit => Some(count),
            _ => None,
        }
    });
    assert_eq!(counted.sum::<u64>(), 3);
}

/// The node that was asked reads a body when that of the publish before it is answered.
#[tokio::test(start_paused = true)]
async fn bodies_for_a_session_elsewhere_are_read_one_at_a_time() {
    let cluster = MemoryCluster::default();
    let (a, _) = node(&cluster, "a").await;
    let (b, _) = node(&cluster, "b").await;
    let there = Client::open(&a, "/socket").await.by(&b);
    there.join().await;
    let (finish, finished) = tokio::sync::oneshot::channel::<()>();
    let slow = {
        let there = there.clone();
        let rest = async move { finished.await.map(|()| ping("2").to_string()) };
        let body = Body::from_stream(futures_util::stream::once(rest));
        tokio::spawn(async move { there.publish_body(body).await.status() })
    };
    settle().await;
    let begun = Arc::new(AtomicBool::new(false));
    let quick = {
        let (there, begun) = (there.clone(), begun.clone());
        let read = async move {
            begun.store(true, Ordering::Relaxed);
            Ok::<_, std::fmt::Error>(ping("3").to_string())
        };
        let body = Body::from_stream(futures_util::stream::once(read));
        tokio::spawn(async move { there.publish_body(body).await.status() })
    };
    settle().await;
    assert!(!begun.load(Ordering::Relaxed));
    finish.send(()).unwrap();
    assert_eq!((slow.await.unwrap(), quick.await.unwrap()), (200, 200));
    let replies = there.poll().await.messages();
    assert!(replies.iter().map(|reply| &reply[1]).eq(["2", "3"]));
}
