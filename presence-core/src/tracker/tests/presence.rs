//! A user's own presence: the calls that it gets, and the consequences of its faults.

use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::presence::{Current, Diff, Presences};

/// Notes its calls, and adds a field to each entry.
#[derive(Default)]
struct Noting(Arc<Mutex<Vec<String>>>);

impl Presence for Noting {
    const NAME: &str = "test.noting";

    async fn fetch(&self, topic: &str, mut presences: Presences) -> Presences {
        let keys: Vec<_> = presences.keys().collect();
        self.0.lock().push(format!("fetch {topic} {keys:?}"));
        for (key, entry) in &mut presences {
            entry.insert("name", key.to_uppercase()).unwrap();
        }
        presences.retain(|key, _| key != "hidden");
        presences
    }

    async fn init(&self) {
        tokio::time::sleep(MS).await;
        self.0.lock().push("init".to_owned());
    }

    async fn handle_metas(&self, topic: &str, diff: &Diff, presences: &Current<'_>) {
        let side = |side: &Presences| side.keys().collect::<Vec<_>>().join(",");
        let note = format!(
            "{topic} +{} -{} now {}, {} of k",
            side(&diff.joins),
            side(&diff.leaves),
            side(&presences.list()),
            presences
                .get_by_key("k")
                .map_or(0, |entry| entry.metas().len())
        );
        assert_eq!(presences.count(), presences.list().len());
        self.0.lock().push(note);
    }
}

#[tokio::test(start_paused = true)]
async fn callbacks_come_once_and_in_order() {
    let notes = Arc::default();
    let (tracker, mut listener) = start(Noting(Arc::clone(&notes)));
    let (one, other) = (Owner::new(), Owner::new());
    tracker.track_as(&one, "t", "k", json!({})).await.unwrap();
    let diff = next(&mut listener).await;
    assert_eq!(diff["joins"]["k"]["name"], "K");

    tracker.update_as(&one, "t", "k", json!({})).await.unwrap();
    tracker.track_as(&other, "t", "k", json!({})).await.unwrap();
    tracker.track_as(&other, "t", "m", json!({})).await.unwrap();
    let diff = next(&mut listener).await;
    assert_eq!(diff["joins"]["k"]["metas"].as_array().unwrap().len(), 2);
    assert_eq!(diff["joins"]["k"]["name"], "K");
    assert_eq!(diff["joins"]["m"]["name"], "M");
    assert_eq!(diff["leaves"]["k"]["metas"].as_array().unwrap().len(), 1);
    assert_eq!(diff["leaves"]["k"]["name"], "K");

    let list = serde_json::to_value(tracker.list("t").await).unwrap();
    assert_eq!(list["m"]["name"], "M");
    let entry = tracker.get_by_key("t", "k").await.unwrap();
    assert_eq!(entry.get("name").unwrap().get(), "\"K\"");
    assert!(tracker.get_by_key("t", "nobody").await.is_none());

    assert_eq!(
        *notes.lock(),
        [
            "init",
            r#"fetch t ["k"]"#,
            "t +k - now k, 1 of k",
            // Both sides of the diff in one call.
            r#"fetch t ["k", "m"]"#,
            "t +k,m -k now k,m, 2 of k",
            r#"fetch t ["k", "m"]"#,
            r#"fetch t ["k"]"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_waits_for_init() {
    let notes = Arc::default();
    let (tracker, _listener) = start(Noting(Arc::clone(&notes)));
    tracker.list("t").await;
    assert_eq!(*notes.lock(), ["init", "fetch t []"]);
}

#[tokio::test(start_paused = true)]
async fn what_fetch_leaves_out_is_not_shown() {
    let (tracker, mut listener) = start(Noting::default());
    let owner = Owner::new();
    tracker
        .track_as(&owner, "t", "hidden", json!({}))
        .await
        .unwrap();
    tokio::time::sleep(1000 * MS).await;
    assert!(listener.try_recv().is_none(), "a diff of nothing");
    tracker
        .update_as(&owner, "t", "hidden", json!({}))
        .await
        .unwrap();
    tracker.track_as(&owner, "t", "k", json!({})).await.unwrap();
    let diff = next(&mut listener).await;
    assert_eq!((joins(&diff), leaves(&diff)), (vec!["k"], vec![]));
    assert_eq!(tracker.list("t").await.len(), 1);
    assert!(tracker.get_by_key("t", "hidden").await.is_none());
    assert_eq!(tracker.count("t"), 2);
}

/// Does in every callback what the topic says.
struct Faulty;
impl Faulty {
    async fn fault(topic: &str) {
        match topic {
            "panics" => panic!("as it should"),
            "hangs" => std::future::pending().await,
            _ => {}
        }
    }
}

impl Presence for Faulty {
    const NAME: &str = "test.faulty";
    async fn init(&self) {
        Self::fault("hangs").await;
    }
    async fn fetch(&self, topic: &str, presences: Presences) -> Presences {
        Self::fault(topic).await;
        presences
    }
    async fn handle_metas(&self, topic: &str, _: &Diff, _: &Current<'_>) {
        Self::fault(topic).await;
    }
}

#[tokio::test(start_paused = true)]
async fn callbacks_that_panic_or_hang_cost_only_what_they_would_add() {
    let pubsub = PubSub::local();
    let tracker = Tracker::start(&pubsub, Faulty);
    for topic in ["panics", "hangs"] {
        let mut listener = pubsub.receiver(topic, 100);
        let owner = Owner::new();
        tracker
            .track_as(&owner, topic, "a", json!({}))
            .await
            .unwrap();
        assert_eq!(joins(&next(&mut listener).await), ["a"]);
        tracker
            .track_as(&owner, topic, "b", json!({}))
            .await
            .unwrap();
        assert_eq!(joins(&next(&mut listener).await), ["b"]);
        assert_eq!(tracker.list(topic).await.len(), 2);
        assert!(tracker.get_by_key(topic, "a").await.is_some());
    }
}

/// Panics before there is a future.
struct Hasty;
impl Presence for Hasty {
    const NAME: &str = "test.hasty";
    fn fetch(&self, _: &str, presences: Presences) -> impl Future<Output = Presences> + Send {
        assert!(presences.is_empty(), "as it should");
        async { presences }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_before_its_first_await_is_caught_too() {
    let (tracker, mut listener) = start(Hasty);
    let owner = Owner::new();
    tracker.track_as(&owner, "t", "a", json!({})).await.unwrap();
    assert_eq!(joins(&next(&mut listener).await), ["a"]);
}
