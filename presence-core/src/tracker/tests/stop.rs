//! The ends of trackers.

use std::sync::Arc;

use super::*;

#[tokio::test(start_paused = true)]
async fn stop_tells_the_last_leaves_and_ends_the_tasks() {
    let (tracker, mut listener) = start(Plain);
    let owner = Owner::new();
    tracker.track_as(&owner, "t", "a", json!({})).await.unwrap();
    assert_eq!(joins(&next(&mut listener).await), ["a"]);
    tracker.track_as(&owner, "t", "b", json!({})).await.unwrap();

    stop(&tracker).await;
    // The diff is the net change: b was never there.
    let last = listener
        .try_recv()
        .expect("the leaves were sent before stop ended");
    let last: Value = last.payload.json().unwrap();
    assert_eq!((joins(&last), leaves(&last)), (vec![], vec!["a"]));
    assert_eq!(tracker.count("t"), 0);

    let error = tracker.track_as(&owner, "t", "c", json!({})).await;
    assert!(matches!(error, Err(TrackError::Stopped)));
    let error = tracker.update_as(&owner, "t", "a", json!({})).await;
    assert!(matches!(error, Err(UpdateError::Stopped)));
    let error = tracker.update_with_as(&owner, "t", "a", |meta| meta).await;
    assert!(matches!(error, Err(UpdateError::Stopped)));
    tracker.untrack_as(&owner, "t", "a").await;
    assert!(tracker.list("t").await.is_empty());

    stop(&tracker).await;
    drop(owner);
    let shared = Arc::downgrade(&tracker.shared);
    drop(tracker);
    tokio::time::sleep(MS).await;
    assert_eq!(shared.strong_count(), 0, "a task still runs");
}

#[tokio::test(start_paused = true)]
async fn many_may_stop_at_once() {
    let (tracker, mut listener) = start(Plain);
    let owner = Owner::new();
    tracker.track_as(&owner, "t", "a", json!({})).await.unwrap();
    let stops = [1, 2].map(|_| {
        let tracker = tracker.clone();
        tokio::spawn(async move { stop(&tracker).await })
    });
    for stop in stops {
        stop.await.unwrap();
    }
    let mut told = Vec::new();
    while let Some(message) = listener.try_recv() {
        let diff: Value = message.payload.json().unwrap();
        told.extend(leaves(&diff).into_iter().map(str::to_owned));
    }
    assert_eq!(told, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn the_tasks_end_with_the_last_handle() {
    let (tracker, _listener) = start(Plain);
    let shared = Arc::downgrade(&tracker.shared);
    let owner = Owner::new();
    tracker.track_as(&owner, "t", "a", json!({})).await.unwrap();
    drop(tracker.clone());
    tokio::time::sleep(MS).await;
    tracker.track_as(&owner, "t", "b", json!({})).await.unwrap();

    drop(tracker);
    tokio::time::sleep(MS).await;
    assert_eq!(shared.strong_count(), 0, "a task still runs");
    drop(owner);
}

#[test]
fn a_tracker_whose_runtime_is_gone_still_answers() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    let tracker = first.block_on(async { Tracker::start(&PubSub::local(), Plain) });
    drop(first);
    runtime().block_on(async {
        let owner = Owner::new();
        tracker.track_as(&owner, "t", "a", json!({})).await.unwrap();
        let bound = Duration::from_secs(60);
        let list = tokio::time::timeout(bound, tracker.list("t")).await;
        assert_eq!(list.unwrap().len(), 1);
        drop(owner);
        tokio::time::timeout(bound, tracker.stop()).await.unwrap();
    });
}

#[test]
#[should_panic(expected = "needs a tokio runtime")]
fn outside_a_runtime_it_says_what_it_needs() {
    Tracker::start(&PubSub::local(), Plain);
}

#[tokio::test]
async fn options_out_of_bounds_are_refused_and_nothing_is_started() {
    let pubsub = PubSub::with_adapter(crate::adapters::MemoryCluster::default().join("a"));
    let options = TrackerOptions::default().pool_size(0);
    let refused = Tracker::start_with(&pubsub, Plain, options).err();
    assert_eq!(refused.expect("an error").option(), "pool_size");
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert_eq!(tasks, 0);
}

// Real threads and real time: nothing here depends on one thread doing it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_at_once_leave_nothing_behind() {
    let (tracker, mut listener) = start(Plain);
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let tracker = tracker.clone();
            tokio::spawn(async move {
                let owner = Owner::new();
                let key = (number % 7).to_string();
                for _ in 0..20 {
                    tracker
                        .track_as(&owner, "t", &key, json!({}))
                        .await
                        .unwrap();
                    tracker
                        .update_as(&owner, "t", &key, json!({}))
                        .await
                        .unwrap();
                    assert!(tracker.get_by_key("t", &key).await.is_some());
                    tokio::task::yield_now().await;
                    tracker.untrack_as(&owner, "t", &key).await;
                }
                tracker
                    .track_as(&owner, "t", &key, json!({}))
                    .await
                    .unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(tracker.count("t"), 0);
    stop(&tracker).await;

    // The stream alone, from its start, ends empty.
    let mut present = std::collections::BTreeSet::new();
    while let Some(message) = listener.try_recv() {
        let diff: Value = message.payload.json().unwrap();
        for (side, joins) in [("joins", true), ("leaves", false)] {
            let entries = diff[side].as_object().unwrap().values();
            for meta in entries.flat_map(|entry| entry["metas"].as_array().unwrap()) {
                let phx_ref = meta["phx_ref"].as_str().unwrap().to_owned();
                assert!(if joins {
                    present.insert(phx_ref)
                } else {
                    present.remove(&phx_ref)
                });
            }
        }
    }
    assert_eq!(listener.missed(), 0);
    assert!(present.is_empty());
}
