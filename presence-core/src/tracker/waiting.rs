//! The queue of messages from other nodes, for the task that handles them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::log_limit::LogLimitByPeer;
use crate::pubsub::{Dispatch, Payload, Subscriber, TrafficClass};
use crate::replication::message;
use crate::sync::Mutex;
use crate::telemetry;

/// The room that is kept for messages of the class `Control`: a heartbeat of each node of the
/// largest usual cluster ([`max_replicas`](super::TrackerOptions::max_replicas)).
const RESERVE: Room = Room {
    messages: 1024,
    bytes: 1024 * 1024,
};
/// The longest message that is looked at for its class, in bytes. A heartbeat of 256 shards fits.
const MAX_CONTROL: usize = 4 * 1024;

/// A number of messages, and the bytes of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Room {
    messages: usize,
    bytes: usize,
}

/// The entry of the queue. It is bounded in number and in bytes.
///
/// Messages keep their order, whatever their class. Messages of the class `Control` have a reserve
/// beyond the bound: a flood of changes costs no heartbeat.
#[derive(Debug)]
pub(super) struct MessageQueue {
    presence: &'static str,
    /// Unbounded: `waiting` is what counts.
    messages: mpsc::UnboundedSender<Bytes>,
    waiting: Arc<Mutex<Room>>,
    most: Room,
    full: LogLimitByPeer,
}

/// The exit of the queue.
#[derive(Debug)]
pub(super) struct WaitingMessages {
    messages: mpsc::UnboundedReceiver<Bytes>,
    waiting: Arc<Mutex<Room>>,
}

/// Creates a queue of at most `messages`, of at most `bytes` together. An empty queue takes a
/// message of any size.
pub(super) fn queue(
    presence: &'static str,
    messages: usize,
    bytes: usize,
) -> (MessageQueue, WaitingMessages) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::<Mutex<Room>>::default();
    let queue = MessageQueue {
        presence,
        messages: sender,
        waiting: Arc::clone(&waiting),
        most: Room { messages, bytes },
        full: LogLimitByPeer::default(),
    };
    let messages = receiver;
    (queue, WaitingMessages { messages, waiting })
}

impl Room {
    fn add(self, length: usize) -> Self {
        Self {
            messages: self.messages + 1,
            bytes: self.bytes + length,
        }
    }

    fn fits(self, most: Self) -> bool {
        self.messages <= most.messages && self.bytes <= most.bytes
    }
}

impl MessageQueue {
    /// Returns whether there was room.
    pub(super) fn push(&self, message: Bytes) -> bool {
        let mut waiting = self.waiting.lock();
        let after = waiting.add(message.len());
        let is_empty = waiting.messages == 0;
        if !is_empty && !after.fits(self.most) {
            let most = Room {
                messages: self.most.messages + RESERVE.messages,
                bytes: self.most.bytes + RESERVE.bytes,
            };
            if !after.fits(most) || !is_control(&message) {
                return false;
            }
        }
        *waiting = after;
        // Under the lock: the receiver takes off what it got.
        let taken = self.messages.send(message).is_ok();
        if !taken {
            *waiting = Room::default();
        }
        taken
    }
}

/// Returns whether a message of a tracker is one without which a healthy node looks dead. For a
/// full queue only: it decodes the message.
pub(crate) fn is_control(message: &[u8]) -> bool {
    let decoded = (message.len() <= MAX_CONTROL).then(|| message::decode(message));
    matches!(decoded, Some(Ok((_, body))) if body.class() == TrafficClass::Control)
}

impl Subscriber for MessageQueue {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let Payload::Binary(bytes) = &dispatch.message().payload else {
            return;
        };
        if self.push(bytes.clone()) || self.messages.is_closed() {
            return;
        }
        telemetry::message_dropped(self.presence);
        if let Some(times) = self.full.pass(None) {
            tracing::warn!(
                presence = self.presence,
                times,
                "this node does not keep up with the messages of other nodes; some are dropped, \
                 and asked for again"
            );
        }
    }
}

impl WaitingMessages {
    /// Returns the next message, or `None` after the subscription has ended.
    ///
    /// This method is cancel safe.
    pub(super) async fn recv(&mut self) -> Option<Bytes> {
        let message = self.messages.recv().await?;
        let mut waiting = self.waiting.lock();
        waiting.messages -= 1;
        waiting.bytes -= message.len();
        Some(message)
    }
}

#[cfg(test)]
mod tests;
