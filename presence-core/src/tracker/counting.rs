//! The counts of topics, for members that show a number in place of a list.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Host, PRESENCE_COUNT, Tracker};
use crate::presence::Presence;
use crate::pubsub::{Broadcast, Payload, PubSub};
use crate::sync::Mutex;

/// Has the count of a topic sent, as long as it lives. Made by [`Tracker::counting`].
pub struct Counting {
    counts: Arc<Counts>,
    topic: Arc<str>,
    shown: Arc<Shown>,
}

impl Counting {
    /// Returns the number of distinct keys in the topic now. If it changes, the topic's subscribers
    /// get the next one.
    pub fn count(&self) -> usize {
        self.shown
            .first(&self.counts.host, &self.topic, |count| count)
    }

    /// Returns the topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Calls `queue` with the payload of [`PRESENCE_COUNT`] now, `{"count": 42}`, and returns its
    /// result.
    ///
    /// `queue` must put the payload into the queue of the member's messages, in which the later
    /// counts are. It runs under a lock of the topic's count, so that no later count is queued
    /// before it: it must not block, and must not call this type.
    pub fn queue<T>(&self, queue: impl FnOnce(Payload) -> T) -> T {
        let shown = &self.shown;
        shown.first(&self.counts.host, &self.topic, |count| {
            queue(payload(count))
        })
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let mut groups = self.counts.groups.write();
        let Some(group) = groups.get_mut(&self.topic) else {
            return;
        };
        group.members -= 1;
        if group.members == 0 {
            group.task.abort();
            groups.remove(&self.topic);
        }
    }
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// The topics that are counted.
pub(super) struct Counts {
    host: Arc<Host>,
    pubsub: PubSub,
    runtime: Handle,
    interval: Duration,
    groups: RwLock<HashMap<Arc<str>, Group>>,
}

/// The members of one topic that get its count. One task serves all of them.
struct Group {
    members: usize,
    shown: Arc<Shown>,
    task: AbortHandle,
}

/// The count of one topic that its members show.
///
/// Each count is read with a seal, as a list is. Otherwise a join that was counted could cancel
/// against its leave, no diff would follow, and the members would show the count for ever.
struct Shown {
    changed: Notify,
    /// The last count. `None`: members show different ones, and all of them need the next one.
    last: Mutex<Option<usize>>,
}

impl Shown {
    fn new(host: &Host, topic: &str) -> Self {
        Self {
            changed: Notify::new(),
            last: Mutex::new(Some(host.sealed_count(topic))),
        }
    }

    /// Calls `queue` with the count for one member. If it is another than the last one, a diff of
    /// the difference follows, and all members get the count then.
    fn first<T>(&self, host: &Host, topic: &str, queue: impl FnOnce(usize) -> T) -> T {
        let mut last = self.last.lock();
        let count = host.sealed_count(topic);
        if *last != Some(count) {
            *last = None;
        }
        queue(count)
    }

    /// Returns the count for all members. Returns `None` if all of them show it.
    fn next(&self, host: &Host, topic: &str) -> Option<usize> {
        let mut last = self.last.lock();
        let count = Some(host.sealed_count(topic));
        if *last == count {
            return None;
        }
        *last = count;
        count
    }
}

impl Counts {
    pub(super) fn new(
        host: Arc<Host>,
        pubsub: PubSub,
        runtime: Handle,
        interval: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            host,
            pubsub,
            runtime,
            interval,
            groups: RwLock::default(),
        })
    }

    fn join(self: &Arc<Self>, topic: &str) -> Counting {
        let topic: Arc<str> = topic.into();
        let mut groups = self.groups.write();
        let group = groups.entry(Arc::clone(&topic)).or_insert_with(|| {
            let shown = Arc::new(Shown::new(&self.host, &topic));
            let send = Arc::clone(self).send(Arc::clone(&topic), Arc::clone(&shown));
            Group {
                members: 0,
                task: self.runtime.spawn(send).abort_handle(),
                shown,
            }
        });
        group.members += 1;
        let shown = Arc::clone(&group.shown);
        drop(groups);
        Counting {
            counts: Arc::clone(self),
            topic,
            shown,
        }
    }

    /// Notes that a diff of the topic is out.
    pub(super) fn changed(&self, topic: &str) {
        if let Some(group) = self.groups.read().get(topic) {
            group.shown.changed.notify_one();
        }
    }

    /// Sends the count when it changes, at most once per interval, and always the last one.
    async fn send(self: Arc<Self>, topic: Arc<str>, shown: Arc<Shown>) {
        loop {
            shown.changed.notified().await;
            if let Some(count) = shown.next(&self.host, &topic) {
                let message = Broadcast::new(Arc::clone(&topic), PRESENCE_COUNT, payload(count));
                self.pubsub.local_broadcast_count(&message);
                // A change meanwhile leaves its note.
                tokio::time::sleep(self.interval).await;
            }
        }
    }
}

fn payload(count: usize) -> Payload {
    Payload::encode(&json!({ "count": count })).unwrap_or_else(|_| Payload::empty())
}

impl<P: Presence> Tracker<P> {
    /// Sends the topic's count of distinct keys to its subscribers on this node that want
    /// [counts](crate::pubsub::Interest::Counts), while the returned [`Counting`] lives: on each
    /// change, at most once per [`count_interval`](super::TrackerOptions::count_interval), the last
    /// value always.
    ///
    /// The first count is the caller's to send: [`Counting::queue`]. Each member of a room has a
    /// `Counting` of its own, and all share one task.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_core::{Owner, Presence, PubSub, Tracker};
    /// # use serde_json::json;
    /// # struct Online;
    /// # impl Presence for Online {
    /// #     const NAME: &str = "docs.online";
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pubsub = PubSub::local();
    /// # let online = Tracker::start(&pubsub, Online);
    /// # let alice = Owner::new();
    /// let counting = online.counting("room:1");
    /// online.track_as(&alice, "room:1", "alice", json!({})).await?;
    /// assert_eq!(counting.count(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn counting(&self, topic: impl AsRef<str>) -> Counting {
        self.shared.counts.join(topic.as_ref())
    }
}
