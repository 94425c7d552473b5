use std::num::NonZeroU64;

use super::*;
use crate::replication::message::{Body, DeltaMessage, Header, Heartbeat, decode, encode};
use crate::replication::node::{Node, NodeConfig, NodeEffect};
use crate::replication::set::{Clock, Incarnation, MetaBody, Origin, OwnerId, ReplicaName};
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
    assert_eq!(config.options.check(), Ok(()));
    let node = Node::new(config, Duration::ZERO);
    let header = Header {
        pool_size: 1,
        sender: Origin {
            name: ReplicaName::new("there"),
            incarnation: Incarnation {
                started_ms: 1,
                nonce: 2,
            },
        },
        number: 1,
    };
    let beat = Body::Heartbeat(Heartbeat {
        clocks: vec![Clock::ZERO],
        check: 0,
        digest: 0,
    });
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
    let Body::Delta(DeltaMessage { adds, gone, .. }) = body else {
        panic!("it sent {body:?}");
    };
    assert_eq!(adds.len(), 2);
    assert!(matches!(gone, crate::replication::message::GoneRow::Tags(tags) if tags.len() == 200));
}

/// Fails unless the tracker's options are refused with this message.
fn refused(options: &TrackerOptions, message: &str) {
    assert_eq!(options.check().unwrap_err().to_string(), message);
}

#[test]
fn an_option_out_of_its_bounds_is_named_with_its_value_and_bounds() {
    let options = TrackerOptions::default;
    assert_eq!(options().check(), Ok(()));
    refused(
        &options().pool_size(257),
        "`TrackerOptions::pool_size` is 257, and must be from 1 to 256",
    );
    refused(
        &options().last_leave_delay(601 * SECOND),
        "`TrackerOptions::last_leave_delay` is 601s, and must be from 0ns to 600s",
    );
    refused(
        &options().leave_grace(601 * SECOND),
        "`TrackerOptions::leave_grace` is 601s, and must be from 0ns to 600s",
    );
    refused(
        &options().disconnect_grace(DAY + SECOND),
        "`TrackerOptions::disconnect_grace` is 86401s, and must be from 0ns to 86400s",
    );
    for bytes in [1, MAX_META_BYTES + 1] {
        refused(
            &options().max_meta_bytes(bytes),
            &format!("`TrackerOptions::max_meta_bytes` is {bytes}, and must be from 2 to 262144"),
        );
    }
    refused(
        &options().max_presences_per_owner(0),
        "`TrackerOptions::max_presences_per_owner` is 0, and must be at least 1",
    );
    refused(
        &options().callback_timeout(9 * MS),
        "`TrackerOptions::callback_timeout` is 9ms, and must be from 10ms to 86400s",
    );
    for topics in [0, 65_537] {
        refused(
            &options().max_concurrent_diffs(topics),
            &format!(
                "`TrackerOptions::max_concurrent_diffs` is {topics}, and must be from 1 to 65536"
            ),
        );
    }
}

#[test]
fn options_at_their_bounds_are_taken() {
    let least = TrackerOptions::default()
        .leave_grace(Duration::ZERO)
        .max_meta_bytes(2)
        .max_presences_per_owner(1)
        .callback_timeout(10 * MS)
        .max_concurrent_diffs(1);
    assert_eq!(least.check(), Ok(()));
    let most = TrackerOptions::default()
        .leave_grace(600 * SECOND)
        .max_meta_bytes(MAX_META_BYTES)
        .max_presences_per_owner(usize::MAX)
        .callback_timeout(DAY)
        .max_concurrent_diffs(65_536);
    assert_eq!(most.check(), Ok(()));
}

// Two setters with one body would set one option twice.
#[test]
fn each_setter_sets_its_own_option() {
    let (second, options) = (SECOND, TrackerOptions::default());
    let set = options
        .pool_size(1)
        .diff_interval(2 * second)
        .delta_interval(3 * second)
        .broadcast_period(4 * second)
        .max_silent_periods(5)
        .down_period(60 * second)
        .permdown_period(70 * second)
        .suspect_period(8 * second)
        .chunk_bytes(900)
        .removal_log_bytes(10_000)
        .batch(11)
        .max_hidden(12)
        .max_answers(13)
        .max_replicas(14)
        .leave_grace(15 * second)
        .disconnect_grace(21 * second)
        .max_meta_bytes(16)
        .max_presences_per_owner(17)
        .callback_timeout(18 * second)
        .max_concurrent_diffs(19)
        .count_interval(20 * second)
        .last_leave_delay(21 * second);
    let expected = TrackerOptions {
        node: NodeOptions {
            pool_size: 1,
            diff_interval: 2 * second,
            delta_interval: 3 * second,
            broadcast_period: 4 * second,
            max_silent_periods: 5,
            down_period: 60 * second,
            permdown_period: 70 * second,
            suspect_period: 8 * second,
            chunk_bytes: 900,
            removal_log_bytes: 10_000,
            batch: 11,
            max_hidden: 12,
            max_answers: 13,
            max_replicas: 14,
        },
        leave_grace: 15 * second,
        disconnect_grace: DisconnectGrace::of(21 * second),
        max_meta_bytes: 16,
        max_presences_per_owner: 17,
        callback_timeout: 18 * second,
        max_concurrent_diffs: 19,
        count_interval: 20 * second,
        last_leave_delay: 21 * second,
        part_bytes: MAX_DIFF_BYTES,
    };
    assert_eq!(set, expected);
    assert_eq!(set.check(), Ok(()));
}
