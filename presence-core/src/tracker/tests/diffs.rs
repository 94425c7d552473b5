//! When listeners are told, and of what.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::*;
use crate::presence::Presences;
use crate::pubsub::{Dispatch, Subscriber};

#[tokio::test(start_paused = true)]
async fn the_first_diff_comes_at_once_and_the_next_after_the_interval() {
    let (tracker, mut listener) = start(Plain);
    let owner = Owner::new();
    let started = Instant::now();
    tracker.track_as(&owner, "t", "a", json!({})).await.unwrap();
    assert_eq!(joins(&next(&mut listener).await), ["a"]);
    assert_eq!(started.elapsed(), Duration::ZERO);

    tracker.track_as(&owner, "t", "b", json!({})).await.unwrap();
    tracker.track_as(&owner, "t", "c", json!({})).await.unwrap();
    assert_eq!(joins(&next(&mut listener).await), ["b", "c"]);
    let second = started.elapsed();
    assert!(second >= 50 * MS && second <= 52 * MS, "{second:?}");

    // Quiet for long: at once again.
    tokio::time::sleep(1000 * MS).await;
    let later = Instant::now();
    tracker.untrack_as(&owner, "t", "a").await;
    assert_eq!(leaves(&next(&mut listener).await), ["a"]);
    assert_eq!(later.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_update_is_one_message() {
    let (tracker, mut listener) = start(Plain);
    let owner = Owner::new();
    let old = tracker
        .track_as(&owner, "t", "k", json!({ "s": "here" }))
        .await
        .unwrap();
    next(&mut listener).await;
    let new = tracker
        .update_as(&owner, "t", "k", json!({ "s": "away" }))
        .await
        .unwrap();
    let new = json!({ "s": "away", "phx_ref": new, "phx_ref_prev": old });
    let old = json!({ "s": "here", "phx_ref": old });
    assert_eq!(
        next(&mut listener).await,
        json!({ "joins": { "k": { "metas": [new] } }, "leaves": { "k": { "metas": [old] } } })
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_joins_with_a_list_each_cost_two_frames() {
    let (tracker, mut listener) = start(Plain);
    let owners: Vec<_> = (0..1000).map(|_| Owner::new()).collect();
    for (number, owner) in owners.iter().enumerate() {
        let key = number.to_string();
        tracker.track_as(owner, "t", &key, json!({})).await.unwrap();
        assert_eq!(tracker.list("t").await.len(), number + 1);
    }
    let first = next(&mut listener).await;
    let second = next(&mut listener).await;
    assert_eq!(joins(&first).len() + joins(&second).len(), 1000);
    tokio::time::sleep(BOUND).await;
    assert!(listener.try_recv().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_large_diff_is_split_by_bytes() {
    let (tracker, mut listener) = start(Plain);
    let owner = Owner::new();
    let meta = json!({ "x": "y".repeat(9_900) });
    for number in 0..200 {
        let key = format!("k{number:03}");
        tracker.track_as(&owner, "t", &key, &meta).await.unwrap();
    }
    let mut joined = 0;
    while joined < 200 {
        joined += joins(&next(&mut listener).await).len();
    }
    tokio::time::sleep(1000 * MS).await;

    drop(owner);
    let (mut left, mut diffs) = (0, 0);
    while left < 200 {
        let diff = next(&mut listener).await;
        assert!(diff.to_string().len() <= 256 * 1024);
        left += leaves(&diff).len();
        diffs += 1;
    }
    assert!((8..=10).contains(&diffs), "{diffs} diffs for 2 MB");
}

/// A fetch that takes as long as the topic's name says, in milliseconds.
struct Slow;
impl Presence for Slow {
    const NAME: &str = "test.slow";
    async fn fetch(&self, topic: &str, presences: Presences) -> Presences {
        let ms: u64 = topic.parse().unwrap();
        tokio::time::sleep(Duration::from_millis(ms)).await;
        presences
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_fetch_keeps_its_topics_order_and_holds_up_no_other() {
    let pubsub = PubSub::local();
    let mut slow = pubsub.receiver("1000", 100);
    let mut quick = pubsub.receiver("1", 100);
    let tracker = Tracker::start(&pubsub, Slow);
    let owner = Owner::new();
    let started = Instant::now();
    let track = async |topic: &str, key: &str| {
        tracker
            .track_as(&owner, topic, key, json!({}))
            .await
            .unwrap();
    };

    track("1000", "a").await;
    track("1", "a").await;
    next(&mut quick).await;
    assert!(started.elapsed() < 10 * MS);

    // The changes during the first `fetch` become one diff, which follows it.
    for key in ["b", "c"] {
        tokio::time::sleep(100 * MS).await;
        track("1000", key).await;
    }
    track("1", "b").await;
    next(&mut quick).await;
    assert!(started.elapsed() < 500 * MS);

    assert_eq!(joins(&next(&mut slow).await), ["a"]);
    assert_eq!(joins(&next(&mut slow).await), ["b", "c"]);
    assert!(started.elapsed() >= 2050 * MS);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_topics_are_fetched_at_once() {
    let pubsub = PubSub::local();
    let options = TrackerOptions::default().max_concurrent_diffs(1);
    let mut last = pubsub.receiver("1", 100);
    let tracker = Tracker::start_with(&pubsub, Slow, options).unwrap();
    let owner = Owner::new();
    let started = Instant::now();
    for topic in ["1000", "1"] {
        tracker
            .track_as(&owner, topic, "a", json!({}))
            .await
            .unwrap();
        // The order of the topics' diffs is that of their changes.
        tokio::time::sleep(MS).await;
    }
    next(&mut last).await;
    assert!(started.elapsed() >= 1000 * MS);
}

/// Panics at the first message.
struct Fragile(Mutex<u32>);
impl Subscriber for Fragile {
    fn deliver(&self, _: &mut Dispatch<'_>) {
        *self.0.lock() += 1;
        assert!(*self.0.lock() > 1, "a subscriber that panics");
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_panics_does_not_silence_the_topic() {
    let pubsub = PubSub::local();
    let fragile = Arc::new(Fragile(Mutex::new(0)));
    let _subscription = pubsub.subscribe("t", fragile.clone());
    let tracker = Tracker::start(&pubsub, Plain);
    let owner = Owner::new();
    tracker.track_as(&owner, "t", "a", json!({})).await.unwrap();
    tokio::time::sleep(100 * MS).await;
    tracker.track_as(&owner, "t", "b", json!({})).await.unwrap();
    tokio::time::sleep(100 * MS).await;
    assert_eq!(*fragile.0.lock(), 2);
}
