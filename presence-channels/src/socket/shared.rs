//! What all channels of one connection share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use presence_core::pubsub::Payload;

use super::{Expiry, Mount, UserSocket};
use crate::{
    Endpoint,
    endpoint::Registration,
    message::{Outgoing, Ref, TopicRef},
    serializer::{FrameError, Version},
    transport::{Outbox, close_code},
};

pub(crate) struct Shared<S: UserSocket> {
    pub(crate) user: S,
    /// State, routes and limits, the same for all connections.
    pub(crate) mount: Arc<Mount<S>>,
    pub(crate) endpoint: Endpoint,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) version: Version,
    /// Messages received that no handler has begun with. Bounds what a client can pile up.
    waiting: AtomicUsize,
    /// Says that the last channel has ended: when this goes, all of them have.
    _registration: Registration,
    /// None if the client's token does not expire.
    pub(super) expiry: Option<Arc<Expiry>>,
}

impl<S: UserSocket> Shared<S> {
    pub(crate) fn new(
        user: S,
        mount: Arc<Mount<S>>,
        endpoint: Endpoint,
        outbox: Arc<Outbox>,
        version: Version,
        idle_limit: Duration,
    ) -> Self {
        let notice = mount.options.token_expiry_notice;
        let expiry = user
            .expires_at()
            .map(|at| Expiry::new(at, notice, version.clone(), endpoint.now()));
        let registration = endpoint.register(&outbox, idle_limit, expiry.clone());
        Self {
            user,
            mount,
            endpoint,
            outbox,
            version,
            waiting: AtomicUsize::new(0),
            _registration: registration,
            expiry,
        }
    }

    /// Encodes a message for this client and queues it.
    pub(crate) fn send(&self, message: &Outgoing<'_>) -> Result<(), FrameError> {
        self.outbox.send(self.version.encode(message)?);
        Ok(())
    }

    /// As [`send`](Self::send), for what the protocol itself says, in JSON. Versions 1 and 2 can write
    /// that down; with a serializer that cannot, the client would wait for ever, so it is closed.
    pub(crate) fn say(&self, message: &Outgoing<'_>) {
        if let Err(error) = self.send(message) {
            tracing::error!(%error, "a message of the protocol's own cannot be sent");
            self.outbox
                .close(close_code::INTERNAL_ERROR, "the serializer failed");
        }
    }

    /// Answers a message with `ok` and nothing else, where no channel does.
    pub(crate) fn confirm(&self, join_ref: &Ref, reference: &Ref, topic: &str) {
        self.say(&Outgoing::Reply {
            join_ref,
            reference,
            topic: TopicRef::Text(topic),
            status: "ok",
            payload: &Payload::empty(),
        });
    }

    /// Answers a message with an error that has a reason and nothing else.
    pub(crate) fn refuse(
        &self,
        join_ref: &Ref,
        reference: &Ref,
        topic: TopicRef<'_>,
        reason: &str,
    ) {
        let payload = reason_payload(reason);
        let reply = Outgoing::Reply {
            join_ref,
            reference,
            topic,
            status: "error",
            payload: &payload,
        };
        self.say(&reply);
    }

    pub(crate) fn message_waits(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn messages_begun(&self, count: usize) {
        let limit = self.mount.options.limits.max_waiting_messages;
        let before = self.waiting.fetch_sub(count, Ordering::Relaxed);
        if before >= limit && before - count < limit {
            self.outbox.wake();
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.mount.options.limits.max_waiting_messages
    }
}

impl<S: UserSocket> Drop for Shared<S> {
    fn drop(&mut self) {
        // Every channel holds this: the last of them has ended.
        self.outbox.drained();
    }
}

/// `{"reason": reason}`.
pub(crate) fn reason_payload(reason: &str) -> Payload {
    Payload::encode(&serde_json::json!({ "reason": reason })).expect("a string has a JSON form")
}
