//! Polls of another node's session whose answers are lost between the nodes.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use presence_channels::{Endpoint, LongpollOptions};
use presence_core::{
    adapters::{Memory, MemoryCluster},
    pubsub::{Adapter, AdapterError, Broadcast, Inbox},
};
use sample_app::Probe;
use serde_json::json;
use tokio::time::Instant;

use crate::{client::Client, cluster::node_with, settle};

/// A session is still there when its node is asked no more for an answer that is lost.
const WINDOW: Duration = Duration::from_secs(10);

/// An engine that takes answers to requests and then loses them, while it is told to.
struct Lossy {
    memory: Memory,
    is_losing: Arc<AtomicBool>,
}

impl Adapter for Lossy {
    fn node_name(&self) -> &str {
        self.memory.node_name()
    }

    fn start(&self, inbox: Inbox) {
        self.memory.start(inbox);
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        self.memory.broadcast(message)
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        let is_lost = &*message.event == "answer" && self.is_losing.load(Ordering::Relaxed);
        match is_lost {
            true => Ok(()),
            false => self.memory.direct(node, message),
        }
    }

    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.memory.stop()
    }
}

struct Nodes {
    a: Endpoint,
    probe: Arc<Probe>,
    /// A client that has joined, and polls another node than that of its session.
    there: Client,
    is_losing: Arc<AtomicBool>,
    _b: Endpoint,
}

impl Nodes {
    async fn start() -> Self {
        let cluster = MemoryCluster::default();
        let longpoll = LongpollOptions::default().window(WINDOW);
        let is_losing = Arc::new(AtomicBool::new(false));
        let lossy = Lossy {
            memory: cluster.join("a"),
            is_losing: is_losing.clone(),
        };
        let (a, probe) = node_with(lossy, longpoll.clone()).await;
        let (b, _) = node_with(cluster.join("b"), longpoll).await;
        let there = Client::open(&a, "/socket").await.by(&b);
        there.join().await;
        Self {
            a,
            probe,
            there,
            is_losing,
            _b: b,
        }
    }

    /// Polls, and loses the answer.
    async fn lose_an_answer(&self) {
        self.is_losing.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        assert_eq!(self.there.poll().await.status(), 204);
        assert!(begun.elapsed() > WINDOW, "no answer came");
        self.is_losing.store(false, Ordering::Relaxed);
        settle().await;
    }

    fn broadcast(&self) {
        self.a.broadcast("room:1", "news", json!({})).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_messages_were_lost_in_the_engine_ends() {
    let nodes = Nodes::start().await;
    nodes.broadcast();
    settle().await;
    nodes.lose_an_answer().await;
    assert_eq!((nodes.a.connections(), nodes.probe.ended()), (0, 1));
    assert_eq!(nodes.there.poll().await.status(), 410);
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_answer_without_messages_was_lost_lives() {
    let nodes = Nodes::start().await;
    nodes.lose_an_answer().await;
    nodes.broadcast();
    settle().await;
    assert_eq!(nodes.there.poll().await.messages().len(), 1);
    assert_eq!((nodes.a.connections(), nodes.probe.ended()), (1, 0));
}
