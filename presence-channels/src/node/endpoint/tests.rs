use std::{pin::pin, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use serde_json::json;
use tokio::{runtime::Handle, sync::Semaphore, task::JoinHandle};

use super::*;
use crate::Config;

struct NoMounts;

impl Mounts for NoMounts {
    fn router(&self, _: &Endpoint) -> Router {
        Router::new()
    }

    fn find(&self, _: TypeId) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
}

/// A presence whose stop waits at a gate.
#[derive(Clone)]
struct Gated {
    begun: Arc<Semaphore>,
    gate: Arc<Semaphore>,
}

impl Gated {
    /// Waits until a stop has begun.
    async fn begun(&self) {
        let begun = tokio::time::timeout(Duration::from_secs(60), self.begun.acquire()).await;
        begun.expect("a stop begins").unwrap().forget();
    }
}

impl Supervised for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    fn leave(&self, _: Duration) {}

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.begun.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
        })
    }
}

/// Returns an endpoint with one presence, whose stop is under way at the gate.
async fn stopping() -> (Endpoint, Gated, JoinHandle<()>) {
    let presence = Gated {
        begun: Arc::new(Semaphore::new(0)),
        gate: Arc::new(Semaphore::new(0)),
    };
    let node = Node::start(Config::default(), PubSub::local(), Handle::current());
    let supervised: Box<dyn Supervised> = Box::new(presence.clone());
    let endpoint = Endpoint::new(Arc::new(node), Arc::new(NoMounts), vec![supervised]);
    let stop = spawn_stop(&endpoint);
    presence.begun().await;
    (endpoint, presence, stop)
}

fn spawn_stop(endpoint: &Endpoint) -> JoinHandle<()> {
    let endpoint = endpoint.clone();
    tokio::spawn(async move { endpoint.stop().await })
}

fn is_pubsub_up(endpoint: &Endpoint) -> bool {
    endpoint
        .broadcast("room:1", "last", Payload::empty())
        .is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_waits_for_the_first_and_leaves_the_presences_their_pubsub() {
    let (endpoint, presence, first) = stopping().await;
    let second = spawn_stop(&endpoint);
    // Time passes only when every task waits.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(is_pubsub_up(&endpoint));
    assert!(!first.is_finished() && !second.is_finished());
    presence.gate.add_permits(1);
    first.await.unwrap();
    second.await.unwrap();
    assert!(!is_pubsub_up(&endpoint));
    endpoint.stop().await;
    assert_eq!(presence.begun.available_permits(), 0, "stopped once");
}

#[tokio::test(start_paused = true)]
async fn a_stop_whose_caller_has_gone_is_finished_by_the_next() {
    let (endpoint, presence, first) = stopping().await;
    let second = spawn_stop(&endpoint);
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    presence.begun().await;
    assert!(is_pubsub_up(&endpoint));
    presence.gate.add_permits(1);
    second.await.unwrap();
    assert!(!is_pubsub_up(&endpoint));
}

/// The message goes out at once, and its sender waits until broadcasts are written.
#[tokio::test]
async fn a_broadcast_that_waits_is_sent_at_once() {
    let node = Node::start(Config::default(), PubSub::local(), Handle::current());
    let endpoint = Endpoint::new(Arc::new(node), Arc::new(NoMounts), Vec::new());
    let pubsub = endpoint.pubsub();
    let [mut sender, mut member] = [(); 2].map(|()| pubsub.receiver("room:1", 16));
    let flushers = endpoint.node().flushers();
    const FLOOD: isize = 1024 * 1024 * 1024;

    let event = |receiver: &mut presence_core::pubsub::Receiver| {
        receiver.try_recv().map(|message| message.event.to_string())
    };
    flushers.pile_up(FLOOD);
    let mut to_all = pin!(endpoint.broadcast_and_wait("room:1", "all", Payload::empty()));
    assert!(to_all.as_mut().now_or_never().is_none());
    for receiver in [&mut sender, &mut member] {
        assert_eq!(event(receiver).as_deref(), Some("all"));
    }
    let others = endpoint.broadcast_from_and_wait(sender.id(), "room:1", "others", json!({}));
    let mut to_others = pin!(others);
    assert!(to_others.as_mut().now_or_never().is_none());
    assert_eq!(event(&mut member).as_deref(), Some("others"));
    assert_eq!(event(&mut sender), None);

    flushers.pile_up(-FLOOD);
    to_all.await.unwrap();
    to_others.await.unwrap();
    // An error is not waited for.
    flushers.pile_up(FLOOD);
    let wrong = endpoint.broadcast_from_and_wait(sender.id(), "room:1", "no object", 7);
    let refused = wrong.now_or_never().expect("at once");
    assert!(
        matches!(refused, Err(BroadcastError::Frame(_))),
        "{refused:?}"
    );
}
