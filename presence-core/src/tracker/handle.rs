//! The handle that users hold.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc};

use super::{Pool, TrackerOptions, callback, dispatcher, driver, messenger};
use crate::node::{ReplicaEvent, ReplicaView};
use crate::presence::{Presence, PresenceEntry, Presences};
use crate::pubsub::PubSub;

/// A running presence: tracks who is where on this node, and tells each topic's subscribers.
///
/// Cheap to clone; all clones are the same tracker. It ends with [`stop`](Self::stop). Dropping the
/// last clone ends its tasks too, but sends no last diffs.
///
/// ```
/// use presence_core::{Owner, Presence, PubSub, Tracker};
/// use serde_json::json;
///
/// struct Online;
/// impl Presence for Online {
///     const NAME: &str = "docs.online";
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pubsub = PubSub::local();
/// let online = Tracker::start(&pubsub, Online);
///
/// let alice = Owner::new();
/// online.track_as(&alice, "room:1", "alice", json!({ "status": "here" })).await?;
/// online.update_as(&alice, "room:1", "alice", json!({ "status": "away" })).await?;
///
/// let list = online.list("room:1").await;
/// let metas = list.get("alice").unwrap().metas();
/// assert_eq!(metas[0].json::<serde_json::Value>()?["status"], "away");
///
/// drop(alice); // the end of an owner is the end of its presences
/// assert_eq!(online.count("room:1"), 0);
/// # Ok(())
/// # }
/// ```
pub struct Tracker<P: Presence> {
    pub(super) shared: Arc<Shared<P>>,
    /// Ends the tasks when the last handle goes. They hold `shared` too, so that cannot.
    ends: Arc<Ends>,
}

/// What the handles and the tasks of one tracker share.
pub(super) struct Shared<P> {
    pub(super) pool: Arc<Pool>,
    pub(super) pubsub: PubSub,
    pub(super) presence: P,
    pub(super) options: TrackerOptions,
    /// How long a topic, and a key, may be.
    pub(super) max_name_bytes: usize,
}

struct Ends(Arc<Pool>);

impl Drop for Ends {
    fn drop(&mut self) {
        // An error says that `stop` was faster.
        let _ = self.0.closed.set(());
    }
}

impl<P: Presence> Shared<P> {
    pub(super) async fn call<T>(
        &self,
        callback: &str,
        topic: &str,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        callback::run(
            P::NAME,
            callback,
            topic,
            self.options.callback_timeout,
            call,
        )
        .await
    }

    pub(super) async fn fetch(&self, topic: &str, presences: Presences) -> Option<Presences> {
        // In a block of its own: a hand-written `fetch` may panic before it returns a future.
        let call = async { self.presence.fetch(topic, presences).await };
        self.call("fetch", topic, call).await
    }
}

impl<P: Presence> Tracker<P> {
    /// Starts a tracker with the default options, telling the subscribers of `pubsub`.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with timers.
    pub fn start(pubsub: &PubSub, presence: P) -> Self {
        Self::start_with(pubsub, presence, TrackerOptions::default())
    }

    /// Starts a tracker with options.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with timers, and if an option is out of its bounds.
    pub fn start_with(pubsub: &PubSub, presence: P, mut options: TrackerOptions) -> Self {
        options.check();
        let engine = pubsub.max_message_bytes();
        options.max_meta_bytes = messenger::max_meta_bytes(options.max_meta_bytes, engine);
        let max_name_bytes = messenger::max_name_bytes(engine);
        let Ok(runtime) = Handle::try_current() else {
            panic!("Tracker::start needs a tokio runtime: call it in an async fn that tokio runs");
        };
        // Panics with tokio's own words if the runtime has no timers, rather than in a task later
        // on.
        drop(tokio::time::sleep(Duration::ZERO));
        let (sender, diffs) = mpsc::unbounded_channel();
        let pool = Arc::new(Pool::new(P::NAME, pubsub, &options, sender));
        let shared = Arc::new(Shared {
            pool: Arc::clone(&pool),
            pubsub: pubsub.clone(),
            presence,
            options,
            max_name_bytes,
        });
        if pubsub.is_clustered() {
            let (subscription, messages) = pool.messenger.listen();
            let hints = pool.messenger.hints();
            runtime.spawn(messenger::run(
                Arc::clone(&pool),
                subscription,
                messages,
                hints,
            ));
            runtime.spawn(messenger::beat(Arc::clone(&pool)));
        }
        runtime.spawn(driver::run(Arc::clone(&pool)));
        runtime.spawn(dispatcher::run(Arc::clone(&shared), diffs));
        Self {
            shared,
            ends: Arc::new(Ends(pool)),
        }
    }

    /// Who is in the topic: keys with their metas, and what `fetch` adds.
    ///
    /// Push it as `presence_state` at once. A diff that is sent between this call and the push is
    /// newer than the list, yet reaches the client first. phoenix.js's `Presence` keeps diffs until
    /// its first state and applies them after it; a client that takes another list later undoes
    /// such a diff.
    ///
    /// What changed before this list never cancels against what changes after it, so a client that
    /// takes it as its state and goes on with the topic's diffs always ends with the present.
    ///
    /// If `fetch` panics or takes too long, that is logged and the list comes without what it adds.
    pub async fn list(&self, topic: impl AsRef<str> + Send) -> Presences {
        let topic: Arc<str> = topic.as_ref().into();
        let pool = &self.shared.pool;
        pool.ready().await;
        match self.shared.fetch(&topic, pool.list(&topic)).await {
            Some(list) => list,
            // The callback took the first list with it.
            None => pool.list(&topic),
        }
    }

    /// What is under `key` in the topic, with what `fetch` adds. `None`: nobody.
    ///
    /// If `fetch` panics or takes too long, that is logged and the entry comes without what it
    /// adds.
    pub async fn get_by_key(
        &self,
        topic: impl AsRef<str> + Send,
        key: impl AsRef<str> + Send,
    ) -> Option<PresenceEntry> {
        let topic: Arc<str> = topic.as_ref().into();
        let key: Arc<str> = key.as_ref().into();
        let pool = &self.shared.pool;
        pool.ready().await;
        let found = pool.get_by_key(&topic, &key);
        if found.is_empty() {
            return None;
        }
        let fetched = self.shared.fetch(&topic, found.clone()).await;
        fetched.unwrap_or(found).take(&key)
    }

    /// How many distinct keys the topic has. Costs the same for any topic.
    pub fn count(&self, topic: impl AsRef<str>) -> usize {
        self.shared.pool.count(topic.as_ref())
    }

    /// The topics that anybody is in, in order, with how many distinct keys each has. For node
    /// pages and tests: it costs as much as there are topics, and nobody can track in a shard's
    /// topics while it is looked through.
    pub fn topics(&self) -> Vec<(Arc<str>, usize)> {
        self.shared.pool.topics()
    }

    /// The presence it was started with.
    pub fn presence(&self) -> &P {
        &self.shared.presence
    }

    /// The presence's [name](Presence::NAME).
    pub fn name(&self) -> &'static str {
        P::NAME
    }

    /// Tells the other nodes that this one leaves, as the first step of stopping it in order.
    ///
    /// They go on showing what it tracks for `spread`, the time over which its clients are let go,
    /// and for [`leave_grace`](TrackerOptions::leave_grace) after that; or until the same key is
    /// tracked in the same topic elsewhere, which is then one diff. The two together count up to 10
    /// min. So whoever connects to another node in time has never been gone. On this node they are
    /// shown on too, until [`stop`](Self::stop): its remaining clients would else see those leave
    /// who only move. Other nodes hear nothing of it any more, nor it of them. Without other nodes,
    /// and when called again, nothing happens.
    ///
    /// [`stop`](Self::stop) does it too, if it has not been done.
    pub fn leave(&self, spread: Duration) {
        let grace = self.shared.options.leave_grace;
        self.shared.pool.leave(spread + grace);
    }

    /// What becomes of the other nodes, from now on: they come, go down, come back, are given up,
    /// or leave.
    ///
    /// A receiver that is more than 256 events behind misses the oldest, and is told so.
    pub fn replica_events(&self) -> broadcast::Receiver<ReplicaEvent> {
        self.shared.pool.messenger.events()
    }

    /// All nodes that are known, this one first: how they stand in this node's eyes, and what is
    /// held of them.
    pub fn replicas(&self) -> Vec<ReplicaView> {
        self.shared.pool.replicas()
    }

    /// Returns the counts of what happened between this node and the others.
    #[cfg(test)]
    pub(super) fn counters(&self) -> crate::node::NodeCounters {
        self.shared.pool.counters()
    }

    /// Ends all presences, waits until the last diffs have been sent and handled, and ends the
    /// tasks.
    ///
    /// Nothing can be tracked from the moment it is called. Calling it again is harmless. It waits
    /// for callbacks under way, each at most
    /// [`callback_timeout`](TrackerOptions::callback_timeout).
    pub async fn stop(&self) {
        self.leave(Duration::ZERO);
        self.shared.pool.stop().await;
        // An error says that it was stopped before.
        let _ = self.shared.pool.closed.set(());
    }
}

impl<P: Presence> Clone for Tracker<P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ends: Arc::clone(&self.ends),
        }
    }
}

impl<P: Presence> fmt::Debug for Tracker<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker")
            .field("name", &P::NAME)
            .finish_non_exhaustive()
    }
}
