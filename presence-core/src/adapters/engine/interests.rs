//! The buckets in which this node has subscribers.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::subjects::BUCKETS;

/// Counts the topics of each bucket. When [`changed`](Self::changed) returns, the task that
/// subscribes for this node compares [`wanted`](Self::wanted) with its subscriptions. So nothing
/// queues up, however fast topics come and go.
///
/// A node subscribes to all wanted buckets before it sends a message. So a peer that learns from
/// the message that a member joined can already reach this member.
#[derive(Debug)]
pub(in crate::adapters) struct Interests {
    topics: Mutex<Box<[u32]>>,
    /// Set if they changed after `wanted` was called.
    stale: AtomicBool,
    changed: Notify,
}

impl Default for Interests {
    fn default() -> Self {
        Self {
            topics: Mutex::new(vec![0; usize::from(BUCKETS)].into()),
            stale: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }
}

impl Interests {
    /// Counts a topic of `bucket` that got its first subscriber.
    pub(super) fn add(&self, bucket: u16) {
        let mut topics = self.topics.lock();
        let count = &mut topics[usize::from(bucket)];
        *count += 1;
        if *count == 1 {
            self.change();
        }
    }

    /// Counts a topic of `bucket` that lost its last subscriber.
    pub(super) fn remove(&self, bucket: u16) {
        let mut topics = self.topics.lock();
        let count = &mut topics[usize::from(bucket)];
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.change();
        }
    }

    fn change(&self) {
        self.stale.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Returns all buckets with subscribers.
    pub(in crate::adapters) fn wanted(&self) -> BTreeSet<u16> {
        self.stale.store(false, Ordering::Release);
        let topics = self.topics.lock();
        (0..BUCKETS)
            .filter(|bucket| topics[usize::from(*bucket)] > 0)
            .collect()
    }

    /// Returns whether a bucket became wanted or unwanted after [`wanted`](Self::wanted) was
    /// called.
    pub(in crate::adapters) fn stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    /// Waits until the wanted buckets are [`stale`](Self::stale). For one task.
    ///
    /// This method is cancel safe.
    pub(in crate::adapters) async fn changed(&self) {
        while !self.stale() {
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_is_wanted_from_its_first_topic_to_its_last() {
        let interests = Interests::default();
        let changed = async || {
            let wait = tokio::time::timeout(std::time::Duration::from_secs(1), interests.changed());
            wait.await.is_ok()
        };
        assert!(!changed().await);
        interests.add(3);
        interests.add(3);
        interests.add(1023);
        assert!(changed().await);
        assert_eq!(interests.wanted(), BTreeSet::from([3, 1023]));
        interests.remove(3);
        assert!(!changed().await);
        assert!(!interests.stale());
        interests.remove(3);
        assert!(changed().await && interests.stale());
        assert_eq!(interests.wanted(), BTreeSet::from([1023]));
    }
}
