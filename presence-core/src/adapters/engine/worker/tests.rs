//! The worker with an engine that does as it is told.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::pubsub::{
    Broadcast, Payload,
    TrafficClass::{Bulk, Control, Live},
};

/// The most batches of `Live` that the engine takes at once.
const LIVE: usize = 2;
/// The bytes of `Control` and `Bulk` from which on the engine takes no further batch.
const BYTES: usize = 1000;

/// An engine. It does what takes time once it has a permit for that.
#[derive(Clone)]
struct Told(Arc<Permits>);

struct Permits {
    log: Mutex<Vec<String>>,
    subscribing: Semaphore,
    control: Semaphore,
    live: Semaphore,
    bulk: Semaphore,
    away: AtomicBool,
    lost: Notify,
    /// If set, the next subscription fails.
    refuses: AtomicBool,
}

impl Told {
    fn log(&self, line: impl Into<String>) {
        self.0.log.lock().push(line.into());
    }

    /// Lets the worker run until it waits, and returns what the engine was told.
    async fn told(&self) -> Vec<String> {
        // Time is paused: it goes on when all tasks wait. An engine that is away is polled again.
        sleep(2 * AWAY_POLL).await;
        std::mem::take(&mut self.0.log.lock())
    }
}

impl Connection for Told {
    type Outlet = Self;
    type Subscription = ();
    type Lost = ();

    fn most_batches(class: TrafficClass) -> usize {
        match class {
            Live => LIVE,
            Control => 8,
            Bulk => 1,
        }
    }

    fn most_bytes(class: TrafficClass) -> usize {
        if class == Live { usize::MAX } else { BYTES }
    }

    fn outlet(&self) -> Self {
        self.clone()
    }

    async fn begin(&mut self) -> Result<(), ()> {
        self.log("begin");
        Ok(())
    }

    async fn subscribe(&mut self, buckets: Vec<u16>) -> Result<Vec<(u16, ())>, ()> {
        self.log(format!("subscribe to {}", buckets.len()));
        let permit = self.0.subscribing.acquire().await;
        permit.expect("it stays open").forget();
        if self.0.refuses.swap(false, SeqCst) {
            return Err(());
        }
        self.log("subscribed");
        Ok(buckets.into_iter().map(|bucket| (bucket, ())).collect())
    }

    async fn unsubscribe(&mut self, ended: Vec<(u16, ())>) -> Result<(), ()> {
        self.log(format!("unsubscribe from {}", ended.len()));
        Ok(())
    }

    fn began(&mut self) {
        self.log("began");
    }

    async fn lost(&mut self) {
        self.0.lost.notified().await;
    }

    async fn recover(&mut self, (): ()) {
        self.log("recover");
    }

    async fn close(&mut self) {
        self.log("close");
    }
}

impl Outlet for Told {
    type Lost = ();

    fn send(
        &self,
        class: TrafficClass,
        frames: Vec<Item>,
    ) -> impl Future<Output = Result<(), ()>> + Send + 'static {
        let this = self.clone();
        async move {
            this.log(format!("send {} {class:?}", frames.len()));
            let permits = match class {
                Control => &this.0.control,
                Live => &this.0.live,
                Bulk => &this.0.bulk,
            };
            permits.acquire().await.expect("it stays open").forget();
            this.log(format!("sent {class:?}"));
            Ok(())
        }
    }

    fn is_away(&self) -> bool {
        self.0.away.load(SeqCst)
    }
}

/// A node whose worker runs, with an engine that may do this many things of each kind.
async fn node(subscribing: usize, sending: usize) -> (Arc<EngineNode>, Told) {
    let node = EngineNode::new("a", "test", '.', 1_000_000).unwrap();
    let told = Told(Arc::new(Permits {
        log: Mutex::default(),
        subscribing: Semaphore::new(subscribing),
        control: Semaphore::new(sending),
        live: Semaphore::new(sending),
        bulk: Semaphore::new(sending),
        away: AtomicBool::new(false),
        lost: Notify::new(),
        refuses: AtomicBool::new(false),
    }));
    tokio::spawn(Worker::new(Arc::clone(&node), told.clone()).run());
    assert_eq!(told.told().await, ["begin", "began"]);
    (node, told)
}

fn send(node: &EngineNode, class: TrafficClass) {
    let message = Broadcast::new("t", "e", Payload::empty());
    node.broadcast(class, &message, 1000).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_leaves_after_the_subscription_that_was_before_it() {
    let (node, told) = node(1, 10).await;
    node.subscribed("t");
    send(&node, Live);
    send(&node, Bulk);
    let lines = told.told().await;
    assert_eq!(lines[..2], ["subscribe to 1", "subscribed"]);
    assert_eq!(lines.len(), 6, "{lines:?}");
    node.unsubscribed("t");
    assert_eq!(told.told().await, ["unsubscribe from 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_and_what_is_under_way_do_not_wait_for_a_subscription() {
    let (node, told) = node(0, 0).await;
    send(&node, Live);
    assert_eq!(told.told().await, ["send 1 Live"]);
    // In one batch, so that the subscription is found with the heartbeat.
    told.0.away.store(true, SeqCst);
    told.told().await;
    node.subscribed("t");
    send(&node, Control);
    send(&node, Live);
    told.0.away.store(false, SeqCst);
    told.0.control.add_permits(1);
    told.0.live.add_permits(1);
    let mut lines = told.told().await;
    // The worker may begin to subscribe before it takes the heartbeat, or after.
    lines.sort();
    let expected = [
        "send 1 Control",
        "sent Control",
        "sent Live",
        "subscribe to 1",
    ];
    assert_eq!(lines, expected);
    // A heartbeat that comes while the worker subscribes, and one while that is under way.
    for _ in 0..2 {
        send(&node, Control);
        assert_eq!(told.told().await, ["send 1 Control"]);
    }
    told.0.control.add_permits(2);
    assert_eq!(told.told().await, ["sent Control", "sent Control"]);
    told.0.subscribing.add_permits(1);
    let lines = told.told().await;
    assert_eq!(lines[0], "subscribed");
    assert!(lines.contains(&"send 1 Live".to_owned()), "{lines:?}");
}

/// The engine's own queue would grow, also while the node subscribes.
#[tokio::test(start_paused = true)]
async fn a_heartbeat_waits_for_an_engine_that_is_away_while_it_subscribes() {
    let (node, told) = node(0, 10).await;
    node.subscribed("t");
    assert_eq!(told.told().await, ["subscribe to 1"]);
    told.0.away.store(true, SeqCst);
    // The worker waits for one batch already.
    send(&node, Control);
    told.told().await;
    send(&node, Control);
    assert_eq!(told.told().await, Vec::<String>::new());
    told.0.away.store(false, SeqCst);
    assert_eq!(told.told().await, ["send 1 Control", "sent Control"]);
}

#[tokio::test(start_paused = true)]
async fn each_class_has_a_lane_which_is_full_alone() {
    let (node, told) = node(0, 0).await;
    for _ in 0..LIVE + 1 {
        send(&node, Live);
        send(&node, Bulk);
        told.told().await;
    }
    let is_sent = |lines: Vec<String>, class| lines.contains(&format!("send 1 {class:?}"));
    send(&node, Control);
    assert!(is_sent(told.told().await, Control));
    told.0.live.add_permits(1);
    let lines = told.told().await;
    assert_eq!(lines, ["sent Live", "send 1 Live"]);
    told.0.bulk.add_permits(1);
    // All that waited go together.
    assert_eq!(told.told().await, ["sent Bulk", "send 2 Bulk"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_begins_anew_with_all_subscriptions() {
    let (node, told) = node(10, 0).await;
    node.subscribed("t");
    node.subscribed("another");
    told.told().await;
    send(&node, Live);
    told.told().await;
    told.0.lost.notify_one();
    let lines = told.told().await;
    let again = ["recover", "begin", "subscribe to 2", "subscribed", "began"];
    assert_eq!(lines, again);
    // The lane of the lost frame is free.
    for _ in 0..LIVE {
        send(&node, Live);
        assert_eq!(told.told().await, ["send 1 Live"]);
    }
}

fn send_bytes(node: &EngineNode, class: TrafficClass, bytes: usize) {
    let payload = Payload::Binary(vec![0; bytes].into());
    let message = Broadcast::new("t", "e", payload);
    node.broadcast(class, &message, 10 * BYTES).unwrap();
}

/// The engine has one road for all, so what is on it delays what comes after.
#[tokio::test(start_paused = true)]
async fn a_lane_is_full_by_its_bytes_too() {
    let (node, told) = node(0, 0).await;
    for bytes in [BYTES / 2, BYTES / 2] {
        send_bytes(&node, Control, bytes);
        assert_eq!(told.told().await, ["send 1 Control"]);
    }
    for _ in 0..3 {
        send_bytes(&node, Control, 1);
        assert_eq!(told.told().await, Vec::<String>::new());
    }
    told.0.control.add_permits(1);
    assert_eq!(told.told().await, ["sent Control", "send 3 Control"]);
    told.0.control.add_permits(2);
    assert_eq!(told.told().await, ["sent Control", "sent Control"]);
    // Alone, a frame of any size leaves.
    send_bytes(&node, Control, 3 * BYTES);
    assert_eq!(told.told().await, ["send 1 Control"]);
    send(&node, Control);
    assert_eq!(told.told().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn frames_that_wait_for_a_subscription_are_counted_if_it_fails() {
    const ROUNDS: u64 = 20;
    let (node, told) = node(0, 1000).await;
    let mut sent = 0;
    // The worker may find the subscription first, or the frames. Only these are lost.
    for _ in 0..ROUNDS {
        told.0.refuses.store(true, SeqCst);
        told.0.subscribing.add_permits(2);
        for class in [Live, Live, Bulk] {
            send(&node, class);
        }
        node.subscribed("t");
        let lines = told.told().await;
        assert!(lines.contains(&"began".to_owned()), "{lines:?}");
        let counts = lines.iter().filter_map(|line| line.strip_prefix("send "));
        sent += counts
            .map(|line| line[..1].parse::<u64>().unwrap())
            .sum::<u64>();
        node.unsubscribed("t");
        told.told().await;
    }
    assert!(node.stats.dropped() > 0);
    assert_eq!(sent + node.stats.dropped(), 3 * ROUNDS);
}

#[tokio::test(start_paused = true)]
async fn a_worker_ends_when_all_is_sent() {
    let (node, told) = node(0, 1).await;
    for _ in 0..2 {
        send(&node, Live);
    }
    node.outgoing.close();
    assert_eq!(told.told().await, ["send 2 Live", "sent Live", "close"]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_gets_nothing_until_it_is_back() {
    let (node, told) = node(0, 10).await;
    told.0.away.store(true, SeqCst);
    // The worker waits for one batch already.
    send(&node, Live);
    told.told().await;
    send(&node, Live);
    assert_eq!(told.told().await, Vec::<String>::new());
    told.0.away.store(false, SeqCst);
    assert_eq!(told.told().await, ["send 1 Live", "sent Live"]);
}
