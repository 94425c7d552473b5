//! The watchers of all topics of a tracker.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use tokio::sync::mpsc;

use crate::presence::Diff;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// The most diffs that a watcher may be behind.
const MAX_BEHIND: usize = 256;

/// A diff of a topic, and its number among the diffs of the topic's shard.
#[derive(Clone, Debug)]
pub(super) struct NumberedDiff {
    pub(super) number: u64,
    pub(super) diff: Arc<Diff>,
}

type ByTopic = Mutex<HashMap<Arc<str>, Vec<Watcher>>>;

/// The watchers, by topic.
#[derive(Debug, Default)]
pub(in crate::tracker) struct Watchers(Arc<ByTopic>);

#[derive(Debug)]
struct Watcher {
    diffs: mpsc::Sender<NumberedDiff>,
    lagged: Arc<AtomicBool>,
}

/// The place of one watcher, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct WatcherSlot {
    watchers: Weak<ByTopic>,
    topic: Arc<str>,
    lagged: Arc<AtomicBool>,
}

impl Watchers {
    /// Adds a watcher of a topic.
    pub(super) fn add(&self, topic: &Arc<str>) -> (WatcherSlot, mpsc::Receiver<NumberedDiff>) {
        let (sender, diffs) = mpsc::channel(MAX_BEHIND);
        let lagged = Arc::new(AtomicBool::new(false));
        let watcher = Watcher {
            diffs: sender,
            lagged: Arc::clone(&lagged),
        };
        let mut watchers = self.0.lock();
        watchers.entry(Arc::clone(topic)).or_default().push(watcher);
        let slot = WatcherSlot {
            watchers: Arc::downgrade(&self.0),
            topic: Arc::clone(topic),
            lagged,
        };
        (slot, diffs)
    }

    /// Sends a diff to the watchers of its topic.
    pub(in crate::tracker) fn send(&self, topic: &str, number: u64, diff: &Diff) {
        let watchers = self.0.lock();
        let Some(watchers) = watchers.get(topic) else {
            return;
        };
        let next = NumberedDiff {
            number,
            diff: Arc::new(diff.clone()),
        };
        for watcher in watchers {
            if watcher.diffs.try_send(next.clone()).is_err() {
                watcher.lagged.store(true, Ordering::Release);
            }
        }
    }
}

impl WatcherSlot {
    /// Returns whether a diff was lost.
    pub(super) fn has_lagged(&self) -> bool {
        self.lagged.load(Ordering::Acquire)
    }

    /// The watcher is about to begin anew.
    pub(super) fn catch_up(&self) {
        self.lagged.store(false, Ordering::Release);
    }
}

impl Drop for WatcherSlot {
    fn drop(&mut self) {
        let Some(watchers) = self.watchers.upgrade() else {
            return;
        };
        let mut watchers = watchers.lock();
        if let Some(of_topic) = watchers.get_mut(&self.topic) {
            of_topic.retain(|watcher| !Arc::ptr_eq(&watcher.lagged, &self.lagged));
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
