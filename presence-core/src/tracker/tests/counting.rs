//! Counts of topics for members without a list.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::*;
use crate::pubsub::{Dispatch, Interest, Subscriber};
use crate::tracker::{PRESENCE_COUNT, TrackerOptions};

/// Notes the counts that it gets, with their times.
#[derive(Default)]
struct Watcher(Mutex<Vec<(Instant, u64)>>);

impl Subscriber for Watcher {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let message = dispatch.message();
        assert_eq!(&*message.event, PRESENCE_COUNT);
        let payload: Value = message.payload.json().unwrap();
        let count = payload["count"].as_u64().unwrap();
        self.0.lock().push((Instant::now(), count));
    }
}

const INTERVAL: Duration = Duration::from_secs(1);

fn counted() -> (PubSub, Tracker<Plain>) {
    let pubsub = PubSub::local();
    let options = TrackerOptions::default().count_interval(INTERVAL);
    let tracker = Tracker::start_with(&pubsub, Plain, options).unwrap();
    (pubsub, tracker)
}

#[tokio::test(start_paused = true)]
async fn a_count_comes_at_once_then_once_an_interval_and_the_last_one_always() {
    let (pubsub, tracker) = counted();
    let watcher = Arc::<Watcher>::default();
    let _subscription = pubsub.subscribe_as("t", Interest::Counts, watcher.clone());
    let counting = tracker.counting("t");
    let other = tracker.counting("t");
    assert_eq!(counting.count(), 0);
    let owners: Vec<_> = (0..40).map(|_| Owner::new()).collect();
    let begun = Instant::now();
    for (number, owner) in owners.iter().enumerate() {
        let key = format!("k{number}");
        tracker.track_as(owner, "t", key, json!({})).await.unwrap();
        tokio::time::sleep(100 * MS).await;
    }
    tokio::time::sleep(2 * INTERVAL).await;
    let counts = watcher.0.lock().clone();
    assert!(counts[0].0 < begun + 100 * MS, "the first comes at once");
    assert_eq!(counts.last().map(|(_, count)| *count), Some(40));
    assert!(counts.len() <= 6, "{counts:?}");
    assert!(
        counts
            .windows(2)
            .all(|pair| pair[1].0 >= pair[0].0 + INTERVAL),
        "{counts:?}"
    );

    // Another device of a user, or another meta, is no change.
    watcher.0.lock().clear();
    let device = Owner::new();
    tracker
        .track_as(&device, "t", "k0", json!({}))
        .await
        .unwrap();
    tracker
        .update_as(&device, "t", "k0", json!({ "n": 1 }))
        .await
        .unwrap();
    tokio::time::sleep(2 * INTERVAL).await;
    assert!(watcher.0.lock().is_empty());

    // One member may go. After the last one nobody counts.
    drop(counting);
    drop(owners);
    tokio::time::sleep(2 * INTERVAL).await;
    assert_eq!(watcher.0.lock().pop().map(|(_, count)| count), Some(1));
    drop(other);
    drop(device);
    tokio::time::sleep(2 * INTERVAL).await;
    assert!(watcher.0.lock().iter().all(|(_, count)| *count > 0));
    tracker.stop().await;
}

/// Tracks two keys. The diff of the second one waits. Returns the owners of both.
async fn two_of_which_one_waits(tracker: &Tracker<Plain>) -> (Owner, Owner) {
    let (first, second) = (Owner::new(), Owner::new());
    tracker.track_as(&first, "t", "a", json!({})).await.unwrap();
    tokio::time::sleep(MS).await;
    tracker
        .track_as(&second, "t", "b", json!({}))
        .await
        .unwrap();
    (first, second)
}

#[tokio::test(start_paused = true)]
async fn a_user_who_was_counted_and_leaves_before_the_next_diff_is_counted_no_more() {
    let (pubsub, tracker) = counted();
    let watcher = Arc::<Watcher>::default();
    let _subscription = pubsub.subscribe_as("t", Interest::Counts, watcher.clone());
    let _counting = tracker.counting("t");
    let (one, other) = (Owner::new(), Owner::new());
    tracker.track_as(&one, "t", "a", json!({})).await.unwrap();
    // No task has run between the two: the diff of the first user leads to a count of both.
    tracker.track_as(&other, "t", "b", json!({})).await.unwrap();
    tokio::time::sleep(MS).await;
    let counts = || -> Vec<u64> { watcher.0.lock().iter().map(|(_, count)| *count).collect() };
    assert_eq!(counts(), [2]);
    tracker.untrack_as(&other, "t", "b").await;
    tokio::time::sleep(2 * INTERVAL).await;
    assert_eq!(counts(), [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_first_count_is_corrected_though_the_other_members_show_the_right_one() {
    let (pubsub, tracker) = counted();
    let watcher = Arc::<Watcher>::default();
    let _subscription = pubsub.subscribe_as("t", Interest::Counts, watcher.clone());
    let _counting = tracker.counting("t");
    let (_one, other) = two_of_which_one_waits(&tracker).await;
    let newcomer = tracker.counting("t");
    let first: Value = newcomer.queue(|count| count.json().unwrap());
    assert_eq!(first, json!({ "count": 2 }));
    tracker.untrack_as(&other, "t", "b").await;
    tokio::time::sleep(2 * INTERVAL).await;
    let counts: Vec<_> = watcher.0.lock().iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn no_later_count_is_queued_before_a_members_first_one() {
    let (_pubsub, tracker) = counted();
    let (first, other) = (tracker.counting("t"), tracker.counting("t"));
    let (done, is_done) = std::sync::mpsc::channel();
    first.queue(|_| {
        std::thread::spawn(move || done.send(other.count()));
        let wait = Duration::from_millis(100);
        is_done.recv_timeout(wait).unwrap_err();
    });
    assert_eq!(is_done.recv(), Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_nobody_counts_keeps_nothing() {
    let (_pubsub, tracker) = counted();
    let countings: Vec<_> = (0..10).map(|_| tracker.counting("t")).collect();
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let more: Vec<_> = (0..90).map(|_| tracker.counting("t")).collect();
    let with_more = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert_eq!(with_more, tasks, "all members of a topic share one task");
    drop((countings, more));
    tokio::time::sleep(MS).await;
    let after = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert_eq!(after, tasks - 1);
}
