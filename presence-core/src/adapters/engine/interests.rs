//! The buckets in which this node has subscribers.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::subjects::BUCKETS;

/// Counts topics a bucket. Whoever subscribes for this node compares [`wanted`](Self::wanted) with what it
/// has, whenever [`changed`](Self::changed) says so: however fast topics come and go, nothing queues up.
#[derive(Debug)]
pub(in crate::adapters) struct Interests {
    topics: Mutex<Box<[u32]>>,
    changed: Notify,
}

impl Default for Interests {
    fn default() -> Self {
        Self {
            topics: Mutex::new(vec![0; usize::from(BUCKETS)].into()),
            changed: Notify::new(),
        }
    }
}

impl Interests {
    /// A topic of `bucket` has got its first subscriber.
    pub(super) fn add(&self, bucket: u16) {
        let mut topics = self.topics.lock();
        let count = &mut topics[usize::from(bucket)];
        *count += 1;
        if *count == 1 {
            self.changed.notify_one();
        }
    }

    /// A topic of `bucket` has lost its last subscriber.
    pub(super) fn remove(&self, bucket: u16) {
        let mut topics = self.topics.lock();
        let count = &mut topics[usize::from(bucket)];
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.changed.notify_one();
        }
    }

    /// All buckets with subscribers.
    pub(in crate::adapters) fn wanted(&self) -> BTreeSet<u16> {
        let topics = self.topics.lock();
        (0..BUCKETS)
            .filter(|bucket| topics[usize::from(*bucket)] > 0)
            .collect()
    }

    /// Returns once a bucket has become wanted or unwanted since it returned last. For one task.
    ///
    /// Cancel safe.
    pub(in crate::adapters) async fn changed(&self) {
        self.changed.notified().await;
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
        assert_eq!(interests.wanted(), BTreeSet::from([3, 1023]));
        interests.remove(3);
        assert!(changed().await);
        assert_eq!(interests.wanted(), BTreeSet::from([1023]));
    }
}
