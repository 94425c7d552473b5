//! A topic's list, and the stream of changes that continues it.

mod watchers;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Tracker;
use crate::presence::{Diff, Presence, Presences};
use crate::replication::set::{Meta, PhxRef};

pub(super) use watchers::Watchers;
use watchers::{NumberedDiff, WatcherSlot};

/// An event of a [`Watch`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WatchEvent {
    /// All presences of the topic. The first event, and again after the watch was too far behind:
    /// it takes the place of everything before.
    State(Presences),
    /// The changes since the event before.
    Diff(Diff),
}

/// A topic that is watched: its list, and then each change of it. Made by [`Tracker::watch`].
///
/// The diffs continue the list exactly: no diff joins a meta that is there already, or leaves one
/// that is not. A watch that is more than 256 diffs behind, or more than 16 MiB of them, loses them
/// and gets a new list instead.
///
/// A watch keeps its tracker alive, as a clone of the tracker does. It remembers the reference of
/// each meta in the topic, some 50 bytes each.
pub struct Watch<P: Presence> {
    tracker: Tracker<P>,
    topic: Arc<str>,
    slot: WatcherSlot,
    diffs: mpsc::Receiver<NumberedDiff>,
    /// The metas of the topic, after the last event.
    held: HashSet<MetaId>,
    /// The last diff that was made before the list.
    after: u64,
    /// Set if the next event is the list.
    wants_state: bool,
}

/// The key and the reference of a meta.
type MetaId = (Arc<str>, PhxRef);

impl<P: Presence> Watch<P> {
    pub(super) fn new(tracker: Tracker<P>, topic: Arc<str>) -> Self {
        let (slot, diffs) = tracker.shared.watchers.add(&topic);
        Self {
            tracker,
            topic,
            slot,
            diffs,
            held: HashSet::new(),
            after: 0,
            wants_state: true,
        }
    }

    /// Returns the topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the next event: first the list, then diffs. `None`: the tracker was stopped.
    ///
    /// This method is cancel safe: an event that is not returned comes with the next call.
    ///
    /// # Examples
    ///
    /// ```
    /// use presence_core::{Owner, Presence, PubSub, Tracker, tracker::WatchEvent};
    /// use serde_json::json;
    ///
    /// struct Online;
    /// impl Presence for Online {
    ///     const NAME: &str = "docs.online";
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let online = Tracker::start(&PubSub::local(), Online);
    /// let mut watch = online.watch("room:1");
    /// let Some(WatchEvent::State(list)) = watch.next().await else {
    ///     panic!("the list comes first");
    /// };
    /// assert!(list.is_empty());
    ///
    /// let alice = Owner::new();
    /// online.track_as(&alice, "room:1", "alice", json!({})).await?;
    /// let Some(WatchEvent::Diff(diff)) = watch.next().await else {
    ///     panic!("then what changes");
    /// };
    /// assert!(diff.joins.get("alice").is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            if self.slot.has_lagged() {
                self.wants_state = true;
            }
            if self.wants_state {
                return self.state().await.map(WatchEvent::State);
            }
            let host = &self.tracker.shared.host;
            let next = tokio::select! {
                biased;
                next = self.diffs.recv() => next?,
                _ = host.closed.wait() => return None,
            };
            if next.number <= self.after || self.slot.has_lagged() {
                continue;
            }
            let diff = self.news_of(&next.diff);
            if !diff.is_empty() {
                return Some(WatchEvent::Diff(diff));
            }
        }
    }

    async fn state(&mut self) -> Option<Presences> {
        let host = Arc::clone(&self.tracker.shared.host);
        if host.closed.get().is_some() {
            return None;
        }
        self.slot.catch_up();
        while self.diffs.try_recv().is_ok() {}
        let after = host.last_diff(&self.topic);
        let list = self.tracker.list(&self.topic).await;
        self.after = after;
        self.held = ids(&list).map(|(id, _)| id).collect();
        self.wants_state = false;
        Some(list)
    }

    /// Returns the part of a diff that is new, and remembers it.
    ///
    /// A diff may begin before the list: what it says of metas may be in the list already.
    fn news_of(&mut self, diff: &Diff) -> Diff {
        let mut news = diff.clone();
        // Both sides at once: the meta joined and left, whatever the list says.
        let leaves: HashSet<_> = ids(&diff.leaves).map(|(id, _)| id).collect();
        news.joins.retain_metas(|key, meta| {
            let id = (Arc::clone(key), meta.reference());
            !self.held.contains(&id) && !leaves.contains(&id)
        });
        news.leaves.retain_metas(|key, meta| {
            let id = (Arc::clone(key), meta.reference());
            self.held.remove(&id)
        });
        self.held.extend(ids(&news.joins).map(|(id, _)| id));
        news
    }
}

impl<P: Presence> fmt::Debug for Watch<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

fn ids(presences: &Presences) -> impl Iterator<Item = (MetaId, &Meta)> {
    presences.metas().map(|(key, meta)| {
        let id = (Arc::clone(key), meta.reference());
        (id, meta)
    })
}
