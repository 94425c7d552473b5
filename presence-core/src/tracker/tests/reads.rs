//! Pages and selected keys of a topic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::presence::Presences;
use crate::tracker::TrackerOptions;

/// Counts the calls of `fetch`, and hides the keys that begin with "x".
#[derive(Default)]
struct Counting(Arc<AtomicUsize>);

impl Presence for Counting {
    const NAME: &str = "test.counting";

    async fn fetch(&self, _topic: &str, mut presences: Presences) -> Presences {
        self.0.fetch_add(1, Ordering::Relaxed);
        presences.retain(|key, _| !key.starts_with('x'));
        presences
    }
}

fn named(presences: &Presences) -> Vec<&str> {
    presences.keys().collect()
}

/// Returns all keys of the topic, by pages of this size, and the number of pages.
async fn paged<P: Presence>(tracker: &Tracker<P>, size: usize) -> (Vec<String>, usize) {
    let (mut keys, mut pages, mut after) = (Vec::new(), 0, None::<Arc<str>>);
    loop {
        let page = tracker.page("t", after.as_deref(), size).await;
        assert!(page.presences.len() <= size);
        keys.extend(page.presences.keys().map(str::to_owned));
        pages += 1;
        after = page.next;
        if after.is_none() {
            return (keys, pages);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pages_have_each_key_once_whatever_a_batch_is() {
    for batch in [1, 2, 7, 2000] {
        let options = TrackerOptions::default().batch(batch);
        let tracker = Tracker::start_with(&PubSub::local(), Plain, options).unwrap();
        let owners: Vec<_> = (0..9).map(|_| Owner::new()).collect();
        let mut expected = Vec::new();
        for number in 0..50 {
            let key = format!("k{number:02}");
            // Some users have more devices than a batch has room for.
            for owner in &owners[..1 + number % 9] {
                tracker.track_as(owner, "t", &key, json!({})).await.unwrap();
            }
            expected.push(key);
        }
        for size in [1, 3, 50, 51, usize::MAX] {
            let (keys, pages) = paged(&tracker, size).await;
            assert_eq!(keys, expected, "batch {batch}, pages of {size}");
            assert_eq!(
                pages,
                50_usize.div_ceil(size),
                "batch {batch}, pages of {size}"
            );
        }
        let page = tracker.page("t", Some("k07"), 1).await;
        let devices = page.presences.get("k08").map(|entry| entry.metas().len());
        assert_eq!(devices, Some(9), "batch {batch}: a key is whole");
        assert_eq!(page.next.as_deref(), Some("k08"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_begins_after_a_key_that_is_gone_and_ends_where_nothing_is() {
    let (tracker, _listener) = start(Plain);
    let owner = Owner::new();
    for key in ["a", "c", "e"] {
        tracker.track_as(&owner, "t", key, json!({})).await.unwrap();
    }
    let page = tracker.page("t", Some("b"), 1).await;
    assert_eq!(
        (named(&page.presences), page.next.as_deref()),
        (vec!["c"], Some("c"))
    );
    for (topic, after, keys) in [("t", Some("e"), 5), ("t", None, 0), ("empty", None, 5)] {
        let page = tracker.page(topic, after, keys).await;
        assert!(page.presences.is_empty() && page.next.is_none(), "{page:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fetch_hides_does_not_end_the_pages() {
    let calls = Arc::default();
    let (tracker, _listener) = start(Counting(Arc::clone(&calls)));
    let owner = Owner::new();
    for key in ["a", "x1", "x2", "z"] {
        tracker.track_as(&owner, "t", key, json!({})).await.unwrap();
    }
    tracker.settled().await;
    calls.store(0, Ordering::Relaxed);
    assert_eq!(
        paged(&tracker, 1).await,
        (vec!["a".to_owned(), "z".to_owned()], 4)
    );
    assert_eq!(calls.load(Ordering::Relaxed), 4, "one for each page");
}

#[tokio::test(start_paused = true)]
async fn many_keys_are_one_fetch_each_key_once_and_only_those_who_are_there() {
    let calls = Arc::default();
    let (tracker, _listener) = start(Counting(Arc::clone(&calls)));
    let owner = Owner::new();
    for number in 0..900 {
        let key = format!("k{number:03}");
        tracker.track_as(&owner, "t", key, json!({})).await.unwrap();
    }
    tracker.settled().await;
    calls.store(0, Ordering::Relaxed);
    let wanted = (0..2000)
        .rev()
        .map(|number| format!("k{:03}", number / 2 * 2));
    let found = tracker.get_many("t", wanted).await;
    assert_eq!(found.len(), 450);
    assert!(found.keys().is_sorted());
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert!(tracker.get_many("t", ["nobody"]).await.is_empty());
    assert!(tracker.get_many("empty", ["k000"]).await.is_empty());
    assert!(tracker.get_many("t", [""; 0]).await.is_empty());
}

/// Whoever was read as present is told that she has left, though she came and went within one diff.
#[tokio::test(start_paused = true)]
async fn a_read_seals_the_changes_before_it() {
    for by_page in [true, false] {
        let (tracker, mut listener) = start(Plain);
        let (one, other) = (Owner::new(), Owner::new());
        tracker
            .track_as(&one, "t", "first", json!({}))
            .await
            .unwrap();
        assert_eq!(joins(&next(&mut listener).await), ["first"]);
        // Within the interval: it waits.
        tracker
            .track_as(&other, "t", "brief", json!({}))
            .await
            .unwrap();
        let read = match by_page {
            true => tracker.page("t", None, 1).await.presences,
            false => tracker.get_many("t", ["brief"]).await,
        };
        assert_eq!(named(&read), ["brief"]);
        drop(other);
        let diff = next(&mut listener).await;
        assert_eq!(
            (joins(&diff), leaves(&diff)),
            (vec!["brief"], vec!["brief"])
        );
    }
}
