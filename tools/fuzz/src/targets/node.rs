//! A conversation: what peers say to a node of the replicated set, one message after another.

use std::time::Duration;

use presence_core::fuzzing::Hearing;

use crate::{Target, bounded};

pub(super) const TARGET: Target = Target { name: "node", run };

/// What a node takes by itself, and to take a list apart that says it is long.
const NODE: usize = 4 * 1024 * 1024;

/// Before each message stand the milliseconds that pass until it comes, in a byte, and its length
/// in two, the lower first. The last may be cut short.
fn run(input: &[u8]) {
    // An empty row is four bytes on the way, and an entry, its places in the indexes and a diff
    // here.
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
