//! The internals that the fuzzer and the benchmarks use. This is not a public API, and changes
//! without notice.

mod pair;

pub use pair::{Pair, Said};

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::replication::message::{Body, EntryRow, GoneRow, decode, encode};
use crate::replication::node::{Node, NodeConfig, NodeEffect, NodeOptions};
use crate::replication::set::{Clock, Incarnation, MetaBody, Origin, OwnerId, ReplicaName};
use crate::replication::shard::Which;

/// Reads what a peer said, down to the entries that it stands for, and writes it down again. None
/// of what is no message.
///
/// # Panics
/// If what was written reads otherwise.
#[must_use]
pub fn rewrite_peer_message(bytes: &[u8]) -> Option<Bytes> {
    let (header, body) = decode(bytes).ok()?;
    match &body {
        Body::Delta(delta) => understand(delta.from, &delta.adds, &delta.gone),
        Body::Part(part) => understand(part.from, &part.adds, &part.gone),
        _ => {}
    }
    let written = encode(&header, &body).expect("what was read can be written");
    assert_eq!(decode(&written), Ok((header, body)));
    Some(written)
}

fn understand(from: Clock, adds: &[EntryRow<'_>], gone: &GoneRow) {
    let origin = Arc::new(Origin {
        name: ReplicaName::new("peer"),
        incarnation: Incarnation {
            started_ms: 1,
            nonce: 1,
        },
    });
    if let Ok(entries) = EntryRow::entries(adds, &origin, from) {
        assert_eq!(entries.len(), adds.len());
    }
    // Only whether it is one: what it means is the replica's business.
    let _ = gone.gone();
}

/// The number of ticks at one moment that counts as no progress.
const STUCK: u32 = 10_000;

/// A node of one shard that tracks one presence, and hears what peers say.
#[derive(Debug)]
pub struct Hearing {
    node: Node,
    now: Duration,
}

impl Default for Hearing {
    fn default() -> Self {
        let config = NodeConfig {
            name: ReplicaName::new("here"),
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
        let node = Node::new(config, Duration::ZERO);
        let which = Which {
            owner: OwnerId::new(NonZeroU64::MIN),
            topic: "t",
            key: "own",
        };
        let meta = MetaBody::encode(&serde_json::json!({}), 100).expect("an object");
        let tracked = node.track(which, &meta, &mut Vec::new());
        tracked.expect("nothing is tracked yet");
        node.dispatched(&"t".into(), Duration::ZERO, &mut Vec::new());
        Self {
            node,
            now: Duration::ZERO,
        }
    }
}

impl Hearing {
    /// Lets the time `after` pass, and then has the node handle a message. Returns the messages
    /// that the node sends.
    ///
    /// # Panics
    /// If the node gets stuck, or no longer lists what it tracks itself.
    pub fn hear(&mut self, after: Duration, message: &[u8]) -> Vec<Bytes> {
        self.now += after;
        let mut out = Vec::new();
        if self.node.next_beat().is_some_and(|due| due <= self.now) {
            self.node.beat(self.now, &mut out);
        }
        self.node.receive(message, self.now, &mut out);
        let said = self.carry_out(out);
        let own = self.node.get_by_key("t", "own");
        assert!(!own.is_empty(), "its own presence is not listed");
        said
    }

    fn carry_out(&mut self, mut out: Vec<NodeEffect>) -> Vec<Bytes> {
        let mut said = Vec::new();
        for _ in 0..STUCK {
            for effect in std::mem::take(&mut out) {
                match effect {
                    NodeEffect::TopicDiff(diff) => {
                        self.node.dispatched(&diff.topic, self.now, &mut out);
                    }
                    NodeEffect::Broadcast(_, bytes) | NodeEffect::Direct(_, _, bytes) => {
                        said.push(bytes);
                    }
                    _ => {}
                }
            }
            let due = self.node.next_deadline();
            if due.is_some_and(|due| due <= self.now) {
                self.node.tick(self.now, &mut out);
            } else if out.is_empty() {
                return said;
            }
        }
        panic!("{STUCK} ticks at one moment");
    }
}
