//! The ends of owners.

use tokio::task::JoinHandle;

use super::*;
use crate::pubsub::{AdapterError, Broadcast};

/// A task that tracks `key`, waits a second, and then ends by `end`.
async fn task(tracker: &Tracker<Plain>, key: &'static str, end: fn()) -> [JoinHandle<()>; 1] {
    let tracker = tracker.clone();
    let (tracked, is_tracked) = tokio::sync::oneshot::channel();
    let handle = tokio::spawn(async move {
        let owner = Owner::new();
        tracker.track_as(&owner, "t", key, json!({})).await.unwrap();
        tracked.send(()).unwrap();
        tokio::time::sleep(1000 * MS).await;
        end();
    });
    is_tracked.await.unwrap();
    [handle]
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_in_any_way_ends_its_presences() {
    let (tracker, mut listener) = start(Plain);
    let [returns] = task(&tracker, "returns", || {}).await;
    let [panics] = task(&tracker, "panics", || panic!("as it should")).await;
    let [aborted] = task(&tracker, "aborted", || unreachable!()).await;
    assert_eq!(tracker.count("t"), 3);
    // Told, so that the leaves will be: who is not known yet can come and go unseen.
    let mut joined = 0;
    while joined < 3 {
        joined += joins(&next(&mut listener).await).len();
    }

    aborted.abort();
    assert!(aborted.await.unwrap_err().is_cancelled());
    assert_eq!(tracker.count("t"), 2, "gone before the abort is known");
    returns.await.unwrap();
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(tracker.count("t"), 0);

    let mut left = Vec::new();
    while left.len() < 3 {
        let diff = next(&mut listener).await;
        left.extend(leaves(&diff).into_iter().map(str::to_owned));
    }
    left.sort_unstable();
    assert_eq!(left, ["aborted", "panics", "returns"]);
}

#[tokio::test(start_paused = true)]
async fn only_the_last_clone_ends_the_presences_and_in_every_tracker() {
    let (one, mut listener) = start(Plain);
    let (other, _other_listener) = start(Plain);
    let owner = Owner::new();
    one.track_as(&owner, "t", "k", json!({})).await.unwrap();
    one.track_as(&owner, "u", "k", json!({})).await.unwrap();
    other.track_as(&owner, "t", "k", json!({})).await.unwrap();
    next(&mut listener).await;

    drop(owner.clone());
    assert_eq!(one.count("t"), 1);
    // Anywhere: a thread that tokio does not know.
    std::thread::spawn(move || drop(owner)).join().unwrap();
    assert_eq!((one.count("t"), one.count("u")), (0, 0));
    assert_eq!(other.count("t"), 0);
    assert_eq!(leaves(&next(&mut listener).await), ["k"]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_may_outlive_a_tracker_and_go_on_elsewhere() {
    let owner = Owner::new();
    for _ in 0..3 {
        let (tracker, _listener) = start(Plain);
        tracker.track_as(&owner, "t", "k", json!({})).await.unwrap();
    }
    let (tracker, _listener) = start(Plain);
    tracker.track_as(&owner, "t", "k", json!({})).await.unwrap();
    tracker.untrack_all(&owner).await;
    assert_eq!(tracker.count("t"), 0);
    tracker.track_as(&owner, "t", "k", json!({})).await.unwrap();
    drop(owner);
    assert_eq!(tracker.count("t"), 0);
}

/// An engine that looks at an owner whenever a message is sent.
struct Curious {
    memory: crate::adapters::Memory,
    owner: Owner,
    sent: std::sync::Arc<parking_lot::Mutex<Vec<bool>>>,
}

impl crate::pubsub::Adapter for Curious {
    fn node_name(&self) -> &str {
        self.memory.node_name()
    }

    fn start(&self, inbox: crate::pubsub::Inbox) {
        self.memory.start(inbox);
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        self.sent.lock().push(self.owner.is_locked());
        self.memory.broadcast(message)
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        self.memory.direct(node, message)
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_is_not_locked_while_a_message_is_sent() {
    let cluster = crate::adapters::MemoryCluster::default();
    let (owner, sent) = (Owner::new(), std::sync::Arc::default());
    let here = PubSub::with_adapter(Curious {
        memory: cluster.join("a"),
        owner: owner.clone(),
        sent: std::sync::Arc::clone(&sent),
    });
    let options = || TrackerOptions::default().chunk_bytes(256);
    let tracker = Tracker::start_with(&here, Plain, options()).unwrap();
    let there = PubSub::with_adapter(cluster.join("b"));
    let _other = Tracker::start_with(&there, Plain, options()).unwrap();
    tokio::time::sleep(3000 * MS).await;
    // A change that is as large as a message leaves at once.
    let large = json!({ "text": "x".repeat(1000) });
    let mut count = sent.lock().len();
    for key in ["1", "2", "3"] {
        tracker
            .track_as(&owner, "t", key, large.clone())
            .await
            .unwrap();
        let before = std::mem::replace(&mut count, sent.lock().len());
        assert!(count > before, "nothing was sent at once");
    }
    tracker.update_as(&owner, "t", "1", large).await.unwrap();
    tracker.untrack_as(&owner, "t", "1").await;
    tracker.untrack_all(&owner).await;
    tokio::time::sleep(100 * MS).await;
    let sent = sent.lock();
    assert!(!sent.contains(&true), "the owner was locked: {sent:?}");
}
