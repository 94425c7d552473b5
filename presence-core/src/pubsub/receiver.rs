//! A bounded queue of a topic's messages, for tasks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::mpsc;

use super::{Broadcast, Dispatch, PubSub, Subscriber, SubscriberId, Subscription};

/// A bounded queue of the messages of one topic. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Receiver {
    subscription: Subscription,
    queue: mpsc::Receiver<Broadcast>,
    sender: Arc<ReceiverQueue>,
}

#[derive(Debug)]
struct ReceiverQueue {
    queue: mpsc::Sender<Broadcast>,
    missed: AtomicU64,
}

impl Subscriber for ReceiverQueue {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        if self.queue.try_send(dispatch.message().clone()).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Receiver {
    pub(super) fn subscribe(pubsub: &PubSub, topic: &str, capacity: usize) -> Self {
        let (sender, queue) = mpsc::channel(capacity.max(1));
        let sender = Arc::new(ReceiverQueue {
            queue: sender,
            missed: AtomicU64::new(0),
        });
        let subscription = pubsub.subscribe(topic, sender.clone());
        Self {
            subscription,
            queue,
            sender,
        }
    }

    /// Returns the next message, and waits for it if the queue is empty.
    ///
    /// This method is cancel safe: only a call that returns a message takes it off the queue.
    pub async fn recv(&mut self) -> Option<Broadcast> {
        self.queue.recv().await
    }

    /// Returns the next message, or `None` if the queue is empty.
    pub fn try_recv(&mut self) -> Option<Broadcast> {
        self.queue.try_recv().ok()
    }

    /// Returns the number of messages that were dropped because the queue was full.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.sender.missed.load(Ordering::Relaxed)
    }

    /// Returns the id of this receiver, by which [`PubSub::broadcast_from`] leaves it out.
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.subscription.id()
    }
}
