//! An engine that knows that it has lost its broker.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::*;
use crate::adapters::{Memory, MemoryCluster};
use crate::pubsub::{Adapter, AdapterError, Broadcast, EngineState, Inbox};
use crate::tracker::Status;

const SECOND: Duration = Duration::from_secs(1);

/// An engine that finds its cluster late.
struct Late {
    memory: Memory,
    shared: Arc<LateShared>,
}

#[derive(Default)]
struct LateShared {
    inbox: Mutex<Option<Inbox>>,
    limit: AtomicUsize,
}

impl LateShared {
    fn found(&self) {
        let inbox = self.inbox.lock();
        inbox.as_ref().unwrap().engine_is(EngineState::Connected);
    }
}

/// The PubSub of a node with such an engine, which carries messages of at most `limit` bytes.
fn late(cluster: &MemoryCluster, name: &str, limit: usize) -> (PubSub, Arc<LateShared>) {
    let shared = Arc::new(LateShared {
        limit: limit.into(),
        ..LateShared::default()
    });
    let memory = cluster.join(name);
    let late = Late {
        memory,
        shared: Arc::clone(&shared),
    };
    (PubSub::with_adapter(late), shared)
}

impl Adapter for Late {
    fn node_name(&self) -> &str {
        self.memory.node_name()
    }

    fn max_message_bytes(&self) -> Option<usize> {
        Some(self.shared.limit.load(Ordering::SeqCst))
    }

    fn start(&self, inbox: Inbox) {
        inbox.engine_is(EngineState::Connecting);
        *self.shared.inbox.lock() = Some(inbox.clone());
        self.memory.start(inbox);
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        self.memory.broadcast(message)
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        self.memory.direct(node, message)
    }

    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.memory.stop()
    }
}

struct Member {
    tracker: Tracker<Plain>,
    owner: Owner,
    listener: Receiver,
    _pubsub: PubSub,
}

async fn member(cluster: &MemoryCluster, name: &str) -> Member {
    let pubsub = PubSub::with_adapter(cluster.join(name));
    let tracker = Tracker::start(&pubsub, Plain);
    let owner = Owner::new();
    tracker
        .track_as(&owner, "t", name, json!({}))
        .await
        .unwrap();
    Member {
        tracker,
        owner,
        listener: pubsub.receiver("t", 100),
        _pubsub: pubsub,
    }
}

/// A broker that is away for a minute hides nobody, on any node. A node that died meanwhile is
/// hidden when the others have missed it for as long as always.
#[tokio::test(start_paused = true)]
async fn nobody_leaves_while_the_broker_is_away() {
    let cluster = MemoryCluster::default();
    let mut members = Vec::new();
    for name in ["a", "b", "dies"] {
        members.push(member(&cluster, name).await);
    }
    tokio::time::sleep(3 * SECOND).await;
    for Member {
        tracker, listener, ..
    } in &mut members
    {
        assert_eq!(tracker.count("t"), 3);
        while listener.try_recv().is_some() {}
    }
    // Each finds out at another time.
    for name in ["a", "b", "dies"] {
        cluster.disconnect(name);
        tokio::time::sleep(SECOND).await;
    }
    let dead = members.pop().unwrap();
    cluster.crash("dies");
    tokio::time::sleep(60 * SECOND).await;
    let quiet = |members: &mut Vec<Member>| {
        members.iter_mut().all(
            |Member {
                 tracker, listener, ..
             }| { tracker.count("t") == 3 && listener.try_recv().is_none() },
        )
    };
    assert!(quiet(&mut members), "somebody left");
    for name in ["a", "b"] {
        cluster.reconnect(name);
        tokio::time::sleep(SECOND).await;
    }
    tokio::time::sleep(20 * SECOND).await;
    assert!(quiet(&mut members), "somebody left");
    tokio::time::sleep(15 * SECOND).await;
    for Member {
        tracker, listener, ..
    } in &mut members
    {
        assert_eq!(tracker.count("t"), 2);
        let diff = next(listener).await;
        assert_eq!((joins(&diff).len(), leaves(&diff)), (0, vec!["dies"]));
        assert!(listener.try_recv().is_none());
        let up = |status: &Option<Status>| *status == Some(Status::Up);
        let replicas = tracker.replicas();
        assert_eq!(replicas.iter().filter(|view| up(&view.status)).count(), 1);
    }
    drop((dead, members.pop().map(|member| member.owner)));
}

/// A node that starts while its broker is away knows nobody, and finds all when it is back.
#[tokio::test(start_paused = true)]
async fn a_node_may_start_without_its_broker() {
    let cluster = MemoryCluster::default();
    let a = member(&cluster, "a").await;
    cluster.disconnect("b");
    let b = member(&cluster, "b").await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!((a.tracker.count("t"), b.tracker.count("t")), (1, 1));
    cluster.reconnect("b");
    tokio::time::sleep(SECOND).await;
    assert_eq!((a.tracker.count("t"), b.tracker.count("t")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_node_has_not_caught_up_while_its_engine_looks_for_the_cluster() {
    let cluster = MemoryCluster::default();
    let a = member(&cluster, "a").await;
    cluster.part("a", "b");
    let (pubsub, engine) = late(&cluster, "b", 1024 * 1024);
    let b = Tracker::start(&pubsub, Plain);
    let early = tokio::time::timeout(600 * SECOND, b.caught_up()).await;
    assert!(early.is_err(), "b shows {} presences", b.count("t"));
    cluster.heal("a", "b");
    engine.found();
    let caught_up = tokio::time::timeout(BOUND, b.caught_up()).await;
    caught_up.expect("b does not catch up");
    assert_eq!(b.count("t"), 1);
    // A stop ends the wait.
    let (pubsub, _engine) = late(&cluster, "c", 1024 * 1024);
    let c = Tracker::start(&pubsub, Plain);
    stop(&c).await;
    let stopped = tokio::time::timeout(BOUND, c.caught_up()).await;
    stopped.expect("a stop does not end the wait");
    drop(a);
}

/// As NATS with `retry_on_initial_connect`, whose limit is known only then.
#[tokio::test(start_paused = true)]
async fn a_limit_that_turns_out_to_be_smaller_is_a_warning() {
    let cluster = MemoryCluster::default();
    for (name, limit, is_warned) in [("a", 64 * 1024, false), ("b", 16 * 1024, true)] {
        let (pubsub, engine) = late(&cluster, name, 64 * 1024);
        let tracker = Tracker::start(&pubsub, Plain);
        let warned = || {
            let messenger = &tracker.shared.host.messenger;
            messenger.shrank.load(Ordering::Relaxed)
        };
        engine.limit.store(limit, Ordering::SeqCst);
        tokio::time::sleep(SECOND).await;
        assert!(!warned(), "{name} is not connected yet");
        engine.found();
        tokio::time::sleep(SECOND).await;
        assert_eq!(warned(), is_warned, "{name}");
    }
}
