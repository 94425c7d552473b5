//! Those who listen to a topic, and what one delivery shares between them.

use std::{any::Any, fmt, sync::Arc};

use super::{Broadcast, PubSub};

/// Gets the messages of the topics it is subscribed to.
pub trait Subscriber: Send + Sync + 'static {
    /// Takes one message. Runs on the broadcasting thread, once for each subscriber of the topic:
    /// it must neither block nor panic.
    fn deliver(&self, dispatch: &mut Dispatch<'_>);
}

/// One message on its way to all subscribers of its topic on this node.
///
/// Subscribers that need the message in another shape (a WebSocket frame, say) build it once and
/// leave it in [`shared`](Self::shared) for those after them.
pub struct Dispatch<'a> {
    message: &'a Broadcast,
    shared: Option<Box<dyn Any>>,
}

impl<'a> Dispatch<'a> {
    pub(super) fn new(message: &'a Broadcast) -> Self {
        Self {
            message,
            shared: None,
        }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &'a Broadcast {
        self.message
    }

    /// A value that all subscribers of this dispatch share; made by `Default` for the first who
    /// asks. One value is kept: subscribers of different types that both share lose speed, not
    /// messages.
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

/// Names one subscription of one [`PubSub`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(pub(super) u64);

/// A subscription. Dropping it unsubscribes.
#[must_use = "dropping the subscription unsubscribes"]
pub struct Subscription {
    pub(super) pubsub: PubSub,
    pub(super) topic: Arc<str>,
    pub(super) id: SubscriberId,
}

impl Subscription {
    /// What [`PubSub::broadcast_from`] takes to leave this subscriber out.
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.id
    }

    /// The topic subscribed to.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.pubsub.unsubscribe(&self.topic, self.id);
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
