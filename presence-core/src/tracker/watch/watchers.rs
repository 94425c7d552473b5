//! The watchers of all topics of a tracker.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use tokio::sync::mpsc;

use crate::presence::Diff;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The most diffs that a watcher may be behind, and the most bytes of their JSON. If no diff waits,
/// a diff of any size may.
const MAX_BEHIND: usize = 256;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A diff of a topic, and its number among the diffs of the topic's shard.
#[derive(Debug)]
pub(super) struct NumberedDiff {
    pub(super) number: u64,
    pub(super) diff: Arc<Diff>,
    bytes: usize,
    lag: Arc<Lag>,
}

impl Drop for NumberedDiff {
    fn drop(&mut self) {
        self.lag.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// The distance of one watcher from the last diff.
#[derive(Debug, Default)]
struct Lag {
    /// The bytes of the diffs that wait.
    bytes: AtomicUsize,
    /// Set if a diff was lost.
    is_lost: AtomicBool,
}

type ByTopic = Mutex<HashMap<Arc<str>, Vec<Watcher>>>;

/// The watchers, by topic.
#[derive(Debug, Default)]
pub(in crate::tracker) struct Watchers(Arc<ByTopic>);

#[derive(Debug)]
struct Watcher {
    diffs: mpsc::Sender<NumberedDiff>,
    lag: Arc<Lag>,
}

impl Watcher {
    /// Sends a diff. Only one thread at a time does.
    fn send(&self, number: u64, diff: &Arc<Diff>, bytes: usize) {
        let waiting = self.lag.bytes.fetch_add(bytes, Ordering::AcqRel);
        let next = NumberedDiff {
            number,
            diff: Arc::clone(diff),
            bytes,
            lag: Arc::clone(&self.lag),
        };
        let fits = waiting == 0 || waiting.saturating_add(bytes) <= MAX_BYTES;
        if !fits || self.diffs.try_send(next).is_err() {
            self.lag.is_lost.store(true, Ordering::Release);
        }
    }
}

/// The place of one watcher, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct WatcherSlot {
    watchers: Weak<ByTopic>,
    topic: Arc<str>,
    lag: Arc<Lag>,
}

impl Watchers {
    /// Adds a watcher of a topic.
    pub(super) fn add(&self, topic: &Arc<str>) -> (WatcherSlot, mpsc::Receiver<NumberedDiff>) {
        let (sender, diffs) = mpsc::channel(MAX_BEHIND);
        let lag = Arc::<Lag>::default();
        let watcher = Watcher {
            diffs: sender,
            lag: Arc::clone(&lag),
        };
        let mut watchers = self.0.lock();
        watchers.entry(Arc::clone(topic)).or_default().push(watcher);
        let slot = WatcherSlot {
            watchers: Arc::downgrade(&self.0),
            topic: Arc::clone(topic),
            lag,
        };
        (slot, diffs)
    }

    /// Sends a diff, whose JSON has this length, to the watchers of its topic. They share it: the
    /// dispatches of all topics take this lock.
    pub(in crate::tracker) fn send(
        &self,
        topic: &str,
        number: u64,
        diff: &Arc<Diff>,
        bytes: usize,
    ) {
        let watchers = self.0.lock();
        for watcher in watchers.get(topic).into_iter().flatten() {
            watcher.send(number, diff, bytes);
        }
    }
}

impl WatcherSlot {
    /// Returns whether a diff was lost.
    pub(super) fn has_lagged(&self) -> bool {
        self.lag.is_lost.load(Ordering::Acquire)
    }

    /// The watcher is about to begin anew.
    pub(super) fn catch_up(&self) {
        self.lag.is_lost.store(false, Ordering::Release);
    }
}

impl Drop for WatcherSlot {
    fn drop(&mut self) {
        let Some(watchers) = self.watchers.upgrade() else {
            return;
        };
        let mut watchers = watchers.lock();
        if let Some(of_topic) = watchers.get_mut(&self.topic) {
            of_topic.retain(|watcher| !Arc::ptr_eq(&watcher.lag, &self.lag));
            if of_topic.is_empty() {
                watchers.remove(&self.topic);
            }
        }
    }
}

#[cfg(test)]
impl Watchers {
    pub(super) fn count(&self) -> usize {
        self.0.lock().values().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_watchers_share_one_diff() {
        let watchers = Watchers::default();
        let topic: Arc<str> = "t".into();
        let (_slot, mut diffs) = watchers.add(&topic);
        let (_other_slot, mut other) = watchers.add(&topic);
        let diff = Arc::new(Diff::default());
        watchers.send("t", 1, &diff, 10);
        for diffs in [&mut diffs, &mut other] {
            let next = diffs.try_recv().unwrap();
            assert!(next.number == 1 && Arc::ptr_eq(&next.diff, &diff));
        }
    }

    #[test]
    fn the_bytes_that_wait_are_bounded() {
        let watchers = Watchers::default();
        let (slot, mut diffs) = watchers.add(&"t".into());
        let diff = Arc::new(Diff::default());
        let send = |number, bytes| watchers.send("t", number, &diff, bytes);
        send(1, MAX_BYTES / 2);
        send(2, MAX_BYTES / 2);
        assert!(!slot.has_lagged());
        send(3, 1);
        assert!(slot.has_lagged());
        assert_eq!(Arc::strong_count(&diff), 3);

        // After its list, the watcher goes on, with a diff of any size.
        slot.catch_up();
        while diffs.try_recv().is_ok() {}
        send(4, 2 * MAX_BYTES);
        assert!(!slot.has_lagged());
        assert_eq!(diffs.try_recv().unwrap().number, 4);
        send(5, 1);
        assert!(!slot.has_lagged());
        assert_eq!(diffs.try_recv().unwrap().number, 5);
    }
}
