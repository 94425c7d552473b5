//! Diffs that go out at the end of a turn.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::presence::Presences;
use crate::pubsub::{Dispatch, Subscriber};

/// Runs work that does not wait.
fn now<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

/// A tracker that has started, and listeners of topic "t".
async fn started<P: Presence>(presence: P, listeners: usize) -> (Tracker<P>, Vec<Receiver>) {
    let pubsub = PubSub::local();
    let listeners = (0..listeners).map(|_| pubsub.receiver("t", 100)).collect();
    let tracker = Tracker::start(&pubsub, presence);
    tracker.shared.host.ready().await;
    (tracker, listeners)
}

fn track<P: Presence>(tracker: &Tracker<P>, owner: &Owner, topic: &str, meta: Value) {
    now(tracker.track_as(owner, topic, "alice", meta)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_small_diff_is_out_at_the_end_of_its_turn() {
    let (tracker, mut listeners) = started(Plain, 2).await;
    let owner = Owner::new();
    in_turn(|| {
        in_turn(|| track(&tracker, &owner, "t", json!({})));
        assert!(listeners[0].try_recv().is_none());
    });
    for listener in &mut listeners {
        assert_eq!(joins(&now(next(listener))), ["alice"]);
    }
    now(tracker.settled());

    // The next one waits for the interval, and comes by the dispatcher.
    in_turn(|| drop(owner));
    assert!(listeners[0].try_recv().is_none());
    assert_eq!(leaves(&next(&mut listeners[0]).await), ["alice"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_turn_the_dispatcher_sends_a_diff() {
    let (tracker, mut listeners) = started(Plain, 1).await;
    let owner = Owner::new();
    in_turn(|| {});
    track(&tracker, &owner, "t", json!({}));
    assert!(listeners[0].try_recv().is_none());
    assert_eq!(joins(&next(&mut listeners[0]).await), ["alice"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_large_is_left_to_the_dispatcher() {
    let (tracker, mut listeners) = started(Plain, 17).await;
    let owner = Owner::new();
    in_turn(|| track(&tracker, &owner, "t", json!({})));
    assert!(listeners[0].try_recv().is_none(), "to many subscribers");
    assert_eq!(joins(&next(&mut listeners[0]).await), ["alice"]);

    let (tracker, mut listeners) = started(Plain, 1).await;
    let large = json!({ "text": "x".repeat(5_000) });
    in_turn(|| track(&tracker, &owner, "t", large));
    assert!(listeners[0].try_recv().is_none(), "of many bytes");
    assert_eq!(joins(&next(&mut listeners[0]).await), ["alice"]);

    let (tracker, _) = started(Plain, 0).await;
    let topic = |number| format!("t{number}");
    let mut rooms: Vec<_> = (0..20)
        .map(|number| tracker.shared.pubsub.receiver(&topic(number), 1))
        .collect();
    in_turn(|| {
        for number in 0..20 {
            track(&tracker, &owner, &topic(number), json!({}));
        }
    });
    let at_once = rooms.iter_mut().filter_map(Receiver::try_recv).count();
    assert_eq!(at_once, 16, "many in one turn");
    tracker.settled().await;
    assert_eq!(rooms.iter_mut().filter_map(Receiver::try_recv).count(), 4);
}

struct Fetches;
impl Presence for Fetches {
    const NAME: &str = "test.fetches";

    async fn fetch(&self, _: &str, presences: Presences) -> Presences {
        presences
    }
}

struct AnswersAtOnce;
impl Presence for AnswersAtOnce {
    const NAME: &str = "test.answers";

    fn fetch(&self, _: &str, presences: Presences) -> impl Future<Output = Presences> + Send {
        std::future::ready(presences)
    }
}

struct HandlesKeys;
impl Presence for HandlesKeys {
    const NAME: &str = "test.keys";

    async fn handle_last_leaves(&self, _: &str, _: &[crate::presence::KeyEvent]) {}
}

struct Handles;
impl Presence for Handles {
    const NAME: &str = "test.handles";

    async fn handle_metas(
        &self,
        _: &str,
        _: &crate::presence::Diff,
        _: &crate::presence::Current<'_>,
    ) {
    }
}

#[tokio::test(start_paused = true)]
async fn no_turn_waits_for_code_of_the_app() {
    async fn comes_later(presence: impl Presence) {
        let (tracker, mut listeners) = started(presence, 1).await;
        let owner = Owner::new();
        in_turn(|| track(&tracker, &owner, "t", json!({})));
        assert!(listeners[0].try_recv().is_none());
        assert_eq!(joins(&next(&mut listeners[0]).await), ["alice"]);
    }
    comes_later(Fetches).await;
    comes_later(Handles).await;
    comes_later(AnswersAtOnce).await;
    comes_later(HandlesKeys).await;
}

struct Panics;
impl Subscriber for Panics {
    fn deliver(&self, _: &mut Dispatch<'_>) {
        panic!("a subscriber");
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_panics_ends_neither_the_turn_nor_its_topic() {
    let (tracker, mut listeners) = started(Plain, 1).await;
    let owner = Owner::new();
    let panics = tracker.shared.pubsub.subscribe("t", Arc::new(Panics));
    in_turn(|| track(&tracker, &owner, "t", json!({})));
    drop(panics);
    while listeners[0].try_recv().is_some() {}
    drop(owner);
    assert_eq!(leaves(&next(&mut listeners[0]).await), ["alice"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_panics_sends_its_diffs() {
    let (tracker, mut listeners) = started(Plain, 1).await;
    let owner = Owner::new();
    let turn = std::panic::AssertUnwindSafe(|| {
        in_turn(|| {
            track(&tracker, &owner, "t", json!({}));
            panic!("a handler");
        });
    });
    assert!(std::panic::catch_unwind(turn).is_err());
    assert_eq!(joins(&now(next(&mut listeners[0]))), ["alice"]);
}
