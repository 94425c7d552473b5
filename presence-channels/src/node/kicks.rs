//! The end of a user's channels of a topic, as nodes tell it to each other.
//!
//! A kick goes to all nodes on a PubSub topic of its own. Each endpoint hands it to the channels of
//! the kicked topic as a [signal](PubSub::signal), which is no message. No event and no topic that
//! an app takes from its clients ends a channel: the endpoint broadcasts nothing on the kicks'
//! topic for an app.
//!
//! A channel gets signals from the end of its join on. So that no join outruns a kick, the endpoint
//! remembers the last kicks, and each join looks for those that came since its beginning.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use presence_core::pubsub::{Broadcast, Dispatch, Payload, PubSub, Subscriber, Subscription};

use super::topic;

/// The signal to channels whose user has this id, as bytes.
pub(crate) struct Kick(pub(crate) Payload);

/// Returns the message to all nodes: the kicked topic stands as the event.
pub(super) fn message(kicked: &str, id: &str) -> Broadcast {
    Broadcast::new(
        topic::KICK,
        kicked,
        Payload::Binary(id.as_bytes().to_vec().into()),
    )
}

/// Hands kicks on to the channels of this node, until the subscription is dropped.
pub(super) fn listen(pubsub: &PubSub) -> (Subscription, Arc<RecentKicks>) {
    let recent = Arc::<RecentKicks>::default();
    let kicks = Kicks {
        pubsub: pubsub.clone(),
        recent: recent.clone(),
    };
    (pubsub.subscribe(topic::KICK, Arc::new(kicks)), recent)
}

struct Kicks {
    pubsub: PubSub,
    recent: Arc<RecentKicks>,
}

impl Subscriber for Kicks {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let message = dispatch.message();
        // Before the signal: a join that the signal misses finds the kick here.
        self.recent.add(&message.event, message.payload.bytes());
        self.pubsub
            .signal(&message.event, &Kick(message.payload.clone()));
    }
}

/// The number of kicks that are remembered.
const MOST: usize = 1024;

/// The last kicks of all topics, as hashes of topic and id.
#[derive(Default)]
pub(crate) struct RecentKicks {
    /// The number of kicks since the endpoint's start.
    count: AtomicU64,
    hasher: RandomState,
    last: Mutex<VecDeque<u64>>,
}

/// The kicks since a [mark](RecentKicks::mark), as they concern one user in one topic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SinceMark {
    Spared,
    Kicked,
    /// There were more kicks than are remembered.
    Unknown,
}

impl RecentKicks {
    /// Returns the place of the present in the order of kicks.
    pub(crate) fn mark(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    fn add(&self, topic: &str, id: &[u8]) {
        let hash = self.hasher.hash_one((topic, id));
        let mut last = self.last.lock();
        if last.len() == MOST {
            last.pop_front();
        }
        last.push_back(hash);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Looks for the user `id` of `topic` among the kicks since `mark`.
    pub(crate) fn since(&self, mark: u64, topic: &str, id: &str) -> SinceMark {
        if self.mark() == mark {
            return SinceMark::Spared;
        }
        let last = self.last.lock();
        let missed = (self.mark() - mark) as usize;
        let hash = self.hasher.hash_one((topic, id.as_bytes()));
        match last.iter().rev().take(missed).any(|kick| *kick == hash) {
            true => SinceMark::Kicked,
            false if missed > last.len() => SinceMark::Unknown,
            false => SinceMark::Spared,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kicks_after_the_mark_count_and_forgotten_ones_are_told() {
        let recent = RecentKicks::default();
        recent.add("hall:1", b"ann");
        let mark = recent.mark();
        assert_eq!(recent.since(mark, "hall:1", "ann"), SinceMark::Spared);
        recent.add("hall:1", b"bob");
        assert_eq!(recent.since(mark, "hall:1", "ann"), SinceMark::Spared);
        assert_eq!(recent.since(mark, "hall:2", "bob"), SinceMark::Spared);
        assert_eq!(recent.since(mark, "hall:1", "bob"), SinceMark::Kicked);
        assert_eq!(recent.since(0, "hall:1", "ann"), SinceMark::Kicked);
        for number in 1..MOST {
            recent.add("hall:2", number.to_string().as_bytes());
        }
        assert_eq!(recent.since(mark, "hall:1", "bob"), SinceMark::Kicked);
        recent.add("hall:2", b"one more");
        assert_eq!(recent.since(mark, "hall:1", "bob"), SinceMark::Unknown);
        assert_eq!(recent.since(mark, "hall:2", "7"), SinceMark::Kicked);
        let mark = recent.mark();
        assert_eq!(recent.since(mark, "hall:1", "bob"), SinceMark::Spared);
    }
}
