//! The topics of one node and their subscribers.

use std::{
    any::Any,
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{Broadcast, Dispatch, Interest, Subscriber, SubscriberId, segments::Subscribers};
use crate::tracker::PRESENCE_DIFF;

/// Topics are spread over this many locks, so that busy rooms seldom meet.
const STRIPES: usize = 64;

/// Some of the topics.
#[derive(Default)]
struct Stripe {
    /// Held while a topic's first subscriber is added or its last one removed, and the adapter is
    /// informed. So the adapter is informed in the order of the changes. Locked before `topics`; a
    /// dispatch never locks it, so an adapter may deliver meanwhile.
    changing: Mutex<()>,
    topics: Mutex<HashMap<Arc<str>, Table>>,
}

/// The subscribers of one topic, by their interest. A clone shares them.
#[derive(Clone, Default)]
struct Table {
    all: Subscribers,
    /// `None` in most topics, where all are interested in everything.
    less: Option<Box<Less>>,
}

/// The subscribers that do not want each change of a presence.
#[derive(Clone, Default)]
struct Less {
    without_diffs: Subscribers,
    counts: Subscribers,
}

impl Table {
    fn of(&mut self, interest: Interest) -> &mut Subscribers {
        match interest {
            Interest::All => &mut self.all,
            Interest::WithoutDiffs => &mut self.less.get_or_insert_default().without_diffs,
            Interest::Counts => &mut self.less.get_or_insert_default().counts,
        }
    }

    fn remove(&mut self, id: SubscriberId, interest: Interest) -> Option<Arc<dyn Subscriber>> {
        let gone = self.of(interest).remove(id);
        self.less.take_if(|less| less.is_empty());
        gone
    }

    fn is_empty(&self) -> bool {
        self.all.is_empty() && self.less.is_none()
    }

    fn count(&self) -> usize {
        let less = self
            .less
            .as_ref()
            .map_or(0, |less| less.without_diffs.count() + less.counts.count());
        self.all.count() + less
    }

    /// Returns the subscribers that get a message of this event, in segments.
    fn listeners(&self, event: &str) -> impl Iterator<Item = &Subscribers> {
        let less = self.less.as_ref().filter(|_| event != PRESENCE_DIFF);
        std::iter::once(&self.all).chain(
            less.into_iter()
                .flat_map(|less| [&less.without_diffs, &less.counts]),
        )
    }
}

impl Less {
    fn is_empty(&self) -> bool {
        self.without_diffs.is_empty() && self.counts.is_empty()
    }
}

pub(super) struct Registry {
    stripes: Box<[Stripe]>,
    hasher: RandomState,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Registry {
    fn stripe(&self, topic: &str) -> &Stripe {
        &self.stripes[self.hasher.hash_one(topic) as usize % STRIPES]
    }

    /// Adds a subscriber. Returns the topic as the table holds it, so that a room of 10,000 holds
    /// its name once. If this is its first subscriber, calls `first` before a later change of the
    /// topic.
    pub(super) fn insert(
        &self,
        topic: &str,
        id: SubscriberId,
        interest: Interest,
        subscriber: Arc<dyn Subscriber>,
        first: impl FnOnce(&str),
    ) -> Arc<str> {
        let stripe = self.stripe(topic);
        let _changing = stripe.changing.lock();
        let mut topics = stripe.topics.lock();
        let name = match topics.get_key_value(topic) {
            Some((name, _)) => name.clone(),
            None => Arc::from(topic),
        };
        let table = topics.entry(name.clone()).or_default();
        let is_first = table.is_empty();
        table.of(interest).insert(id, subscriber);
        drop(topics);
        if is_first {
            first(&name);
        }
        name
    }

    /// Removes a subscriber. If it was the last one of the topic, calls `last` before a later
    /// change of the topic.
    pub(super) fn remove(
        &self,
        topic: &str,
        id: SubscriberId,
        interest: Interest,
        last: impl FnOnce(&str),
    ) {
        let stripe = self.stripe(topic);
        let changing = stripe.changing.lock();
        let mut topics = stripe.topics.lock();
        let Some(table) = topics.get_mut(topic) else {
            return;
        };
        let gone = table.remove(id, interest);
        let is_last = table.is_empty();
        if is_last {
            topics.remove(topic);
        }
        drop(topics);
        if is_last && gone.is_some() {
            last(topic);
        }
        // Dropping a subscriber runs code that is not ours; it may use this very stripe.
        drop(changing);
        drop(gone);
    }

    /// Changes the interest of a subscriber, in one step.
    pub(super) fn change(&self, topic: &str, id: SubscriberId, from: Interest, to: Interest) {
        let mut topics = self.stripe(topic).topics.lock();
        if let Some(table) = topics.get_mut(topic)
            && let Some(subscriber) = table.of(from).remove(id)
        {
            table.of(to).insert(id, subscriber);
            table.less.take_if(|less| less.is_empty());
        }
    }

    /// Delivers a count to the subscribers that want counts.
    pub(super) fn dispatch_count(&self, message: &Broadcast) {
        let Some(less) = self.find(&message.topic).and_then(|table| table.less) else {
            return;
        };
        let mut dispatch = Dispatch::new(message, false);
        for (_, subscriber) in less
            .counts
            .segments()
            .iter()
            .flat_map(|segment| segment.iter())
        {
            subscriber.deliver(&mut dispatch);
        }
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
        let Some(table) = self.find(&message.topic) else {
            return;
        };
        let mut dispatch = Dispatch::new(message, remote);
        for subscribers in table.listeners(&message.event) {
            for segment in subscribers.segments() {
                for (id, subscriber) in segment.iter() {
                    if Some(*id) != except {
                        subscriber.deliver(&mut dispatch);
                    }
                }
            }
        }
    }

    /// Hands `signal` to the subscribers of `topic`.
    pub(super) fn signal(&self, topic: &str, signal: &dyn Any) {
        let Some(table) = self.find(topic) else {
            return;
        };
        for subscribers in table.listeners("") {
            for (_, subscriber) in subscribers
                .segments()
                .iter()
                .flat_map(|segment| segment.iter())
            {
                subscriber.signal(signal);
            }
        }
    }

    fn find(&self, topic: &str) -> Option<Table> {
        self.stripe(topic).topics.lock().get(topic).cloned()
    }

    pub(super) fn count(&self, topic: &str) -> usize {
        let topics = self.stripe(topic).topics.lock();
        topics.get(topic).map_or(0, Table::count)
    }
}
