use std::num::NonZeroU64;

use super::*;
use crate::replication::message::{Body, Header, decode, encode};
use crate::replication::node::{Node, NodeConfig, NodeEffect};
use crate::replication::set::{Incarnation, MetaBody, OwnerId, ReplicaName};
use crate::replication::shard::Which;

const MAX_CHUNK_BYTES: usize = NodeOptions::MAX_CHUNK_BYTES;

/// A node that knows of another, with the largest messages that there may be.
fn node() -> Node {
    let incarnation = Incarnation {
        started_ms: 1,
        nonce: 1,
    };
    let config = NodeConfig {
        name: ReplicaName::new("x".repeat(message::MAX_NAME_BYTES)),
        incarnation,
        seed: 1,
        clustered: true,
        options: NodeOptions {
            pool_size: 1,
            chunk_bytes: MAX_CHUNK_BYTES,
            ..NodeOptions::default()
        },
    };
    assert_eq!(config.options.fault(), None);
    let node = Node::new(config, Duration::ZERO);
    let header = Header {
        pool_size: 1,
        name: "there".into(),
        started_ms: 1,
        nonce: 2,
        number: 1,
    };
    let beat = Body::Heartbeat {
        clocks: vec![0],
        check: [0; 8],
        digest: [0; 8],
    };
    let beat = encode(&header, &beat).unwrap();
    node.receive(&beat, Duration::ZERO, &mut Vec::new());
    node
}

fn meta(bytes: usize) -> MetaBody {
    // {"m":""} around the text.
    let text = "m".repeat(bytes - 8);
    MetaBody::encode(&serde_json::json!({ "m": text }), MAX_META_BYTES).unwrap()
}

fn which<'a>(topic: &'a str, key: &'a str) -> Which<'a> {
    let owner = OwnerId::new(NonZeroU64::MIN);
    Which { owner, topic, key }
}

fn broadcasts(out: &mut Vec<NodeEffect>) -> Vec<bytes::Bytes> {
    let sent = out.drain(..).filter_map(|effect| match effect {
        NodeEffect::Broadcast(_, bytes) => Some(bytes),
        _ => None,
    });
    sent.collect()
}

#[test]
fn the_longest_delta_is_a_message_that_peers_take() {
    let (node, mut out) = (node(), Vec::new());
    let keys: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    for key in &keys {
        node.track(which("t", key), &meta(8), &mut out).unwrap();
    }
    node.tick(Duration::from_secs(1), &mut out);
    out.clear();

    // Removals, as much as may wait, and the largest presence there is.
    for key in &keys {
        node.untrack(which("t", key), &mut out);
    }
    let waits = meta(MAX_CHUNK_BYTES - 200);
    node.track(which("t", "k"), &waits, &mut out).unwrap();
    assert!(broadcasts(&mut out).is_empty(), "it waits");
    let name = "n".repeat(MAX_NAME_BYTES);
    let largest = meta(MAX_META_BYTES);
    node.track(which(&name, &name), &largest, &mut out).unwrap();

    let sent = broadcasts(&mut out);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].len() > MAX_CHUNK_BYTES + MAX_META_BYTES + 2 * MAX_NAME_BYTES);
    let (_, body) = decode(&sent[0]).unwrap();
    let Body::Delta { adds, gone, .. } = body else {
        panic!("it sent {body:?}");
    };
    assert_eq!(adds.len(), 2);
    assert!(matches!(gone, crate::replication::message::GoneRow::Tags(tags) if tags.len() == 200));
}

#[test]
#[should_panic(expected = "max_meta_bytes is 262145")]
fn larger_metas_are_refused() {
    let options = TrackerOptions {
        max_meta_bytes: MAX_META_BYTES + 1,
        ..TrackerOptions::default()
    };
    options.check();
}
