//! Numbers that all nodes must compute alike, besides the bytes. A change of any of them is another
//! version of the format: a cluster in which only some nodes have the change never agrees.

use std::time::Duration;

use super::*;
use crate::replication::node::{Node, NodeConfig, NodeEffect, NodeOptions};
use crate::replication::set::{MetaBody, OwnerId, Replica};
use crate::replication::shard::Which;

fn node(pool_size: usize) -> Node {
    let config = NodeConfig {
        name: ReplicaName::new("b@2"),
        incarnation: Incarnation {
            started_ms: 1_700_000_000_001,
            nonce: 78,
        },
        seed: 1,
        clustered: true,
        options: NodeOptions {
            pool_size,
            ..NodeOptions::default()
        },
    };
    Node::new(config, Duration::ZERO)
}

/// The shard that a node keeps a topic in.
fn shard_of(topic: &str, pool_size: usize) -> usize {
    let node = node(pool_size);
    let which = Which {
        owner: OwnerId::new(std::num::NonZeroU64::MIN),
        topic,
        key: "k",
    };
    let meta = MetaBody::encode(&serde_json::json!({}), 2).unwrap();
    node.track(which, &meta, &mut Vec::new()).unwrap();
    let own = node.replicas().remove(0);
    let mut filled = own.shards.iter().filter(|shard| shard.entries == 1);
    filled.next().unwrap().shard
}

#[test]
fn a_topic_is_in_the_same_shard_on_every_node() {
    let topics = ["", "room:lobby", "room:1", "žluť ☃"];
    let shards = topics.map(|topic| [8, 256, 1].map(|pool_size| shard_of(topic, pool_size)));
    assert_eq!(shards, [[2, 194, 0], [1, 153, 0], [0, 56, 0], [0, 176, 0]]);
}

fn whole() -> Delta {
    Delta {
        from: Clock::ZERO,
        gone: Gone::nothing(),
        ..delta()
    }
}

#[test]
fn the_check_of_a_replica_is_the_same_on_every_node() {
    let delta = whole();
    let mut replica = Replica::new(Arc::clone(&delta.origin));
    assert_eq!(replica.check(), 0);
    replica.apply(&delta).unwrap();
    assert_eq!(replica.check(), 0x7ef2_e1bd_5549_5232);
}

#[test]
fn the_numbers_of_a_heartbeat_are_the_same_on_every_node() {
    let node = node(2);
    let two = Header {
        pool_size: 2,
        ..header()
    };
    let mut out = Vec::new();
    let said = encode(&two, &body_of_delta(0, &whole())).unwrap();
    node.receive(&said, Duration::ZERO, &mut out);
    let taken = !out
        .iter()
        .any(|effect| matches!(effect, NodeEffect::Rejected(_)));
    assert!(taken, "{out:?}");
    out.clear();
    node.beat(Duration::ZERO, &mut out);
    let [NodeEffect::Broadcast(_, beat)] = &out[..] else {
        panic!("{out:?}");
    };
    let Body::Heartbeat(beat) = decode(beat).unwrap().1 else {
        panic!("{out:?}");
    };
    assert_eq!(beat.clocks, [Clock::ZERO, Clock::ZERO]);
    let bytes = |hash: u64| to_hex(&hash.to_le_bytes());
    assert_eq!(
        (bytes(beat.check), bytes(beat.digest)),
        ("688952c7656aa6d0".to_owned(), "a4358e5f09c8eabe".to_owned())
    );
}

#[test]
fn a_message_that_only_a_newer_version_knows_is_rejected_and_the_next_is_taken() {
    let (node, mut out) = (node(8), Vec::new());
    let mut newer = vec![VERSION + 1];
    newer.extend(postcard::to_allocvec(&header()).unwrap());
    newer.extend([UNKNOWN, 1, 2, 3]);
    assert!(matches!(decode(&newer), Err(Malformed::Encoding(_))));
    node.receive(&newer, Duration::ZERO, &mut out);
    assert!(matches!(&out[..], [NodeEffect::Rejected(_)]), "{out:?}");
    assert_eq!(node.replicas().len(), 1, "nothing of it is kept");
    out.clear();

    let next = Header {
        number: header().number + 1,
        ..header()
    };
    let mut known = encode(&next, &recorded("heartbeat")).unwrap().to_vec();
    known[0] = VERSION + 1;
    node.receive(&known, Duration::ZERO, &mut out);
    let rejected = |effect: &NodeEffect| matches!(effect, NodeEffect::Rejected(_));
    assert!(!out.iter().any(rejected), "{out:?}");
    let known: Vec<_> = node
        .replicas()
        .into_iter()
        .map(|view| view.origin)
        .collect();
    assert!(known.contains(&header().sender), "{known:?}");
}
