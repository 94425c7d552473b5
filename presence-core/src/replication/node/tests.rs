use bytes::Bytes;

use super::*;
use crate::replication::message::Heartbeat;
use crate::replication::set::{Clock, MetaBody, OwnerId};
use crate::replication::shard::Which;

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
            pool_size: 2,
            ..NodeOptions::default()
        },
    };
    Node::new(config, Duration::ZERO)
}

/// Returns the broadcasts of a node that tracks in a topic, after it has greeted another node.
fn says(there: &Node, topic: &str) -> Vec<Bytes> {
    let mut out = Vec::new();
    there.beat(Duration::ZERO, &mut out);
    // Without a peer, a node sends nothing.
    let (other, mut greeting) = (self::node("other"), Vec::new());
    other.beat(Duration::ZERO, &mut greeting);
    for bytes in broadcasts(&greeting) {
        there.receive(&bytes, Duration::ZERO, &mut out);
    }
    let meta = MetaBody::encode(&serde_json::json!({}), 100).unwrap();
    let which = Which {
        owner: OwnerId::new(1.try_into().unwrap()),
        topic,
        key: "k",
    };
    there.track(which, &meta, &mut out).unwrap();
    there.tick(Duration::from_secs(1), &mut out);
    broadcasts(&out)
}

fn broadcasts(out: &[NodeEffect]) -> Vec<Bytes> {
    let broadcasts = out.iter().filter_map(|effect| match effect {
        NodeEffect::Broadcast(_, bytes) => Some(bytes.clone()),
        _ => None,
    });
    broadcasts.collect()
}

#[test]
fn an_entry_in_a_shard_that_its_topic_is_not_in_is_rejected() {
    for topic in ["a", "b", "c", "d"] {
        let said = says(&node("there"), topic);
        let mut deltas = 0;
        for wrong in [false, true] {
            let here = node("here");
            let mut out = Vec::new();
            for bytes in &said {
                let (header, mut body) = message::decode(bytes).unwrap();
                if let Body::Delta(delta) = &mut body {
                    delta.shard = if wrong { 1 - delta.shard } else { delta.shard };
                    deltas += 1;
                }
                let bytes = message::encode(&header, &body).unwrap();
                here.receive(&bytes, Duration::ZERO, &mut out);
            }
            let rejected = out.iter().find_map(|effect| match effect {
                NodeEffect::Rejected(rejected) => Some(rejected.reason.clone()),
                _ => None,
            });
            let reason = "an entry in a shard that its topic is not in".to_owned();
            assert_eq!(rejected, wrong.then_some(reason), "{topic}");
        }
        assert_eq!(deltas, 2, "one each");
    }
}

#[test]
fn a_heartbeat_waits_for_no_shard() {
    let there = node("there");
    let busy = there.shards[0].lock();
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let beating = &there;
        scope.spawn(move || {
            let mut out = Vec::new();
            beating.beat(Duration::ZERO, &mut out);
            sender.send(broadcasts(&out).len())
        });
        let sent = receiver.recv_timeout(Duration::from_secs(10));
        // A heartbeat that waits goes on now, so that the test fails instead of hanging.
        drop(busy);
        assert_eq!(sent, Ok(1));
    });
}

/// Returns the vectors among a node's messages, and checks that each keeps within `most` bytes.
fn vectors(out: &[NodeEffect], most: usize) -> Vec<Bytes> {
    let direct = out.iter().filter_map(|effect| match effect {
        NodeEffect::Direct(_, _, bytes) => Some(bytes.clone()),
        _ => None,
    });
    let vectors: Vec<_> = direct
        .filter(|bytes| matches!(message::decode(bytes).unwrap().1, Body::Vector(_)))
        .collect();
    for bytes in &vectors {
        assert!(bytes.len() <= most, "{} bytes", bytes.len());
    }
    vectors
}

// Vectors of a node that has seen 600 leaves, over an engine that carries 1 KiB.
#[test]
fn nodes_compare_within_a_small_limit_after_many_leaves() {
    const MOST: usize = 1024;
    let here = {
        let config = NodeConfig {
            name: ReplicaName::new("here"),
            incarnation: Incarnation {
                started_ms: 1,
                nonce: 1,
            },
            seed: 1,
            clustered: true,
            options: NodeOptions {
                pool_size: 64,
                chunk_bytes: MOST,
                ..NodeOptions::default()
            },
        };
        Node::new(config, Duration::ZERO)
    };
    let mut out = Vec::new();
    let message = |name: &str, number: u64, body: &Body<'_>| {
        let header = message::Header {
            pool_size: 64,
            sender: Origin {
                name: ReplicaName::new(name),
                incarnation: Incarnation {
                    started_ms: 1,
                    nonce: 1,
                },
            },
            number,
        };
        message::encode(&header, body).unwrap()
    };
    let heartbeat = Body::Heartbeat(Heartbeat {
        clocks: vec![Clock::ZERO; 64],
        check: 0,
        digest: 7,
    });
    for number in 0..600 {
        let name = format!("node {number}");
        here.receive(&message(&name, 1, &heartbeat), Duration::ZERO, &mut out);
        let leave = Body::Leave { grace_ms: 0 };
        here.receive(&message(&name, 2, &leave), Duration::ZERO, &mut out);
    }
    out.clear();
    let (mut rows, mut left) = (std::collections::BTreeSet::new(), 0);
    for number in 1..=20 {
        let now = number as u32 * Duration::from_millis(1100);
        here.receive(&message("peer", number, &heartbeat), now, &mut out);
        here.tick(now, &mut out);
        for bytes in vectors(&std::mem::take(&mut out), MOST) {
            let Body::Vector(vector) = message::decode(&bytes).unwrap().1 else {
                unreachable!("only vectors are here");
            };
            let shards = vector.rows.iter().flat_map(|row| &row.shards);
            rows.extend(shards.map(|cell| cell.shard));
            left += vector.left.len();
        }
    }
    assert_eq!(rows.len(), 64, "each shard of the own replica has its turn");
    assert!(left > 20, "{left} leaves are repeated");
}

/// Returns the messages of a node to others.
fn sent(out: &mut Vec<NodeEffect>) -> Vec<Bytes> {
    let sent = out.drain(..).filter_map(|effect| match effect {
        NodeEffect::Broadcast(_, bytes) | NodeEffect::Direct(_, _, bytes) => Some(bytes),
        _ => None,
    });
    sent.collect()
}

/// Returns whether one of the messages asks for changes of this incarnation.
fn asks_for(messages: &[Bytes], incarnation: u64) -> bool {
    messages.iter().any(|bytes| {
        let body = message::decode(bytes).unwrap().1;
        matches!(body, Body::Pull(pull) if pull.request.origin.incarnation.started_ms == incarnation)
    })
}

#[test]
fn an_incarnation_that_is_over_is_asked_for_no_more() {
    let ms = Duration::from_millis;
    let (here, there) = (node("here"), started("there", 1));
    let mut out = Vec::new();
    for bytes in says(&there, "a") {
        here.receive(&bytes, ms(0), &mut out);
    }
    assert_eq!(here.count("a"), 1, "the incarnation is shown");

    // The next change is lost. The heartbeat after it tells of it.
    let mut lost = Vec::new();
    let meta = MetaBody::encode(&serde_json::json!({}), 100).unwrap();
    let which = Which {
        owner: OwnerId::new(1.try_into().unwrap()),
        topic: "a",
        key: "l",
    };
    there.track(which, &meta, &mut lost).unwrap();
    there.tick(ms(1100), &mut lost);
    let mut beat = Vec::new();
    there.beat(ms(10_000), &mut beat);
    for bytes in broadcasts(&beat) {
        here.receive(&bytes, ms(100), &mut out);
    }
    here.tick(ms(120), &mut out);
    assert!(asks_for(&sent(&mut out), 1));

    // It starts again before it has answered. Its new changes are still to come.
    let again = started("there", 2);
    says(&again, "a");
    let mut beat = Vec::new();
    again.beat(ms(10_000), &mut beat);
    for bytes in broadcasts(&beat) {
        here.receive(&bytes, ms(130), &mut out);
    }
    let cancels = sent(&mut out).into_iter().any(|bytes| {
        let body = message::decode(&bytes).unwrap().1;
        matches!(body, Body::Cancel { .. })
    });
    assert!(cancels, "the request waits for nothing");
    for time in 14..500 {
        here.tick(ms(10 * time), &mut out);
        assert!(!asks_for(&sent(&mut out), 1), "after {time}0 ms");
    }
}
