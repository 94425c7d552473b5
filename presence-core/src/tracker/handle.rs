//! The handle of a running tracker.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc};

use super::counting::Counts;
use super::state::StateCache;
use super::watch::{Watch, Watchers};
use super::{Host, OptionError, TrackerOptions, callback, dispatcher, driver, messenger, once};
use crate::presence::{self, Presence, Presences};
use crate::pubsub::PubSub;
use crate::replication::node::{MAX_GRACE, ReplicaEvent, ReplicaView};
use crate::replication::shard::TopicDiff;
use crate::telemetry::PresenceMeter;

/// A running presence: tracks presences in topics, and sends the changes to each topic's
/// subscribers.
///
/// Cheap to clone; all clones are the same tracker. A tracker ends with [`stop`](Self::stop).
/// Dropping the last clone ends its tasks too, but sends no last diffs.
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
    /// Ends the tasks when the last handle is dropped. The tasks hold `shared` too, so `shared`
    /// cannot end them.
    ends: Arc<Ends>,
}

/// The state that the handles and the tasks of one tracker share.
pub(super) struct Shared<P> {
    pub(super) host: Arc<Host>,
    pub(super) pubsub: PubSub,
    pub(super) presence: P,
    pub(super) options: TrackerOptions,
    pub(super) runtime: Handle,
    pub(super) meter: PresenceMeter,
    pub(super) watchers: Watchers,
    pub(super) counts: Arc<Counts>,
    /// To the task that runs first joins and last leaves. `None`: the presence has no callback for
    /// them.
    pub(super) once: Option<mpsc::UnboundedSender<once::Message>>,
    pub(super) states: Arc<StateCache>,
    /// The longest topic, and the longest key, in bytes.
    pub(super) max_name_bytes: usize,
}

/// The exits of the queues that the tasks of a tracker serve.
pub(super) struct TaskQueues {
    pub(super) diffs: mpsc::UnboundedReceiver<TopicDiff>,
    key_changes: Option<mpsc::UnboundedReceiver<once::Message>>,
}

struct Ends(Arc<Host>);

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
        self.host.begins();
        // Also when the caller gives up.
        let _under_way = Fetching(&self.host);
        // In a block of its own: a hand-written `fetch` may panic before it returns a future.
        let call = async { self.presence.fetch(topic, presences).await };
        self.call("fetch", topic, call).await
    }
}

/// A call of `fetch` that is under way.
struct Fetching<'a>(&'a Host);

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.0.ends();
    }
}

impl<P: Presence> Tracker<P> {
    /// Starts a tracker with the default options. It sends its diffs to the subscribers of
    /// `pubsub`.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with timers.
    pub fn start(pubsub: &PubSub, presence: P) -> Self {
        // Within their bounds, which a test checks.
        Self::run(pubsub, presence, TrackerOptions::default())
    }

    /// Starts a tracker with options.
    ///
    /// # Errors
    ///
    /// An [`OptionError`] if an option is out of its bounds. Nothing was started.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with timers.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_core::{Presence, PubSub, Tracker};
    /// # struct Online;
    /// # impl Presence for Online {
    /// #     const NAME: &str = "docs.online";
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::tracker::TrackerOptions;
    /// use std::time::Duration;
    ///
    /// let options = TrackerOptions::default().diff_interval(Duration::from_millis(200));
    /// let online = Tracker::start_with(&PubSub::local(), Online, options)?;
    /// # let _ = online;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_with(
        pubsub: &PubSub,
        presence: P,
        options: TrackerOptions,
    ) -> Result<Self, OptionError> {
        options.check()?;
        Ok(Self::run(pubsub, presence, options))
    }

    fn run(pubsub: &PubSub, presence: P, options: TrackerOptions) -> Self {
        let (tracker, queues) = Self::without_tasks(pubsub, presence, options);
        tracker.spawn_tasks(queues);
        tracker
    }

    /// Creates a tracker whose tasks do not run yet.
    pub(super) fn without_tasks(
        pubsub: &PubSub,
        presence: P,
        mut options: TrackerOptions,
    ) -> (Self, TaskQueues) {
        let engine = pubsub.max_message_bytes();
        options.fit(P::NAME, engine);
        let max_name_bytes = messenger::max_name_bytes(engine);
        let Ok(runtime) = Handle::try_current() else {
            panic!("Tracker::start needs a tokio runtime: call it in an async fn that tokio runs");
        };
        // Panics with tokio's own words if the runtime has no timers, rather than in a task later
        // on.
        drop(tokio::time::sleep(Duration::ZERO));
        let (sender, diffs) = mpsc::unbounded_channel();
        let host = Arc::new(Host::new(P::NAME, pubsub, &options, sender));
        let counts = Counts::new(
            Arc::clone(&host),
            pubsub.clone(),
            runtime.clone(),
            options.count_interval,
        );
        let (once, key_changes) = match presence::are_handled(&presence) {
            true => {
                host.tell_keys();
                let (sender, receiver) = mpsc::unbounded_channel();
                (Some(sender), Some(receiver))
            }
            false => (None, None),
        };
        let shared = Arc::new(Shared {
            host: Arc::clone(&host),
            pubsub: pubsub.clone(),
            presence,
            options,
            runtime: runtime.clone(),
            meter: PresenceMeter::new(P::NAME),
            watchers: Watchers::default(),
            counts,
            once,
            states: StateCache::new(P::NAME, runtime),
            max_name_bytes,
        });
        if !presence::has_own_code(&shared.presence, &host) {
            let tracker: Weak<Shared<P>> = Arc::downgrade(&shared);
            // Set once, here alone.
            let _ = host.at_once.set(tracker);
        }
        let ends = Arc::new(Ends(host));
        (Self { shared, ends }, TaskQueues { diffs, key_changes })
    }

    fn spawn_tasks(&self, queues: TaskQueues) {
        let Shared {
            host,
            pubsub,
            runtime,
            ..
        } = &*self.shared;
        if pubsub.is_clustered() {
            let (subscription, messages) = host.messenger.listen();
            let hints = host.messenger.hints();
            runtime.spawn(messenger::run(
                Arc::clone(host),
                subscription,
                messages,
                hints,
            ));
            runtime.spawn(messenger::beat(Arc::clone(host)));
        }
        runtime.spawn(driver::run(Arc::clone(host)));
        runtime.spawn(dispatcher::run(Arc::clone(&self.shared), queues.diffs));
        if let Some(key_changes) = queues.key_changes {
            runtime.spawn(once::run(Arc::clone(&self.shared), key_changes));
        }
    }

    /// Watches a topic: its list, and then each change of it, with the fields of `fetch`.
    ///
    /// For programs with a protocol of their own, in place of [`list`](Self::list) and the
    /// `presence_diff` messages of the topic. [`Watch::next`] has an example.
    pub fn watch(&self, topic: impl AsRef<str>) -> Watch<P> {
        Watch::new(self.clone(), topic.as_ref().into())
    }

    /// Waits until this node shows all presences of the nodes that it can reach: a node that has
    /// just started should take clients only then.
    ///
    /// While the engine is [connecting](crate::pubsub::EngineState::Connecting), it waits for the
    /// engine. From then on, or from the tracker's start, it waits at least for one
    /// [`broadcast_period`](TrackerOptions::broadcast_period) and half a second. In this time every
    /// other node sends a heartbeat. Without other nodes it returns at once. It also returns when
    /// the tracker is stopped.
    ///
    /// There is no upper limit. An engine may never find its cluster, and while a node that is up
    /// cannot be reached, this method waits until that node is down. A service that should take
    /// clients nevertheless sets a limit of its own, with [`tokio::time::timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_core::{Presence, PubSub, Tracker};
    /// # struct Online;
    /// # impl Presence for Online {
    /// #     const NAME: &str = "docs.online";
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let online = Tracker::start(&PubSub::local(), Online);
    /// use std::time::Duration;
    /// use tokio::time::timeout;
    ///
    /// if timeout(Duration::from_secs(30), online.caught_up()).await.is_err() {
    ///     eprintln!("lists may miss presences of other nodes");
    /// }
    /// # }
    /// ```
    ///
    /// Without a limit:
    ///
    /// ```
    /// # use presence_core::{Presence, PubSub, Tracker};
    /// # struct Online;
    /// # impl Presence for Online {
    /// #     const NAME: &str = "docs.online";
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let online = Tracker::start(&PubSub::local(), Online);
    /// online.caught_up().await;
    /// // Now a list is complete.
    /// # }
    /// ```
    pub async fn caught_up(&self) {
        self.shared.host.caught_up().await;
    }

    /// Returns the presence that the tracker was started with.
    pub fn presence(&self) -> &P {
        &self.shared.presence
    }

    /// Returns the [name](Presence::NAME) of the presence.
    pub fn name(&self) -> &'static str {
        P::NAME
    }

    /// Announces to the other nodes that this node leaves, as the first step of an orderly stop.
    ///
    /// The other nodes keep showing this node's presences for a grace: for `spread`, the time over
    /// which the clients of this node are closed, plus
    /// [`leave_grace`](TrackerOptions::leave_grace). The sum is at most 10 min. A grace ends
    /// earlier for a key that is tracked in the same topic on another node. Each new track takes
    /// the place of one presence of the key, the oldest, by one diff. So a client that connects to
    /// another node within the grace never leaves, and a user with two tabs always has two.
    ///
    /// This node also keeps showing its presences, until [`stop`](Self::stop). Otherwise its
    /// remaining clients would see users leave who only move. From now on, this node and the others
    /// exchange no more messages. Without other nodes, and in a second call, nothing happens.
    ///
    /// [`stop`](Self::stop) calls this method if it was not called before.
    pub fn leave(&self, spread: Duration) {
        let grace = spread.saturating_add(self.shared.options.leave_grace);
        self.shared.host.leave(grace.min(MAX_GRACE));
    }

    /// Returns a receiver of the events of other nodes from now on: a node comes up, goes down, is
    /// forgotten, or leaves.
    ///
    /// The last event of a node tells its status now. An event that is over before it is sent is
    /// left out: a node that comes back in the moment at which it was seen down is no event.
    ///
    /// A receiver that is more than 256 events behind misses the oldest (`RecvError::Lagged`).
    pub fn replica_events(&self) -> broadcast::Receiver<ReplicaEvent> {
        self.shared.host.messenger.events()
    }

    /// Returns all known nodes, this node first: their status as this node sees it, and the entries
    /// that it holds of them.
    pub fn replicas(&self) -> Vec<ReplicaView> {
        self.shared.host.replicas()
    }

    /// Returns the counts of what happened between this node and the others.
    #[cfg(test)]
    pub(super) fn counters(&self) -> crate::replication::node::NodeCounters {
        self.shared.host.counters()
    }

    /// Waits until no call of [`fetch`](Presence::fetch) or of a handler of the presence is under
    /// way or due, for tests: what they query is not needed any more. A diff that waits for
    /// [`diff_interval`](crate::tracker::TrackerOptions::diff_interval) is not due yet.
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
    /// # let alice = Owner::new();
    /// online.track_as(&alice, "room:1", "alice", json!({})).await?;
    /// online.settled().await;
    /// // Now the database of the test may go.
    /// # Ok(())
    /// # }
    /// ```
    pub async fn settled(&self) {
        self.shared.host.settled().await;
    }

    /// Ends all presences, waits until the last diffs have been sent and handled, and ends the
    /// tasks.
    ///
    /// From the first call on, `track` is an error. A second call does nothing. The method waits
    /// for the callbacks that run, each for at most
    /// [`callback_timeout`](TrackerOptions::callback_timeout).
    pub async fn stop(&self) {
        self.leave(Duration::ZERO);
        self.shared.host.stop().await;
        if let Some(once) = &self.shared.once {
            once::drained(once).await;
        }
        // An error means that it was stopped before.
        let _ = self.shared.host.closed.set(());
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
