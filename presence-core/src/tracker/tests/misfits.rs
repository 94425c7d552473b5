//! Engines that carry little, and nodes that are set up otherwise.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::adapters::{Memory, MemoryCluster};
use crate::pubsub::wire::{self, Kind, SendingNode};
use crate::pubsub::{Adapter, AdapterError, Broadcast, Inbox};
use crate::replication::message::VERSION;
use crate::replication::node::{Node, NodeConfig, NodeEffect, NodeOptions};
use crate::replication::set::{Incarnation, MetaError, ReplicaName};

/// The limit of an engine with small messages.
const LIMIT: usize = 16 * 1024;

/// An engine that carries little, as a server with a small `max_payload` does.
struct Narrow {
    memory: Memory,
    too_large: Arc<AtomicU64>,
}

impl Narrow {
    fn check(&self, message: &Broadcast) -> Result<(), AdapterError> {
        let origin = SendingNode {
            node: self.node_name(),
            start: u64::MAX,
        };
        let bytes = wire::encode(&origin, Kind::Broadcast, message)
            .unwrap()
            .len();
        match bytes > LIMIT {
            true => {
                self.too_large.fetch_add(1, Ordering::SeqCst);
                Err(AdapterError::TooLarge {
                    bytes,
                    limit: LIMIT,
                })
            }
            false => Ok(()),
        }
    }
}

impl Adapter for Narrow {
    fn node_name(&self) -> &str {
        self.memory.node_name()
    }

    fn max_message_bytes(&self) -> Option<usize> {
        Some(LIMIT)
    }

    fn start(&self, inbox: Inbox) {
        self.memory.start(inbox);
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        self.check(message)?;
        self.memory.broadcast(message)
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        self.check(message)?;
        self.memory.direct(node, message)
    }

    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.memory.stop()
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(MS).await;
    }
    panic!("never came true: {what}");
}

#[tokio::test(start_paused = true)]
async fn messages_are_cut_to_what_the_engine_carries() {
    const PRESENCES: usize = 3000;
    let cluster = MemoryCluster::default();
    let too_large = Arc::new(AtomicU64::new(0));
    let start = |name: &str| {
        let pubsub = PubSub::with_adapter(Narrow {
            memory: cluster.join(name),
            too_large: too_large.clone(),
        });
        Tracker::start(&pubsub, Plain)
    };
    let a = start("a");
    let owners = [Owner::new(), Owner::new(), Owner::new(), Owner::new()];
    let join = async |number: usize| {
        let owner = &owners[number % owners.len()];
        let meta = json!({ "text": "x".repeat(200) });
        a.track_as(owner, "t", number.to_string(), meta)
            .await
            .unwrap();
    };
    for number in 0..PRESENCES / 2 {
        join(number).await;
    }
    // The first half comes as a list, the second as they join.
    let b = start("b");
    until("b has the first half", || b.count("t") == PRESENCES / 2).await;
    for number in PRESENCES / 2..PRESENCES {
        join(number).await;
    }
    until("b has all", || b.count("t") == PRESENCES).await;
    drop(owners);
    until("b has none", || b.count("t") == 0).await;
    assert_eq!(too_large.load(Ordering::SeqCst), 0);
}

/// The largest that is not refused fits, alone and among others.
#[tokio::test(start_paused = true)]
async fn what_would_fit_no_message_is_refused() {
    let cluster = MemoryCluster::default();
    let start = |name: &str| {
        let pubsub = PubSub::with_adapter(Narrow {
            memory: cluster.join(name),
            too_large: Arc::default(),
        });
        Tracker::start(&pubsub, Plain)
    };
    let a = start("a");
    let owner = Owner::new();
    let meta = |length: usize| json!({ "text": "x".repeat(length) });
    let refused = a.track_as(&owner, "t", "k", meta(LIMIT)).await;
    let Err(TrackError::Meta(MetaError::TooLarge { limit, .. })) = refused else {
        panic!("it should be too large: {refused:?}");
    };
    let largest = meta(limit - r#"{"text":""}"#.len());
    let refused = a.track_as(&owner, "t", "k".repeat(LIMIT), json!({})).await;
    let Err(TrackError::TooLong { limit, .. }) = refused else {
        panic!("it should be too long: {refused:?}");
    };
    let topic = "t".repeat(limit);
    for number in 0..10 {
        let key = format!("{number:0>limit$}");
        a.track_as(&owner, &topic, key, &largest).await.unwrap();
        let key = format!("small {number}");
        a.track_as(&owner, &topic, key, json!({})).await.unwrap();
    }
    let b = start("b");
    until("b has all", || b.count(&topic) == 20).await;
}

#[tokio::test(start_paused = true)]
async fn nodes_with_another_number_of_shards_do_not_mix() {
    let cluster = MemoryCluster::default();
    let start = |name: &str, pool_size: usize| {
        let pubsub = PubSub::with_adapter(cluster.join(name));
        let options = TrackerOptions::default().pool_size(pool_size);
        Tracker::start_with(&pubsub, Plain, options).unwrap()
    };
    let (a, b, c) = (start("a", 8), start("b", 4), start("c", 8));
    let owner = Owner::new();
    b.track_as(&owner, "t", "bob", json!({})).await.unwrap();
    let other = Owner::new();
    a.track_as(&other, "t", "alice", json!({})).await.unwrap();
    until("c shows alice", || c.count("t") == 1).await;
    until("each refused the other", || {
        a.counters().malformed > 2 && b.counters().malformed > 2
    })
    .await;
    assert_eq!((a.count("t"), b.count("t"), c.count("t")), (1, 1, 1));
    let names = |tracker: &Tracker<Plain>| tracker.replicas().len();
    assert_eq!((names(&a), names(&b), names(&c)), (2, 1, 2));
}

// A node reports messages that it cannot take.
#[test]
fn who_cannot_be_understood_is_named() {
    let node = |name: &str, pool_size: usize| {
        let options = NodeOptions {
            pool_size,
            ..NodeOptions::default()
        };
        let config = NodeConfig {
            name: ReplicaName::new(name),
            incarnation: Incarnation {
                started_ms: 1,
                nonce: 1,
            },
            seed: 1,
            clustered: true,
            options,
        };
        Node::new(config, Duration::ZERO)
    };
    let mut said = Vec::new();
    node("b", 4).beat(Duration::from_secs(2), &mut said);
    let beat = said.iter().find_map(|effect| match effect {
        NodeEffect::Broadcast(_, bytes) => Some(bytes.to_vec()),
        _ => None,
    });
    let beat = beat.expect("a node says that it is there");
    let a = node("a", 8);
    let refused = |bytes: &[u8]| {
        let mut out = Vec::new();
        a.receive(bytes, Duration::from_secs(2), &mut out);
        match out.as_slice() {
            [NodeEffect::Rejected(rejected)] => (rejected.from.clone(), rejected.reason.clone()),
            other => panic!("it should be refused: {other:?}"),
        }
    };

    let (from, reason) = refused(&beat);
    assert_eq!(from.as_deref(), Some("b"));
    assert!(
        reason.contains("4 shards") && reason.contains("pool_size"),
        "{reason}"
    );

    let mut newer = beat;
    newer[0] = VERSION + 2;
    let (from, reason) = refused(&newer);
    assert_eq!(from.as_deref(), Some("b"));
    assert!(
        reason.contains(&format!("version {}", VERSION + 2)),
        "{reason}"
    );

    assert_eq!(refused(b"").0, None);
    assert_eq!(refused(&[0xff; 100]).0, None);
}
