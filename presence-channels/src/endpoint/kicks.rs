//! The end of a user's channels of a topic, as nodes tell it to each other.
//!
//! A kick goes to all nodes on a PubSub topic of its own. Each endpoint hands it to the channels of
//! the kicked topic as a [signal](PubSub::signal), which is no message. No event that an app takes
//! from its clients ends a channel.

use std::sync::Arc;

use presence_core::pubsub::{Broadcast, Dispatch, Payload, PubSub, Subscriber, Subscription};

/// The topic of kicks, which no client can join.
pub(crate) const TOPIC: &str = "phx:kick";

/// The signal to channels whose user has this id, as bytes.
pub(crate) struct Kick(pub(crate) Payload);

/// Returns the message to all nodes: the kicked topic stands as the event.
pub(super) fn message(topic: &str, id: &str) -> Broadcast {
    Broadcast::new(TOPIC, topic, Payload::Binary(id.as_bytes().to_vec().into()))
}

/// Hands kicks on to the channels of this node, until the subscription is dropped.
pub(super) fn listen(pubsub: &PubSub) -> Subscription {
    pubsub.subscribe(TOPIC, Arc::new(Kicks(pubsub.clone())))
}

struct Kicks(PubSub);

impl Subscriber for Kicks {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let message = dispatch.message();
        self.0
            .signal(&message.event, &Kick(message.payload.clone()));
    }
}
