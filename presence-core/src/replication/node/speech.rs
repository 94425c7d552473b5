//! The messages that a node sends: each has the next number, and the sender as it is then.

use std::sync::Arc;
use std::time::Duration;

use super::{Node, NodeEffect};
use crate::replication::membership::Membership;
use crate::replication::message::{self, Body, Header};
use crate::replication::set::{Incarnation, Origin, ReplicaName};
use crate::sync::MutexGuard;

impl Node {
    pub(super) fn say(&self, to: ReplicaName, body: &Body<'_>, out: &mut Vec<NodeEffect>) {
        self.speak(self.membership.lock(), body, |bytes| {
            out.push(NodeEffect::Direct(to, body.class(), bytes));
        });
    }

    /// As [`Node::speak`], unless this node has gone on under another incarnation meanwhile.
    pub(super) fn speak_as(
        &self,
        incarnation: Incarnation,
        body: &Body<'_>,
        send: impl FnOnce(bytes::Bytes),
    ) {
        let membership = self.membership.lock();
        if membership.me().incarnation == incarnation {
            self.speak(membership, body, send);
        }
    }

    fn speak(
        &self,
        mut membership: MutexGuard<'_, Membership>,
        body: &Body<'_>,
        send: impl FnOnce(bytes::Bytes),
    ) {
        let next = self.next_message(&mut membership);
        drop(membership);
        if let Some(bytes) = next.and_then(|next| next.encode(body)) {
            send(bytes);
        }
    }

    /// Returns the sender and the number of the next message. `None`: nothing may be sent.
    pub(super) fn next_message(&self, membership: &mut Membership) -> Option<NextMessage> {
        if membership.has_left() || !self.clustered {
            return None;
        }
        Some(NextMessage {
            pool_size: self.shards.len() as u16,
            number: membership.next_number(),
            sender: Arc::clone(membership.me()),
        })
    }
}

/// The number of a message, and its sender at the time that the number was taken.
pub(super) struct NextMessage {
    pool_size: u16,
    number: u64,
    sender: Arc<Origin>,
}

impl NextMessage {
    pub(super) fn encode(&self, body: &Body<'_>) -> Option<bytes::Bytes> {
        let header = Header {
            pool_size: self.pool_size,
            sender: self.sender.as_ref().clone(),
            number: self.number,
        };
        message::encode(&header, body)
    }
}

/// Milliseconds, rounded up: a deadline told to others must not come before one's own.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}
