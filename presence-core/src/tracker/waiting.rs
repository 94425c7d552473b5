//! The queue of messages from other nodes, for the task that handles them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::log_limit::LogLimitByPeer;
use crate::pubsub::{Dispatch, Payload, Subscriber};
use crate::telemetry;

/// The entry of the queue. It is bounded in number and in bytes.
#[derive(Debug)]
pub(super) struct MessageQueue {
    presence: &'static str,
    messages: mpsc::Sender<Bytes>,
    /// The bytes of the messages that wait.
    bytes: Arc<AtomicUsize>,
    most_bytes: usize,
    full: LogLimitByPeer,
}

/// The exit of the queue.
#[derive(Debug)]
pub(super) struct WaitingMessages {
    messages: mpsc::Receiver<Bytes>,
    bytes: Arc<AtomicUsize>,
}

/// Creates a queue of at most `most` messages, of at most `most_bytes` together. An empty queue
/// takes a message of any size.
pub(super) fn queue(
    presence: &'static str,
    most: usize,
    most_bytes: usize,
) -> (MessageQueue, WaitingMessages) {
    let (sender, receiver) = mpsc::channel(most);
    let bytes = Arc::<AtomicUsize>::default();
    let queue = MessageQueue {
        presence,
        messages: sender,
        bytes: Arc::clone(&bytes),
        most_bytes,
        full: LogLimitByPeer::default(),
    };
    let messages = receiver;
    (queue, WaitingMessages { messages, bytes })
}

impl MessageQueue {
    /// Returns whether there was room.
    fn push(&self, message: Bytes) -> bool {
        let length = message.len();
        let add = |waiting: usize| {
            let after = waiting.checked_add(length)?;
            (waiting == 0 || after <= self.most_bytes).then_some(after)
        };
        let ordering = Ordering::Relaxed;
        if self.bytes.fetch_update(ordering, ordering, add).is_err() {
            return false;
        }
        let taken = self.messages.try_send(message).is_ok();
        if !taken {
            self.bytes.fetch_sub(length, ordering);
        }
        taken
    }
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
        self.bytes.fetch_sub(message.len(), Ordering::Relaxed);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Bytes {
        vec![0; bytes].into()
    }

    #[tokio::test]
    async fn the_queue_is_bounded_in_bytes() {
        let (queue, mut messages) = queue("test", 100, 1000);
        assert!(queue.push(message(600)));
        assert!(!queue.push(message(600)));
        assert!(queue.push(message(400)));
        assert!(!queue.push(message(1)));
        assert_eq!(messages.recv().await.unwrap().len(), 600);
        assert!(queue.push(message(600)));
        while queue.bytes.load(Ordering::Relaxed) > 0 {
            messages.recv().await.unwrap();
        }
        // Otherwise it would never arrive.
        assert!(queue.push(message(5000)));
        assert!(!queue.push(message(1)));
    }

    #[tokio::test]
    async fn the_queue_is_bounded_in_number() {
        let (queue, mut messages) = queue("test", 2, 1000);
        assert!(queue.push(message(1)) && queue.push(message(1)));
        assert!(!queue.push(message(1)));
        assert_eq!(queue.bytes.load(Ordering::Relaxed), 2);
        messages.recv().await.unwrap();
        assert!(queue.push(message(1)));
    }
}
