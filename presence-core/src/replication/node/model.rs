//! A search for orders of events between the threads of one node that do harm: threads of a
//! scheduler that tries one order after another act on a node and send what it wants sent.
//!
//! `cargo xtask model` runs it.

use std::sync::Arc;
use std::time::Duration;

use shuttle::thread;

use super::{Node, NodeConfig, NodeEffect, NodeOptions, ReplicaEvent};
use crate::replication::set::{Incarnation, MetaBody, OwnerId, ReplicaName};
use crate::replication::shard::Which;
use crate::sync::Mutex;

const SCHEDULES: usize = 3000;
const NOW: Duration = Duration::from_secs(1);

fn node(name: &str) -> Node {
    let config = NodeConfig {
        name: ReplicaName::new(name),
        incarnation: Incarnation {
            started_ms: 1,
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
    let which = Which {
        owner: OwnerId::new(std::num::NonZeroU64::MIN),
        topic: "t",
        key,
    };
    // Refused once the node has been stopped.
    let _ = node.track(which, &meta, out);
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
