//! A conversation: messages from peers to a node of the replicated set, one after another.

use std::time::Duration;

use presence_core::fuzzing::Hearing;

use crate::{Target, bounded};

pub(super) const TARGET: Target = Target { name: "node", run };

/// The memory in bytes of a node, and of a list that claims to be long while it is decoded.
const NODE: usize = 4 * 1024 * 1024;

/// Sends the messages of the input to a node. Before each message, the input has a byte with the
/// milliseconds until it arrives, and two bytes with its length, in little-endian order. The last
/// message may be cut short.
fn run(input: &[u8]) {
    // A row of four encoded bytes becomes an entry, its places in the indexes, and a diff.
    let most = 1024 * input.len() + NODE;
    bounded(most, || {
        let mut node = Hearing::default();
        let mut rest = input;
        while let [after, low, high, message @ ..] = rest {
            let length = usize::from(u16::from_le_bytes([*low, *high])).min(message.len());
            let (message, others) = message.split_at(length);
            node.hear(Duration::from_millis((*after).into()), message);
            rest = others;
        }
    });
}
