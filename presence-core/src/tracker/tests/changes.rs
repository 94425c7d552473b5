//! track, update, untrack and what they refuse.

use std::cell::Cell;

use super::*;
use crate::presence::MetaError;

struct Socket {
    owner: Owner,
    topic: String,
    // Not `Sync`: a socket of a user's making may not be.
    _counter: Cell<u32>,
}

impl Tracked for Socket {
    fn owner(&self) -> &Owner {
        &self.owner
    }
    fn topic(&self) -> &str {
        &self.topic
    }
}

fn socket() -> Socket {
    Socket {
        owner: Owner::new(),
        topic: "t".to_owned(),
        _counter: Cell::new(0),
    }
}

fn only_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_tracked_on_its_topic() {
    let (tracker, _listener) = start(Plain);
    let (one, other) = (socket(), socket());
    let phx_ref = only_send(tracker.track(&one, "k", json!({ "n": 1 })))
        .await
        .unwrap();
    tracker.track(&other, "k", json!({ "n": 2 })).await.unwrap();
    assert_eq!(tracker.count("t"), 1);
    let entry = tracker.get_by_key("t", "k").await.unwrap();
    assert_eq!(entry.metas()[0].phx_ref(), phx_ref.as_str());
    assert_eq!(entry.metas().len(), 2);

    let updated = only_send(tracker.update(&one, "k", json!({ "n": 3 })))
        .await
        .unwrap();
    let entry = tracker.get_by_key("t", "k").await.unwrap();
    assert_eq!(
        entry.metas()[0].json::<Value>().unwrap(),
        json!({ "n": 3, "phx_ref": updated, "phx_ref_prev": phx_ref })
    );

    only_send(tracker.untrack(&one, "k")).await;
    tracker.untrack(&one, "k").await;
    assert_eq!(tracker.get_by_key("t", "k").await.unwrap().metas().len(), 1);
    tracker.untrack_all(&other.owner).await;
    assert!(tracker.get_by_key("t", "k").await.is_none());
    assert_eq!(tracker.count("t"), 0);
}

#[tokio::test(start_paused = true)]
async fn refusals_change_nothing() {
    let (tracker, mut listener) = start(Plain);
    let socket = socket();
    let error = tracker.update(&socket, "k", json!({})).await.unwrap_err();
    assert!(matches!(error, UpdateError::NotTracked));

    tracker
        .track(&socket, "k", json!({ "n": 1 }))
        .await
        .unwrap();
    let error = tracker.track(&socket, "k", json!({})).await.unwrap_err();
    assert!(matches!(error, TrackError::AlreadyTracked));
    let error = tracker.track(&socket, "l", json!([])).await.unwrap_err();
    assert!(matches!(error, TrackError::Meta(MetaError::NotAnObject)));
    let large = json!({ "text": "x".repeat(16 * 1024) });
    let error = tracker.update(&socket, "k", large).await.unwrap_err();
    assert!(matches!(
        error,
        UpdateError::Meta(MetaError::TooLarge { bytes, limit: 16384 }) if bytes == 16384 + 11
    ));

    let list = serde_json::to_value(tracker.list("t").await).unwrap();
    assert_eq!(list["k"]["metas"][0]["n"], 1);
    assert_eq!(keys(&list), ["k"]);
    next(&mut listener).await;
    tokio::time::sleep(BOUND).await;
    assert!(listener.try_recv().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_owner_has_only_so_many_presences() {
    let options = TrackerOptions::default().max_presences_per_owner(2);
    let tracker = Tracker::start_with(&PubSub::local(), Plain, options).unwrap();
    let owner = Owner::new();
    tracker.track_as(&owner, "t", "a", json!({})).await.unwrap();
    tracker.track_as(&owner, "u", "a", json!({})).await.unwrap();
    // A refusal is not counted.
    for _ in 0..3 {
        let refused = tracker.track_as(&owner, "v", "a", json!({})).await;
        assert!(matches!(
            refused,
            Err(TrackError::TooManyPresences { limit: 2 })
        ));
    }
    tracker
        .update_as(&owner, "t", "a", json!({}))
        .await
        .unwrap();
    tracker
        .track_as(&Owner::new(), "v", "a", json!({}))
        .await
        .unwrap();
    tracker.untrack_as(&owner, "t", "a").await;
    tracker.untrack_as(&owner, "t", "a").await;
    tracker.track_as(&owner, "v", "a", json!({})).await.unwrap();
    assert!(tracker.track_as(&owner, "v", "b", json!({})).await.is_err());
    tracker.untrack_all(&owner).await;
    tracker.track_as(&owner, "v", "b", json!({})).await.unwrap();
    tracker.track_as(&owner, "v", "c", json!({})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_update_can_be_made_from_the_present_meta() {
    let (tracker, _listener) = start(Plain);
    let socket = socket();
    let meta = json!({ "kept": true, "n": 1 });
    let first = tracker.track(&socket, "k", meta).await.unwrap();
    let second = tracker
        .update_with(&socket, "k", |mut meta| {
            assert_eq!(meta["phx_ref"], json!(first));
            meta["n"] = json!(2);
            meta
        })
        .await
        .unwrap();
    let entry = tracker.get_by_key("t", "k").await.unwrap();
    assert_eq!(
        entry.metas()[0].json::<Value>().unwrap(),
        json!({ "kept": true, "n": 2, "phx_ref": second, "phx_ref_prev": first })
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_made_from_a_stale_meta_is_made_again() {
    let (tracker, _listener) = start(Plain);
    let owner = Owner::new();
    tracker
        .track_as(&owner, "t", "k", json!({ "n": 1 }))
        .await
        .unwrap();
    let mut interfered = false;
    let update = tracker.update_with_as(&owner, "t", "k", |mut meta| {
        if !std::mem::replace(&mut interfered, true) {
            // Ready at once: nothing in it waits.
            let other = tracker.update_as(&owner, "t", "k", json!({ "n": 10 }));
            at_once(other).unwrap();
        }
        let n = meta["n"].as_u64().unwrap();
        meta["n"] = json!(n + 1);
        meta
    });
    update.await.unwrap();
    let entry = tracker.get_by_key("t", "k").await.unwrap();
    assert_eq!(entry.metas()[0].json::<Value>().unwrap()["n"], 11);
}

fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test(start_paused = true)]
async fn presences_of_one_node_do_not_mix() {
    let pubsub = PubSub::local();
    let one = Tracker::start(&pubsub, Plain);
    let other = Tracker::start(&pubsub, Plain);
    let owner = Owner::new();
    one.track_as(&owner, "t", "k", json!({})).await.unwrap();
    other.track_as(&owner, "t", "k", json!({})).await.unwrap();
    other.untrack_as(&owner, "t", "k").await;
    assert_eq!((one.count("t"), other.count("t")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn topics_are_those_with_somebody_in_them() {
    let (tracker, _) = start(Plain);
    let (alice, bob) = (Owner::new(), Owner::new());
    for (owner, topic, key) in [
        (&alice, "u", "alice"),
        (&bob, "u", "bob"),
        (&alice, "t", "alice"),
    ] {
        tracker
            .track_as(owner, topic, key, json!({}))
            .await
            .unwrap();
    }
    assert_eq!(tracker.topics(), [("t".into(), 1), ("u".into(), 2)]);
    // The diff that tells of her end is not out yet: the topic is held, and nobody is in it.
    drop(alice);
    assert_eq!(tracker.topics(), [("u".into(), 1)]);
}
