//! The delivery of messages of other nodes, which goes on after a subscriber that panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    log_limit::LogLimit,
    pubsub::{Broadcast, Inbox},
};

/// Delivers messages. A panic of a subscriber is caught, because an engine delivers the messages of
/// all nodes from one task: the task would end, and this node would take all others for down.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    panics: LogLimit,
}

impl Delivery {
    /// Delivers `message`. Returns `false` if the PubSub of `inbox` has been dropped.
    ///
    /// After a panic, the message may be missing at further subscribers of its topic.
    pub(super) fn to(&self, inbox: &Inbox, message: &Broadcast) -> bool {
        // No lock is held during a delivery, and the registry is not changed by it.
        let delivered = catch_unwind(AssertUnwindSafe(|| inbox.deliver(message)));
        delivered.unwrap_or_else(|_| {
            if let Some(before) = self.panics.pass() {
                tracing::error!(
                    topic = &*message.topic,
                    event = &*message.event,
                    more = before,
                    "a subscriber panicked at a message of another node"
                );
            }
            true
        })
    }
}
