//! The topics of one node and their subscribers.

use std::{
    any::Any,
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{Broadcast, Dispatch, Subscriber, SubscriberId, segments::Subscribers};

/// Topics are spread over this many locks, so that busy rooms seldom meet.
const STRIPES: usize = 64;

/// Some of the topics, behind one lock.
type Stripe = Mutex<HashMap<Arc<str>, Subscribers>>;

pub(super) struct Registry {
    stripes: Box<[Stripe]>,
    hasher: RandomState,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Registry {
    fn stripe(&self, topic: &str) -> &Stripe {
        &self.stripes[self.hasher.hash_one(topic) as usize % STRIPES]
    }

    /// Adds a subscriber. Returns the topic as the table holds it, so that a room of 10,000 holds
    /// its name once, and whether this is its first subscriber.
    pub(super) fn insert(
        &self,
        topic: &str,
        id: SubscriberId,
        subscriber: Arc<dyn Subscriber>,
    ) -> (Arc<str>, bool) {
        let mut topics = self.stripe(topic).lock();
        let name = match topics.get_key_value(topic) {
            Some((name, _)) => name.clone(),
            None => Arc::from(topic),
        };
        let subscribers = topics.entry(name.clone()).or_default();
        let first = subscribers.is_empty();
        subscribers.insert(id, subscriber);
        (name, first)
    }

    /// Removes a subscriber. Returns whether it was the last one of the topic.
    pub(super) fn remove(&self, topic: &str, id: SubscriberId) -> bool {
        let mut topics = self.stripe(topic).lock();
        let Some(subscribers) = topics.get_mut(topic) else {
            return false;
        };
        let gone = subscribers.remove(id);
        let last = subscribers.is_empty();
        if last {
            topics.remove(topic);
        }
        // Dropping a subscriber runs code that is not ours; it may use this very stripe.
        drop(topics);
        last && gone.is_some()
    }

    /// Delivers a message of this node to its subscribers, but not to `except`.
    pub(super) fn dispatch(&self, message: &Broadcast, except: Option<SubscriberId>) {
        self.deliver(message, except, false);
    }

    /// Delivers a message of another node.
    pub(super) fn dispatch_remote(&self, message: &Broadcast) {
        self.deliver(message, None, true);
    }

    fn deliver(&self, message: &Broadcast, except: Option<SubscriberId>, remote: bool) {
        let Some(subscribers) = self.find(&message.topic) else {
            return;
        };
        let mut dispatch = Dispatch::new(message, remote);
        for segment in subscribers.segments() {
            for (id, subscriber) in segment.iter() {
                if Some(*id) != except {
                    subscriber.deliver(&mut dispatch);
                }
            }
        }
    }

    /// Hands `signal` to the subscribers of `topic`.
    pub(super) fn signal(&self, topic: &str, signal: &dyn Any) {
        let Some(subscribers) = self.find(topic) else {
            return;
        };
        for segment in subscribers.segments() {
            segment
                .iter()
                .for_each(|(_, subscriber)| subscriber.signal(signal));
        }
    }

    fn find(&self, topic: &str) -> Option<Subscribers> {
        self.stripe(topic).lock().get(topic).cloned()
    }

    pub(super) fn count(&self, topic: &str) -> usize {
        self.stripe(topic)
            .lock()
            .get(topic)
            .map_or(0, Subscribers::count)
    }
}
