use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::PubSub;
use crate::tracker::Owner;

struct Plain;

impl Presence for Plain {
    const NAME: &str = "test.plain";
}

fn start() -> Tracker<Plain> {
    Tracker::start(&PubSub::local(), Plain)
}

/// Keys with the references of their metas, as a watcher keeps them. The references have no order:
/// a list orders metas by owner, and events come in the order of the changes.
type Kept = BTreeMap<String, BTreeSet<String>>;

fn refs(presences: &Presences) -> Kept {
    let entries = presences.iter().map(|(key, entry)| {
        let metas = entry.metas().iter().map(|meta| meta.phx_ref().to_owned());
        (key.to_owned(), metas.collect())
    });
    entries.collect()
}

/// Keeps the state of a topic by its events alone. A diff that does not continue it is a fault.
fn keep(kept: &mut Kept, event: WatchEvent) {
    match event {
        WatchEvent::State(list) => *kept = refs(&list),
        WatchEvent::Diff(diff) => {
            for (key, joined) in refs(&diff.joins) {
                let metas = kept.entry(key).or_default();
                assert!(joined.iter().all(|meta| !metas.contains(meta)));
                metas.extend(joined);
            }
            for (key, left) in refs(&diff.leaves) {
                let metas = kept.get_mut(&key).expect("it was there");
                assert!(left.iter().all(|meta| metas.contains(meta)));
                metas.retain(|meta| !left.contains(meta));
                if metas.is_empty() {
                    kept.remove(&key);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_watch_lead_to_the_list_whenever_it_began() {
    let tracker = start();
    let owners: Vec<_> = (0..8).map(|_| Owner::new()).collect();
    let mut random = fastrand::Rng::with_seed(7);
    let mut watches: Vec<(Watch<Plain>, Kept)> = Vec::new();
    for step in 0..400 {
        let owner = random.choice(&owners).expect("there are some");
        let key = ["a", "b", "c"][random.usize(..3)];
        match random.u8(..4) {
            0 => {
                tracker.untrack_as(owner, "t", key).await;
            }
            1 => {
                // Refused where it is not tracked.
                let _ = tracker
                    .update_as(owner, "t", key, json!({ "n": step }))
                    .await;
            }
            _ => {
                // Refused where it is tracked.
                let _ = tracker.track_as(owner, "t", key, json!({})).await;
            }
        }
        if random.u8(..20) == 0 {
            watches.push((tracker.watch("t"), Kept::new()));
        }
        if random.u8(..3) == 0 {
            tokio::time::sleep(Duration::from_millis(random.u64(..40))).await;
        }
        if random.u8(..5) == 0 && !watches.is_empty() {
            let place = random.usize(..watches.len());
            let (watch, kept) = &mut watches[place];
            let wait = Duration::from_millis(1);
            while let Ok(Some(event)) = tokio::time::timeout(wait, watch.next()).await {
                keep(kept, event);
            }
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let list = refs(&tracker.list("t").await);
    assert!(watches.len() > 5 && !list.is_empty());
    for (watch, kept) in &mut watches {
        let wait = Duration::from_millis(1);
        while let Ok(Some(event)) = tokio::time::timeout(wait, watch.next()).await {
            keep(kept, event);
        }
        assert_eq!(*kept, list);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_far_behind_gets_the_list_anew() {
    let tracker = start();
    let mut watch = tracker.watch("t");
    assert!(matches!(watch.next().await, Some(WatchEvent::State(_))));
    let owner = Owner::new();
    for number in 0..300 {
        let key = number.to_string();
        tracker
            .track_as(&owner, "t", &key, json!({}))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let Some(WatchEvent::State(list)) = watch.next().await else {
        panic!("diffs were lost");
    };
    assert_eq!(list.len(), 300);
    tracker
        .track_as(&owner, "t", "last", json!({}))
        .await
        .unwrap();
    let Some(WatchEvent::Diff(diff)) = watch.next().await else {
        panic!("it goes on");
    };
    assert_eq!(diff.joins.keys().collect::<Vec<_>>(), ["last"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_with_its_tracker_and_gets_the_last_leaves_before() {
    let tracker = start();
    let owner = Owner::new();
    tracker.track_as(&owner, "t", "k", json!({})).await.unwrap();
    let mut watch = tracker.watch("t");
    watch.next().await.expect("the list");
    tracker.stop().await;
    let Some(WatchEvent::Diff(diff)) = watch.next().await else {
        panic!("everybody leaves");
    };
    assert!(diff.leaves.get("k").is_some());
    assert!(watch.next().await.is_none());
    assert!(tracker.watch("t").next().await.is_none());
}

#[tokio::test]
async fn a_watch_that_is_dropped_is_forgotten() {
    let tracker = start();
    let (one, other) = (tracker.watch("t"), tracker.watch("t"));
    drop(one);
    let count = || tracker.shared.watchers.count();
    assert_eq!(count(), 1);
    drop(other);
    assert_eq!(count(), 0);
}
