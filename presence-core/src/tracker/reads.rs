//! The reads of a tracker: lists, pages of them, some keys, and counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Tracker;
use crate::presence::{Presence, PresenceEntry, Presences};

/// A page of a topic's list. See [`Tracker::page`].
#[derive(Clone, Debug)]
pub struct Page {
    /// The keys of the page, with their metas and the fields of `fetch`. `fetch` may leave keys
    /// out, so a page that is not the last may have fewer keys than wanted.
    pub presences: Presences,
    /// The key after which the next page begins. `None`: this page is the last.
    pub next: Option<Arc<str>>,
}

impl<P: Presence> Tracker<P> {
    /// Returns the presences in the topic: keys with their metas, and the fields of `fetch`.
    ///
    /// Push the list as `presence_state` at once. A diff that is sent between this call and the
    /// push is newer than the list, but reaches the client first. phoenix.js's `Presence` keeps
    /// diffs until its first state, and applies them after it. A client that takes another list
    /// later loses such a diff.
    ///
    /// A change before this list never cancels against a change after it. So a client that takes
    /// the list as its state, and applies the topic's diffs from then on, always ends with the
    /// present state.
    ///
    /// The metas of a key that this node tracks are in the order in which their owners were
    /// created. So an updated meta keeps its place.
    ///
    /// A large list is taken in batches, so that it holds up no other call. A key that is present
    /// throughout is in it once. A key that comes or goes meanwhile may be in it, and the diffs
    /// that follow correct that.
    ///
    /// If `fetch` panics or takes too long, this is logged, and the list lacks the fields of
    /// `fetch`.
    pub async fn list(&self, topic: impl AsRef<str> + Send) -> Presences {
        let topic: Arc<str> = topic.as_ref().into();
        let host = &self.shared.host;
        host.ready().await;
        self.fetched(&topic, || host.list(&topic)).await
    }

    /// Returns the entry under `key` in the topic, with the fields of `fetch`. Returns `None` if
    /// the key is not present.
    ///
    /// If `fetch` panics or takes too long, this is logged, and the entry lacks the fields of
    /// `fetch`.
    pub async fn get_by_key(
        &self,
        topic: impl AsRef<str> + Send,
        key: impl AsRef<str> + Send,
    ) -> Option<PresenceEntry> {
        let topic: Arc<str> = topic.as_ref().into();
        let key: Arc<str> = key.as_ref().into();
        let host = &self.shared.host;
        host.ready().await;
        let found = host.get_by_key(&topic, &key);
        if found.is_empty() {
            return None;
        }
        let fetched = self.shared.fetch(&topic, found.clone()).await;
        fetched.unwrap_or(found).take(&key)
    }

    /// Returns the entries of those `keys` that are present in the topic, with the fields of one
    /// `fetch` for all: for example, which of a user's 200 friends are online.
    ///
    /// The call visits the entries of these keys alone, whatever else is in the topic. A change
    /// before it never cancels against a change after it, as with [`list`](Self::list).
    ///
    /// If `fetch` panics or takes too long, this is logged, and the entries lack the fields of
    /// `fetch`.
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
    /// # let online = Tracker::start(&PubSub::local(), Online);
    /// # let phone = Owner::new();
    /// online.track_as(&phone, "users", "alice", json!({})).await?;
    /// let friends = online.get_many("users", ["alice", "bob"]).await;
    /// assert!(friends.keys().eq(["alice"]));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_many<K: AsRef<str>>(
        &self,
        topic: impl AsRef<str> + Send,
        keys: impl IntoIterator<Item = K>,
    ) -> Presences {
        let topic: Arc<str> = topic.as_ref().into();
        // In order, each key once.
        let keys: BTreeSet<Arc<str>> = keys.into_iter().map(|key| key.as_ref().into()).collect();
        let host = &self.shared.host;
        host.ready().await;
        let found = || host.get_many(&topic, &keys);
        self.fetched(&topic, found).await
    }

    /// Returns a page of the topic's list: at most `keys` keys, those after the key `after` or the
    /// first ones, with the fields of `fetch`.
    ///
    /// Keys are in the order of their bytes, which is the same on every node. A key that is present
    /// throughout is on exactly one page. A change before a page never cancels against a change
    /// after it, as with [`list`](Self::list). With 0 `keys`, the page is empty and the last.
    ///
    /// If `fetch` panics or takes too long, this is logged, and the page lacks the fields of
    /// `fetch`.
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
    /// # let online = Tracker::start(&PubSub::local(), Online);
    /// # let owner = Owner::new();
    /// # for user in ["alice", "bob", "carol"] {
    /// #     online.track_as(&owner, "hall", user, json!({})).await?;
    /// # }
    /// let first = online.page("hall", None, 2).await;
    /// assert!(first.presences.keys().eq(["alice", "bob"]));
    /// let second = online.page("hall", first.next.as_deref(), 2).await;
    /// assert!(second.presences.keys().eq(["carol"]));
    /// assert_eq!(second.next, None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn page(
        &self,
        topic: impl AsRef<str> + Send,
        after: Option<&str>,
        keys: usize,
    ) -> Page {
        let topic: Arc<str> = topic.as_ref().into();
        let host = &self.shared.host;
        host.ready().await;
        let Page { presences, next } = host.page(&topic, after, keys);
        match self.shared.fetch(&topic, presences).await {
            Some(presences) => Page { presences, next },
            // The callback took the first page with it.
            None => host.page(&topic, after, keys),
        }
    }

    /// Returns what `read` returns, with the fields of `fetch`.
    async fn fetched(&self, topic: &Arc<str>, read: impl Fn() -> Presences) -> Presences {
        match self.shared.fetch(topic, read()).await {
            Some(fetched) => fetched,
            // The callback took the first read with it.
            None => read(),
        }
    }

    /// Returns the number of distinct keys in the topic, in constant time.
    pub fn count(&self, topic: impl AsRef<str>) -> usize {
        self.shared.host.count(topic.as_ref())
    }

    /// Returns the topics with presences, in order, each with the number of its distinct keys.
    ///
    /// For node pages and tests. The call visits every topic, and locks each shard while it visits
    /// the topics of that shard.
    pub fn topics(&self) -> Vec<(Arc<str>, usize)> {
        self.shared.host.topics()
    }
}
