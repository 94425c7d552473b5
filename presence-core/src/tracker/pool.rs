//! The shards of a tracker, each behind its lock.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::{Notify, SetOnce, mpsc};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::TrackerOptions;
use crate::crdt::{Incarnation, Origin, OwnerId, ReplicaName};
use crate::presence::Presences;
use crate::shard::{Effect, Input, Shard, ShardConfig, TopicDiff};

/// What all parts of a tracker share, whatever the presence's type.
#[derive(Debug)]
pub(crate) struct Pool {
    /// A topic's shard is its `xxh3_64`, modulo their number. Nodes must agree on that.
    shards: Box<[Mutex<Shard>]>,
    /// The moment that the shards' times count from.
    started: Instant,
    /// To the dispatcher. Unbounded, but a topic has at most one diff in it. Sending needs no runtime, so
    /// that an owner can be dropped anywhere.
    diffs: mpsc::UnboundedSender<TopicDiff>,
    /// Wakes the driver when a shard that waited for nothing waits for a moment.
    deadline: Notify,
    /// Wakes those who wait for the last diffs of a stopping tracker.
    finished: Notify,
    /// Set once `Presence::init` has run: nothing of the presence is called before.
    pub(super) initialised: SetOnce<()>,
    /// Set when the tasks shall end.
    pub(super) closed: SetOnce<()>,
}

impl Pool {
    pub(super) fn new(
        node_name: &str,
        options: &TrackerOptions,
        diffs: mpsc::UnboundedSender<TopicDiff>,
    ) -> Self {
        let origin = Origin {
            name: ReplicaName::new(node_name),
            incarnation: Incarnation {
                started_ms: unix_ms(),
                nonce: random(),
            },
        };
        let shard = |_| {
            Mutex::new(Shard::new(ShardConfig {
                origin: origin.clone(),
                ref_nonce: random(),
                diff_interval: options.diff_interval,
            }))
        };
        Self {
            shards: (0..options.pool_size).map(shard).collect(),
            started: Instant::now(),
            diffs,
            deadline: Notify::new(),
            finished: Notify::new(),
            initialised: SetOnce::new(),
            closed: SetOnce::new(),
        }
    }

    /// Runs a change of the topic's shard, and carries out what follows from it.
    pub(super) fn change<T>(
        &self,
        topic: &str,
        change: impl FnOnce(&mut Shard, &mut Vec<Effect>) -> T,
    ) -> T {
        self.drive(self.shard(topic), |shard, _, effects| {
            change(shard, effects)
        })
    }

    /// Tells the topic's shard that its diff is out.
    pub(super) fn dispatched(&self, topic: Arc<str>) {
        let shard = self.shard(&topic);
        self.handle(shard, Input::Dispatched(topic));
        self.finished.notify_waiters();
    }

    pub(super) fn owner_gone(&self, owner: OwnerId) {
        self.handle_all(&Input::OwnerGone(owner));
    }

    pub(super) fn tick(&self) {
        let now = self.started.elapsed();
        for shard in &self.shards {
            let due = shard.lock().next_deadline();
            if due.is_some_and(|due| due <= now) {
                self.handle(shard, Input::Tick);
            }
        }
    }

    /// Ends all presences, and waits until the last diffs are out.
    pub(super) async fn stop(&self) {
        self.handle_all(&Input::Stop);
        loop {
            let finished = self.finished.notified();
            tokio::pin!(finished);
            // Registered before the look, else a diff that ends in between wakes nobody.
            finished.as_mut().enable();
            if self.shards.iter().all(|shard| shard.lock().is_finished()) {
                return;
            }
            tokio::select! {
                () = finished => {}
                // The runtime that the tasks ran on is gone: no diff will ever be out.
                () = self.diffs.closed() => return,
            }
        }
    }

    /// Waits until `Presence::init` has run, or never will.
    pub(super) async fn ready(&self) {
        tokio::select! {
            _ = self.initialised.wait() => {}
            () = self.diffs.closed() => {}
        }
    }

    /// When the driver is needed next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self.shards.iter();
        let next = deadlines.filter_map(|shard| shard.lock().next_deadline());
        Some(self.started + next.min()?)
    }

    /// Waits until [`Pool::next_deadline`] may have become another.
    pub(super) async fn deadline_changed(&self) {
        self.deadline.notified().await;
    }

    pub(crate) fn list(&self, topic: &str) -> Presences {
        let entries = self.shard(topic).lock().list(topic);
        Presences::from_sorted(&entries)
    }

    /// The one key, or none.
    pub(crate) fn get_by_key(&self, topic: &str, key: &str) -> Presences {
        let entries = self.shard(topic).lock().get_by_key(topic, key);
        Presences::from_sorted(&entries)
    }

    pub(crate) fn count(&self, topic: &str) -> usize {
        self.shard(topic).lock().count(topic)
    }

    fn shard(&self, topic: &str) -> &Mutex<Shard> {
        let place = xxh3_64(topic.as_bytes()) % self.shards.len() as u64;
        &self.shards[place as usize]
    }

    fn handle_all(&self, input: &Input) {
        for shard in &self.shards {
            self.handle(shard, input.clone());
        }
    }

    fn handle(&self, shard: &Mutex<Shard>, input: Input) {
        self.drive(shard, |shard, now, effects| {
            shard.handle(input, now, effects);
        });
    }

    fn drive<T>(
        &self,
        shard: &Mutex<Shard>,
        run: impl FnOnce(&mut Shard, Duration, &mut Vec<Effect>) -> T,
    ) -> T {
        let mut effects = Vec::new();
        let mut shard = shard.lock();
        let waited = shard.next_deadline().is_some();
        // Read under the lock, so that a shard's time never goes backwards.
        let now = self.started.elapsed();
        let answer = run(&mut shard, now, &mut effects);
        // Later deadlines of a shard are never earlier than its first, so only the first is news.
        let waits_now = !waited && shard.next_deadline().is_some();
        drop(shard);

        if waits_now {
            self.deadline.notify_one();
        }
        for effect in effects {
            match effect {
                // Refused only once the dispatcher has ended, and then nobody listens.
                Effect::TopicDiff(diff) => drop(self.diffs.send(diff)),
            }
        }
        answer
    }
}

/// A random number from the keys that the standard library draws for its maps.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
