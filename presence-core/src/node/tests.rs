use bytes::Bytes;

use super::*;
use crate::crdt::{MetaBody, OwnerId};
use crate::shard::Which;

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
                let (header, mut body) = wire::decode(bytes).unwrap();
                if let Body::Delta { shard, .. } = &mut body {
                    *shard = if wrong { 1 - *shard } else { *shard };
                    deltas += 1;
                }
                let bytes = wire::encode(&header, &body).unwrap();
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
