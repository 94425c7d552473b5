//! A search for orders of events between the threads of one tracker that do harm: threads of a
//! scheduler that tries one order after another track, read and stop, beside the tracker's tasks.
//! A wake-up that is lost leaves a thread waiting, which the scheduler reports as a deadlock.
//!
//! `cargo xtask model` runs it. A failure prints its `failing schedule`. With that text in the
//! environment variable `MODEL_SCHEDULE`, the test runs this schedule alone.

mod owners;
mod readers;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shuttle::future::{self, block_on};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, Runner, thread};
use tokio::runtime::{Builder, Runtime};

use super::handle::{Shared, TaskQueues};
use super::tests::state::{Outbox, refs_by_key};
use super::{Owner, PRESENCE_DIFF, TrackError, Tracker, TrackerOptions, dispatcher, driver};
use crate::presence::{Presence, Presences};
use crate::pubsub::{PubSub, Subscription};

/// The number of schedules of each scheduler.
const SCHEDULES: usize = 500;
/// The number of places at which the second scheduler has another thread run than the one with the
/// highest priority.
const DEPTH: usize = 3;

/// A presence without code of the app: turns send its diffs themselves.
struct Plain;

impl Presence for Plain {
    const NAME: &str = "model.plain";
}

/// A presence whose `fetch` takes a while.
struct Fetched;

impl Presence for Fetched {
    const NAME: &str = "model.fetched";

    async fn fetch(&self, _topic: &str, presences: Presences) -> Presences {
        future::yield_now().await;
        presences
    }
}

/// Runs a model under one schedule after another. Time passes only in [`pass`].
fn explore(model: impl Fn(&Runtime) + Send + Sync + 'static) {
    let model = Arc::new(model);
    let run = |scheduler: Box<dyn Scheduler + Send>| {
        let model = Arc::clone(&model);
        let mut config = Config::new();
        // Futures of an unoptimised build are large.
        config.stack_size = 256 * 1024;
        Runner::new(scheduler, config).run(move || {
            let mut runtime = Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build();
            let runtime = runtime.expect("a runtime without threads");
            // The threads of the scheduler share one thread of the system, and this guard.
            let _guard = runtime.enter();
            model(&runtime);
        });
    };
    if let Ok(schedule) = std::env::var("MODEL_SCHEDULE") {
        return run(Box::new(ReplayScheduler::new_from_encoded(&schedule)));
    }
    run(Box::new(RandomScheduler::new(SCHEDULES)));
    run(Box::new(PctScheduler::new(DEPTH, SCHEDULES)));
}

/// Has the time pass, for the timers of all tasks.
fn pass(runtime: &Runtime, time: Duration) {
    runtime.block_on(tokio::time::sleep(time));
}

fn options() -> TrackerOptions {
    TrackerOptions::default()
        .pool_size(1)
        .diff_interval(Duration::ZERO)
}

/// A tracker whose dispatcher and driver are tasks of the scheduler.
struct Running<P: Presence> {
    tracker: Tracker<P>,
    tasks: Vec<future::JoinHandle<()>>,
}

impl<P: Presence> Running<P> {
    fn start(pubsub: &PubSub, presence: P, options: TrackerOptions) -> Self {
        let (tracker, queues) = Tracker::without_tasks(pubsub, presence, options);
        let shared = &tracker.shared;
        let _ = shared.host.initialised.set(());
        let tasks = vec![
            future::spawn(dispatch_all(Arc::clone(shared), queues)),
            future::spawn(driver::run(Arc::clone(&shared.host))),
        ];
        Self { tracker, tasks }
    }

    /// Runs `act` on a thread.
    fn thread<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Tracker<P>) -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        let tracker = self.tracker.clone();
        thread::spawn(move || act(&tracker))
    }

    fn end(self) {
        let _ = self.tracker.shared.host.closed.set(());
        for task in self.tasks {
            block_on(task).expect("a task does not panic");
        }
    }
}

impl<P: Presence> Deref for Running<P> {
    type Target = Tracker<P>;

    fn deref(&self) -> &Tracker<P> {
        &self.tracker
    }
}

/// Dispatches each diff by a task of its own, as `dispatcher::run` does.
async fn dispatch_all<P: Presence>(shared: Arc<Shared<P>>, mut queues: TaskQueues) {
    let mut under_way = Vec::new();
    loop {
        tokio::select! {
            biased;
            Some(changes) = queues.diffs.recv() => {
                under_way.push(future::spawn(dispatcher::dispatch(Arc::clone(&shared), changes)));
            }
            _ = shared.host.closed.wait() => break,
        }
    }
    for task in under_way {
        task.await.expect("a dispatch does not panic");
    }
}

fn track<P: Presence>(tracker: &Tracker<P>, owner: &Owner, key: &str) -> Result<(), TrackError> {
    let tracked = block_on(tracker.track_as(owner, "t", key, json!({})));
    tracked.map(drop)
}

fn untrack<P: Presence>(tracker: &Tracker<P>, owner: &Owner, key: &str) {
    block_on(tracker.untrack_as(owner, "t", key));
}

fn join<T, const N: usize>(threads: [thread::JoinHandle<T>; N]) -> [T; N] {
    threads.map(|thread| thread.join().expect("a thread does not panic"))
}

/// A subscriber of the topic "t" from its beginning.
struct Listener {
    outbox: Outbox,
    _subscription: Subscription,
}

impl Listener {
    fn new(pubsub: &PubSub) -> Self {
        let outbox = Outbox::default();
        Self {
            _subscription: pubsub.subscribe("t", Arc::new(outbox.clone())),
            outbox,
        }
    }

    /// Returns what the diffs so far lead to. Each of them continues the one before.
    fn view(&self) -> View {
        let mut view = View::default();
        for (event, payload) in &*self.outbox.0.lock() {
            assert_eq!(event, PRESENCE_DIFF);
            view.merge(&payload.value().expect("JSON"));
        }
        view
    }
}

/// The references of the metas of a topic, by key.
#[derive(Debug, Default, PartialEq, Eq)]
struct View(BTreeMap<String, BTreeSet<String>>);

impl View {
    fn of(side: &Value) -> Self {
        let keys = refs_by_key(side).into_iter();
        Self(
            keys.map(|(key, refs)| (key, refs.into_iter().collect()))
                .collect(),
        )
    }

    /// Returns the list of the topic.
    fn list<P: Presence>(tracker: &Tracker<P>) -> Self {
        let list = block_on(tracker.list("t"));
        Self::of(&serde_json::to_value(&list).expect("JSON"))
    }

    fn merge(&mut self, diff: &Value) {
        let (joins, leaves) = (Self::of(&diff["joins"]), Self::of(&diff["leaves"]));
        for (key, refs) in joins.0 {
            let held = self.0.entry(key).or_default();
            for phx_ref in refs {
                assert!(held.insert(phx_ref), "it is here already: {diff}");
            }
        }
        for (key, refs) in leaves.0 {
            let held = self.0.entry(key).or_default();
            for phx_ref in refs {
                assert!(held.remove(&phx_ref), "it is not here: {diff}");
            }
        }
        self.0.retain(|_, refs| !refs.is_empty());
    }
}
