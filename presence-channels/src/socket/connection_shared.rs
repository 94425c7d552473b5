use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use presence_core::pubsub::Payload;
use tracing::field::DisplayValue;

use super::{Mount, UserSocket};
use crate::{
    Endpoint,
    failure::reason_payload,
    guard::call_guarded,
    message::{Outgoing, Ref, TopicRef},
    node::{Admission, Expiry, Node, Registration},
    outgoing::{Outbox, close_code},
    serializer::{FrameError, Version},
    telemetry::{Connected, Cut, Limit, event_at, target},
};

/// State that all channels of one connection share.
pub(crate) struct ConnectionShared<S: UserSocket> {
    pub(crate) user: S,
    /// The client's address, for the log.
    address: Option<IpAddr>,
    /// The time of the connect, in the endpoint's milliseconds, for the log.
    since: u64,
    /// State, routes and limits, the same for all connections.
    pub(crate) mount: Arc<Mount<S>>,
    pub(crate) endpoint: Endpoint,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) version: Version,
    /// The number of received messages that no handler has begun with. Bounds the memory of a
    /// client.
    waiting: AtomicUsize,
    /// The bytes of those messages, and of joins that wait for another channel's end.
    waiting_bytes: AtomicUsize,
    /// Joins that have not been answered. Those of a topic that was joined again since count, too.
    joining: AtomicUsize,
    _connected: Connected,
    /// Dropped with the last channel, so that the endpoint knows that all channels have ended.
    _registration: Registration,
    /// The client's place, which is taken while a handler of its channels is at work. Not in the
    /// outbox, which a reply that comes later may keep for any time. `None` in a test without a
    /// handshake.
    _place: Option<Admission>,
    /// `None` if the client's token does not expire.
    pub(super) expiry: Option<Arc<Expiry>>,
}

/// The client of a new connection.
pub(super) struct NewClient<S> {
    pub(super) user: S,
    pub(super) address: Option<IpAddr>,
    pub(super) version: Version,
    pub(super) place: Option<Admission>,
}

impl<S: UserSocket> ConnectionShared<S> {
    pub(super) fn new(
        client: NewClient<S>,
        mount: Arc<Mount<S>>,
        endpoint: Endpoint,
        outbox: Arc<Outbox>,
        idle_limit: Duration,
    ) -> Self {
        let NewClient {
            user,
            address,
            version,
            place,
        } = client;
        let connected = outbox.meter().socket();
        let notice = mount.options.token_expiry_notice;
        let expiry = user
            .expires_at()
            .map(|at| Expiry::new(at, notice, version.clone(), endpoint.node().now()));
        let registration = endpoint
            .node()
            .register(&outbox, idle_limit, expiry.clone());
        Self {
            user,
            address,
            since: endpoint.node().now(),
            mount,
            endpoint,
            outbox,
            version,
            waiting: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            joining: AtomicUsize::new(0),
            _connected: connected,
            _registration: registration,
            _place: place,
            expiry,
        }
    }

    pub(crate) fn node(&self) -> &Node {
        self.endpoint.node()
    }

    pub(crate) fn user_id(&self) -> Option<String> {
        self.user.id()
    }

    /// Returns the user, as it is logged.
    pub(crate) fn logged_user(&self) -> Option<String> {
        logged_user(&self.user)
    }

    /// Returns the client's address, as it is logged.
    pub(crate) fn logged_address(&self) -> Option<DisplayValue<IpAddr>> {
        logged_address(self.address)
    }

    /// Logs the end of the connection.
    pub(super) fn log_end(&self) {
        let lasted = Duration::from_millis(self.node().now().saturating_sub(self.since));
        event_at!(
            self.mount.options.log,
            target::CONNECT,
            socket = &*self.mount.path,
            transport = self.outbox.meter().transport(),
            user = self.logged_user(),
            address = self.logged_address(),
            reason = self.outbox.end(),
            ?lasted,
            "disconnected"
        );
    }

    /// Encodes a message for this client and queues it.
    pub(crate) fn send(&self, message: &Outgoing<'_>) -> Result<(), FrameError> {
        self.outbox.send(self.version.encode(message)?);
        Ok(())
    }

    /// As [`send`](Self::send), for the protocol's own messages, in JSON. Versions 1 and 2 can
    /// encode them. With a serializer that cannot, the client would wait for ever, so its
    /// connection is closed.
    pub(crate) fn say(&self, message: &Outgoing<'_>) {
        if let Err(error) = self.send(message) {
            tracing::error!(%error, "a message of the protocol's own cannot be sent");
            self.outbox
                .close(close_code::INTERNAL_ERROR, "the serializer failed");
        }
    }

    /// Answers a message with `ok` and nothing else, where no channel does.
    pub(crate) fn confirm(&self, join_ref: &Ref, reference: &Ref, topic: TopicRef<'_>) {
        self.say(&Outgoing::Reply {
            join_ref,
            reference,
            topic,
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

    /// Counts a message of `bytes` until [`message_begun`](Self::message_begun).
    pub(crate) fn message_waits(&self, bytes: usize) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.bytes_wait(bytes);
    }

    pub(crate) fn message_begun(&self, bytes: usize) {
        let limit = self.mount.options.limits.max_waiting_messages;
        if self.waiting.fetch_sub(1, Ordering::Relaxed) == limit {
            self.outbox.wake();
        }
        self.bytes_begun(bytes);
    }

    /// Counts what a join holds until [`bytes_begun`](Self::bytes_begun).
    pub(crate) fn bytes_wait(&self, bytes: usize) {
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes_begun(&self, bytes: usize) {
        let before = self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if self.is_much(before) && !self.is_much(before - bytes) {
            self.outbox.wake();
        }
    }

    /// Returns whether these bytes reach the limit, which is never 0.
    fn is_much(&self, waiting_bytes: usize) -> bool {
        waiting_bytes >= self.mount.options.limits.max_waiting_bytes
    }

    /// Counts a join until the returned guard is dropped.
    pub(crate) fn join_begins(self: &Arc<Self>) -> Joining<S> {
        self.joining.fetch_add(1, Ordering::Relaxed);
        Joining(self.clone())
    }

    pub(crate) fn joins_under_way(&self) -> usize {
        self.joining.load(Ordering::Relaxed)
    }

    /// Returns the limit that the messages which wait for handlers have reached.
    pub(crate) fn busy_limit(&self) -> Option<Limit> {
        let most = self.mount.options.limits.max_waiting_messages;
        if self.waiting.load(Ordering::Relaxed) >= most {
            return Some(Limit::WaitingMessages);
        }
        let is_much = self.is_much(self.waiting_bytes.load(Ordering::Relaxed));
        is_much.then_some(Limit::WaitingBytes)
    }
}

impl<S: UserSocket> Drop for ConnectionShared<S> {
    fn drop(&mut self) {
        // Every channel holds this: the last of them has ended.
        self.outbox.drained();
    }
}

/// A join that has not been answered.
pub(crate) struct Joining<S: UserSocket>(Arc<ConnectionShared<S>>);

impl<S: UserSocket> Drop for Joining<S> {
    fn drop(&mut self) {
        self.0.joining.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the user, as it is logged: its [`id`](UserSocket::id), cut.
pub(super) fn logged_user<S: UserSocket>(user: &S) -> Option<String> {
    let id = call_guarded(|| user.id()).ok()??;
    Some(Cut(&id).to_string())
}

pub(super) fn logged_address(address: Option<IpAddr>) -> Option<DisplayValue<IpAddr>> {
    address.map(tracing::field::display)
}
