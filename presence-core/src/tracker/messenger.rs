//! The messages of a tracker to and from other nodes, by its PubSub.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::changes::MAX_NAME_BYTES;
use super::waiting::{self, WaitingMessages};
use super::{Host, TrackerOptions};
use crate::log_limit::LogLimitByPeer;
use crate::pubsub::{
    AdapterError, Broadcast, EngineState, Payload, PeerHint, PubSub, PubSubError, SubscriberId,
    Subscription, TrafficClass,
};
use crate::replication::node::{Rejected, ReplicaEvent};
use crate::replication::set::ReplicaName;
use crate::sync::Mutex;

/// The most messages that may wait to be handled, and the most bytes of them. Further ones are
/// dropped and counted, as by a network, and replication makes up for them.
const WAITING: usize = 4096;
const WAITING_BYTES: usize = 16 * 1024 * 1024;
/// The most events that a slow receiver may be behind.
const EVENTS: usize = 256;
/// The most bytes that a frame, and the message in it, have around their contents: the names of two
/// nodes, of the topic and of the event, and a few numbers.
const AROUND: usize = 1024;
/// The least that messages are cut to, which is the least `chunk_bytes` of the options too.
const MIN_CHUNK: usize = 256;

/// The event of all messages between trackers.
const EVENT: &str = "replicate";

/// The prefix of the topics on which the trackers of a cluster exchange messages. The
/// [name](crate::Presence::NAME) of the presence follows. Clients must not join these topics.
pub const TOPIC_PREFIX: &str = "phx_presence:";

/// Sends a tracker's messages to other nodes, and reports what happens to those nodes.
#[derive(Debug)]
pub(super) struct Messenger {
    presence: &'static str,
    pubsub: PubSub,
    /// The topic that all trackers of this presence subscribe to.
    topic: Arc<str>,
    event: Arc<str>,
    /// The subscription of this tracker, which must not get the tracker's own messages.
    me: Mutex<Option<SubscriberId>>,
    events: broadcast::Sender<ReplicaEvent>,
    /// The limit on logs of rejected messages from other nodes.
    refused: LogLimitByPeer,
    /// The limit on logs of messages that are too large for the engine.
    too_large: LogLimitByPeer,
    /// The sizes that messages and metas are cut to, since the start.
    sizes: Sizes,
    /// Set once it was logged that the engine carries less than these sizes.
    pub(super) shrank: AtomicBool,
}

/// The sizes that messages and metas are cut to, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) chunk_bytes: usize,
    pub(super) max_meta_bytes: usize,
}

impl Sizes {
    /// Returns these sizes, or lower ones if the engine carries less.
    pub(super) fn fit(self, engine: Option<usize>) -> Self {
        Self {
            chunk_bytes: chunk_bytes(self.chunk_bytes, engine),
            max_meta_bytes: max_meta_bytes(self.max_meta_bytes, engine),
        }
    }
}

impl Messenger {
    pub(super) fn new(presence: &'static str, pubsub: &PubSub, options: &TrackerOptions) -> Self {
        Self {
            presence,
            pubsub: pubsub.clone(),
            topic: format!("{TOPIC_PREFIX}{presence}").into(),
            event: EVENT.into(),
            me: Mutex::new(None),
            events: broadcast::Sender::new(EVENTS),
            refused: LogLimitByPeer::default(),
            too_large: LogLimitByPeer::default(),
            sizes: options.sizes(),
            shrank: AtomicBool::new(false),
        }
    }

    /// Subscribes to the messages of other nodes. The receiver gets them while the subscription
    /// lives.
    pub(super) fn listen(&self) -> (Subscription, WaitingMessages) {
        let (queue, messages) = waiting::queue(self.presence, WAITING, WAITING_BYTES);
        let subscription = self.pubsub.subscribe(&self.topic, Arc::new(queue));
        *self.me.lock() = Some(subscription.id());
        (subscription, messages)
    }

    /// Returns the name of the presence.
    pub(super) fn presence(&self) -> &'static str {
        self.presence
    }

    /// Returns a receiver of the engine's hints about other nodes.
    pub(super) fn hints(&self) -> broadcast::Receiver<PeerHint> {
        self.pubsub.peer_hints()
    }

    /// Returns a receiver of the engine's state.
    pub(super) fn engine_state(&self) -> watch::Receiver<EngineState> {
        self.pubsub.engine_state()
    }

    pub(super) fn broadcast(&self, class: TrafficClass, bytes: Bytes) {
        let Some(me) = *self.me.lock() else {
            return;
        };
        let message = self.message(bytes);
        let sent = self.pubsub.broadcast_from_as(class, me, &message);
        self.sent(sent);
    }

    pub(super) fn direct(&self, to: &ReplicaName, class: TrafficClass, bytes: Bytes) {
        let message = self.message(bytes);
        let sent = self.pubsub.direct_as(class, to.as_str(), &message);
        self.sent(sent);
    }

    /// Logs once if the engine, now that it is connected, carries less than this node's messages
    /// were cut to at its start. The sizes stay: metas that were accepted would not fit any more.
    fn check_sizes(&self) {
        let Some(engine_bytes) = self.shrunk_limit() else {
            return;
        };
        if !self.shrank.swap(true, Ordering::Relaxed) {
            let Sizes {
                chunk_bytes,
                max_meta_bytes,
            } = self.sizes.fit(Some(engine_bytes));
            tracing::warn!(
                presence = self.presence,
                engine_bytes,
                chunk_bytes,
                max_meta_bytes,
                "the engine carries less than this node's messages were cut to at its start, and larger messages \
                 do not reach the other nodes: restart this node, or set TrackerOptions::chunk_bytes and \
                 max_meta_bytes to these values, or raise the engine's limit"
            );
        }
    }

    /// Returns the engine's limit if messages or metas of this node may exceed what fits.
    fn shrunk_limit(&self) -> Option<usize> {
        let limit = self.pubsub.max_message_bytes();
        limit.filter(|_| self.sizes.fit(limit) != self.sizes)
    }

    fn message(&self, bytes: Bytes) -> Broadcast {
        Broadcast {
            topic: Arc::clone(&self.topic),
            event: Arc::clone(&self.event),
            payload: Payload::Binary(bytes),
        }
    }

    /// Logs a message that was not sent. Replication makes up for it as for a lost message, unless
    /// it is too large, which is a warning.
    fn sent(&self, sent: Result<(), PubSubError>) {
        let Err(error) = sent else { return };
        let presence = self.presence;
        if let PubSubError::Adapter(AdapterError::TooLarge { bytes, limit }) = error {
            if let Some(times) = self.too_large.pass(None) {
                tracing::warn!(
                    presence,
                    bytes,
                    limit,
                    times,
                    "the engine does not carry a message to other nodes: raise its limit, or track smaller metas; \
                     until then what they see may differ"
                );
            }
            return;
        }
        tracing::debug!(presence, %error, "a message to another node was not sent");
    }

    pub(super) fn events(&self) -> broadcast::Receiver<ReplicaEvent> {
        self.events.subscribe()
    }

    pub(super) fn became(&self, event: ReplicaEvent) {
        let presence = self.presence;
        match &event {
            ReplicaEvent::Up(origin) => {
                tracing::info!(presence, node = %origin.name, "a node is up");
            }
            ReplicaEvent::Left(origin) => {
                tracing::info!(presence, node = %origin.name, "a node left");
            }
            ReplicaEvent::Down(origin) => {
                tracing::warn!(presence, node = %origin.name, "a node is down: its presences are hidden");
            }
            ReplicaEvent::Permdown(origin) => {
                tracing::warn!(presence, node = %origin.name, "a node is given up: its presences are forgotten");
            }
            ReplicaEvent::Conflict { mine, theirs } => tracing::error!(
                presence,
                node = %mine.name,
                mine = %mine.incarnation,
                theirs = %theirs,
                "two live nodes have this name, started as the one and as the other: give each a name of its own"
            ),
            ReplicaEvent::TooMany(name) => self.rejected(&Rejected {
                from: Some(name.to_string()),
                reason: "there are as many nodes as max_replicas allows".into(),
            }),
        }
        // An error means that there is no receiver.
        let _ = self.events.send(event);
    }

    pub(super) fn rejected(&self, rejected: &Rejected) {
        if let Some(dropped) = self.refused.pass(rejected.from.as_deref()) {
            tracing::warn!(
                presence = self.presence,
                from = rejected.from.as_deref().unwrap_or("somebody"),
                reason = rejected.reason,
                dropped,
                "messages of other nodes were dropped"
            );
        }
    }
}

/// Returns the size that messages are cut to: the option's, or less if the engine carries less.
///
/// Half of the engine's limit, because a message may have one more entry, or a few hundred
/// removals.
pub(crate) fn chunk_bytes(wanted: usize, engine: Option<usize>) -> usize {
    wanted.min(half(engine).max(MIN_CHUNK))
}

/// Returns the longest meta: the option's, or less if the engine carries less. A presence that fits
/// in no message would stay on this node, and block all later changes from the other nodes.
pub(super) fn max_meta_bytes(wanted: usize, engine: Option<usize>) -> usize {
    wanted.min(half(engine))
}

/// Returns the longest topic, and the longest key, so that both and a meta fit into one message.
pub(super) fn max_name_bytes(engine: Option<usize>) -> usize {
    MAX_NAME_BYTES.min(half(engine) / 2)
}

/// Returns half of the engine's limit.
fn half(engine: Option<usize>) -> usize {
    engine.map_or(usize::MAX, |limit| limit.saturating_sub(AROUND) / 2)
}

/// Handles the messages of other nodes, and the engine's hints about them, one after another.
pub(super) async fn run(
    host: Arc<Host>,
    subscription: Subscription,
    mut messages: WaitingMessages,
    mut hints: broadcast::Receiver<PeerHint>,
) {
    let mut lag = host.lag_meter();
    let mut engine = host.messenger.engine_state();
    // The state may differ from the beginning.
    engine.mark_changed();
    loop {
        tokio::select! {
            _ = host.closed.wait() => break,
            Ok(()) = engine.changed() => {
                let state = *engine.borrow_and_update();
                host.engine_is(state);
                if state == EngineState::Connected {
                    host.messenger.check_sizes();
                }
            }
            Some(message) = messages.recv() => host.receive(&message),
            () = lag.due() => lag.look(host.behind()),
            hint = hints.recv() => match hint {
                Ok(PeerHint::Gone(name)) => host.peer_lost(&name),
                Ok(PeerHint::Seen(name)) => host.peer_seen(&name),
                // Heartbeats make up for missed hints.
                Err(RecvError::Lagged(_)) => {}
                // Cannot happen: the host holds the PubSub that sends the hints.
                Err(RecvError::Closed) => break,
            },
        }
    }
    drop(subscription);
}

/// Sends the heartbeats of this node, independently of its other work.
pub(super) async fn beat(host: Arc<Host>) {
    while let Some(next) = host.next_beat() {
        tokio::select! {
            _ = host.closed.wait() => return,
            () = tokio::time::sleep_until(next) => host.beat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_fit_what_the_engine_carries() {
        let default = crate::replication::options::NodeOptions::default().chunk_bytes;
        assert_eq!(chunk_bytes(default, None), default);
        assert_eq!(chunk_bytes(default, Some(1024 * 1024)), default);
        assert_eq!(chunk_bytes(default, Some(16 * 1024)), 7680);
        assert_eq!(chunk_bytes(300, Some(16 * 1024)), 300);
        assert_eq!(max_meta_bytes(16_384, None), 16_384);
        assert_eq!(max_meta_bytes(16_384, Some(1024 * 1024)), 16_384);
        assert_eq!(max_meta_bytes(16_384, Some(16 * 1024)), 7680);
        assert_eq!(max_name_bytes(Some(1024 * 1024)), MAX_NAME_BYTES);
        assert_eq!(max_name_bytes(Some(16 * 1024)), 3840);
        // Nothing fits. The node logs each message that is not sent.
        assert_eq!(chunk_bytes(default, Some(100)), MIN_CHUNK);
    }
}
