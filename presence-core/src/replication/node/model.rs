//! A search for orders of events between the threads of one node that do harm: threads of a
//! scheduler that tries one order after another act on a node and send what it wants sent.
//!
//! `cargo xtask model` runs it.

use std::sync::Arc;
use std::time::Duration;

use shuttle::thread;

use super::{Node, NodeConfig, NodeEffect, NodeOptions, ReplicaEvent};
use crate::replication::message::{self, Body};
use crate::replication::set::{Incarnation, MetaBody, OwnerId, ReplicaName};
use crate::replication::shard::Which;
use crate::sync::Mutex;

const SCHEDULES: usize = 3000;
const NOW: Duration = Duration::from_secs(1);

fn node(name: &str) -> Node {
    started(name, 1)
}

fn started(name: &str, started_ms: u64) -> Node {
    let config = NodeConfig {
        name: ReplicaName::new(name),
        incarnation: Incarnation {
            started_ms,
            nonce: 1,
        },
        seed: 1,
        clustered: true,
        options: NodeOptions {
            pool_size: 1,
            ..NodeOptions::default()
        },
    };
    Node::new(config, Duration::ZERO)
}

/// The messages of a node, in the order in which they leave.
type Wire = Arc<Mutex<Vec<bytes::Bytes>>>;

/// Acts on a node as its driver does: what it wants sent is sent after all locks are given back.
fn drive(node: &Node, wire: &Wire, act: impl FnOnce(&Node, &mut Vec<NodeEffect>)) {
    let mut out = Vec::new();
    act(node, &mut out);
    for effect in out {
        if let NodeEffect::Broadcast(_, bytes) | NodeEffect::Direct(_, _, bytes) = effect {
            wire.lock().push(bytes);
        }
    }
}

fn track(node: &Node, key: &str, out: &mut Vec<NodeEffect>) {
    let meta = MetaBody::encode(&serde_json::json!({}), 100).expect("an object");
    // Refused once the node has been stopped.
    let _ = node.track(which(key), &meta, out);
}

fn untrack(node: &Node, key: &str, out: &mut Vec<NodeEffect>) {
    node.untrack(which(key), out);
}

fn which(key: &str) -> Which<'_> {
    Which {
        owner: OwnerId::new(std::num::NonZeroU64::MIN),
        topic: "t",
        key,
    }
}

/// Delivers messages; returns what became of other nodes.
fn deliver(to: &Node, messages: &[bytes::Bytes]) -> Vec<ReplicaEvent> {
    let mut out = Vec::new();
    for message in messages {
        to.receive(message, NOW, &mut out);
    }
    let events = out.into_iter().filter_map(|effect| match effect {
        NodeEffect::Replica(event) => Some(event),
        _ => None,
    });
    events.collect()
}

#[test]
fn a_heartbeat_has_the_clocks_of_its_own_incarnation() {
    shuttle::check_random(
        || {
            let (here, wire) = (Arc::new(node("here")), Wire::default());
            for key in ["a", "b"] {
                drive(&here, &wire, |node, out| track(node, key, out));
            }
            drive(&here, &wire, |node, out| untrack(node, "a", out));
            // A message of a later start under the same name: this node goes on above it.
            let (twin, twins) = (started("here", 2), Wire::default());
            drive(&twin, &twins, |node, out| node.beat(NOW, out));
            let twins = twins.lock().clone();
            let act = |act: Box<dyn FnOnce(&Node, &mut Vec<NodeEffect>) + Send>| {
                let (here, wire) = (Arc::clone(&here), Arc::clone(&wire));
                thread::spawn(move || drive(&here, &wire, act))
            };
            let threads = [
                act(Box::new(|node, out| node.beat(NOW, out))),
                act(Box::new(move |node, out| {
                    twins.iter().for_each(|bytes| node.receive(bytes, NOW, out));
                })),
            ];
            for thread in threads {
                thread.join().expect("it does not panic");
            }
            for bytes in wire.lock().iter() {
                let (header, body) = message::decode(bytes).expect("it is well formed");
                // The next incarnation begins with what is still there.
                let first = header.sender.incarnation.started_ms == 1;
                let expected = if first { 3 } else { 1 };
                if let Body::Heartbeat(heartbeat) = body {
                    assert_eq!(heartbeat.clocks[0].get(), expected);
                }
            }
        },
        SCHEDULES,
    );
}

#[test]
fn a_leave_is_not_overtaken_by_the_messages_of_its_node() {
    shuttle::check_random(
        || {
            let (here, there, wire) = (Arc::new(node("here")), node("there"), Wire::default());
            drive(&here, &wire, |node, out| node.beat(NOW, out));
            drive(&here, &wire, |node, out| track(node, "a", out));
            let act = |act: fn(&Node, &mut Vec<NodeEffect>)| {
                let (here, wire) = (Arc::clone(&here), Arc::clone(&wire));
                thread::spawn(move || drive(&here, &wire, act))
            };
            let threads = [
                act(|node, out| node.beat(NOW * 10, out)),
                act(|node, out| node.tick(NOW * 20, out)),
                act(|node, out| node.leave(Duration::ZERO, out)),
            ];
            for thread in threads {
                thread.join().expect("it does not panic");
            }
            let events = deliver(&there, &wire.lock());
            let left = |event: &ReplicaEvent| matches!(event, ReplicaEvent::Left(_));
            assert!(events.iter().any(left), "{events:?}");
            let mut out = Vec::new();
            there.tick(NOW * 2, &mut out);
            assert_eq!(there.count("t"), 0);
        },
        SCHEDULES,
    );
}
