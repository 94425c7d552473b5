//! The subscribers of a topic, and the values that one delivery shares between them.

use std::{any::Any, fmt, sync::Arc};

use super::{Broadcast, Interest, PubSub};

/// Receives the messages of the topics that it is subscribed to.
pub trait Subscriber: Send + Sync + 'static {
    /// Takes one message. Runs on the thread that broadcasts, once for each subscriber of the
    /// topic. It must neither block nor panic.
    fn deliver(&self, dispatch: &mut Dispatch<'_>);

    /// Takes a signal of [`PubSub::signal`]. By default it does nothing. A subscriber recognizes a
    /// signal by its type, which may be private to the crate that sends it. Runs like
    /// [`deliver`](Self::deliver).
    fn signal(&self, signal: &dyn Any) {
        let _ = signal;
    }
}

/// The delivery of one message to all subscribers of its topic on this node.
///
/// A subscriber that needs the message in another form (a WebSocket frame, say) builds it once and
/// leaves it in [`shared`](Self::shared) for the next subscribers.
pub struct Dispatch<'a> {
    message: &'a Broadcast,
    remote: bool,
    shared: Option<Box<dyn Any>>,
}

impl<'a> Dispatch<'a> {
    pub(super) fn new(message: &'a Broadcast, remote: bool) -> Self {
        Self {
            message,
            remote,
            shared: None,
        }
    }

    /// Returns the message.
    #[must_use]
    pub fn message(&self) -> &'a Broadcast {
        self.message
    }

    /// Returns whether the message is from another node: an [`Adapter`](super::Adapter) has put it
    /// into the [`Inbox`](super::Inbox). A node that is overloaded can drop such a message, but
    /// cannot slow down its sender.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.remote
    }

    /// Returns a value that all subscribers of this dispatch share. The first call makes it by
    /// `Default`.
    ///
    /// A dispatch keeps one value. If subscribers ask for values of different types, each change of
    /// type makes a new value: that costs time, but no message.
    pub fn shared<T: Any + Default>(&mut self) -> &mut T {
        if !self.shared.as_ref().is_some_and(|shared| shared.is::<T>()) {
            self.shared = Some(Box::new(T::default()));
        }
        let shared = self
            .shared
            .as_mut()
            .and_then(|shared| shared.downcast_mut());
        shared.expect("a value of this type was put there just now")
    }
}

/// The id of one subscription of one [`PubSub`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(pub(super) u64);

/// A subscription. Dropping it unsubscribes.
#[must_use = "dropping the subscription unsubscribes"]
pub struct Subscription {
    pub(super) pubsub: PubSub,
    pub(super) topic: Arc<str>,
    pub(super) id: SubscriberId,
    pub(super) interest: Interest,
}

impl Subscription {
    /// Returns the id of the subscriber, by which [`PubSub::broadcast_from`] leaves it out.
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.id
    }

    /// Changes the messages that the subscriber gets, from the next message on. No message is lost
    /// or delivered twice.
    pub fn set_interest(&mut self, interest: Interest) {
        let from = std::mem::replace(&mut self.interest, interest);
        let registry = &self.pubsub.inner.registry;
        registry.change(&self.topic, self.id, from, interest);
    }

    /// Returns the topic.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.pubsub.unsubscribe(&self.topic, self.id, self.interest);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("topic", &self.topic)
            .field("id", &self.id)
            .finish()
    }
}
