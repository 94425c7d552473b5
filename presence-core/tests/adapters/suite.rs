//! The tests that all engines share, and what they are written with.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
use presence_core::pubsub::wire;
use presence_core::{
    PubSub,
    pubsub::{AdapterError, Broadcast, Payload, PeerHint, PubSubError, Receiver},
};

/// The longest that any step may take: far more than it takes, for busy machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Events that [`link`] sends begin so.
const LINK: &str = "link:";

/// A cluster of one engine, for one test.
pub(crate) trait Bed {
    /// Set if the engine knows the live nodes: it gives hints, and errors for unknown nodes.
    const KNOWS_NODES: bool = false;

    /// A further node, connected.
    async fn node(&self, name: &str) -> Node;
}

/// A cluster whose nodes talk over a network.
#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
pub(crate) trait Wired: Bed {
    /// The most that one message may have, names included.
    const LIMIT: usize;

    /// Sends bytes as a stranger would: to the node of this name, and to the topics in this bucket.
    async fn inject(&self, node: &str, bucket: &str, bytes: &[u8]);
}

/// A node of a cluster under test.
pub(crate) struct Node {
    pub(crate) pubsub: PubSub,
    #[cfg_attr(
        not(any(feature = "nats", feature = "redis", feature = "zenoh")),
        expect(dead_code, reason = "only engines count")
    )]
    pub(crate) stats: Box<dyn Fn() -> Stats + Send + Sync>,
}

/// Figures of a node's engine, where it has any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) received: u64,
    pub(crate) rejected: u64,
    pub(crate) dropped: u64,
}

#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
impl Node {
    /// The node of an adapter that counts.
    pub(crate) fn counting(
        adapter: impl presence_core::pubsub::Adapter,
        stats: presence_core::adapters::EngineStats,
    ) -> Self {
        let stats = move || Stats {
            received: stats.received(),
            rejected: stats.rejected(),
            dropped: stats.dropped(),
        };
        Self {
            pubsub: PubSub::with_adapter(adapter),
            stats: Box::new(stats),
        }
    }
}

/// The tests that every engine must pass, and those of this file that are named, on the bed that
/// `$bed` makes. `$attribute` goes on each.
macro_rules! suite {
    (@test [$(#[$attribute:meta])*], $bed:expr, $test:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$attribute])*
        async fn $test() {
            crate::suite::$test(&$bed).await;
        }
    };
    (@each $attributes:tt, $bed:expr, [$($test:ident)*]) => {
        $(suite!(@test $attributes, $bed, $test);)*
    };
    ($bed:expr, [$($test:ident)*] $(, #[$attribute:meta])*) => {
        suite!(@each [$(#[$attribute])*], $bed, [
            broadcasts_reach_the_others_once
            direct_messages_reach_one_node
            order_is_kept
            who_answers_a_node_is_heard_there
            a_stop_sends_what_was_queued
            a_dropped_node_leaves_nothing_behind
            $($test)*
        ]);
    };
}
pub(crate) use suite;

pub(crate) fn message(topic: &str, event: &str) -> Broadcast {
    Broadcast::new(topic, event, Payload::Json(r#"{"a":1}"#.into()))
}

/// Waits until `done`, looking again and again.
#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The next message that is not about linking.
pub(crate) async fn next(receiver: &mut Receiver) -> Broadcast {
    loop {
        let message = tokio::time::timeout(PATIENCE, receiver.recv()).await;
        let message = message
            .expect("a message should have come")
            .expect("a receiver is never closed");
        if !message.event.starts_with(LINK) {
            return message;
        }
    }
}

async fn next_event(receiver: &mut Receiver) -> String {
    next(receiver).await.event.to_string()
}

/// Returns once what `from` broadcasts on `topic` reaches `to`.
///
/// That is once a few in a row did: while two nodes get to know each other, zenoh sends first all,
/// then what the other has said that it wants, which may be nothing yet.
pub(crate) async fn link(from: &Node, to: &mut Receiver, topic: &str) {
    static ROUND: AtomicU64 = AtomicU64::new(0);
    let end = Instant::now() + PATIENCE;
    'rounds: loop {
        assert!(Instant::now() < end, "{topic:?} does not get through");
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        for number in 0..5 {
            let probe = format!("{LINK}{round}.{number}");
            from.pubsub.broadcast(message(topic, &probe)).unwrap();
            if !comes(to, &probe).await {
                continue 'rounds;
            }
        }
        return;
    }
}

/// Returns whether this event comes soon, whatever comes before it.
async fn comes(to: &mut Receiver, event: &str) -> bool {
    let wait = async {
        while let Some(message) = to.recv().await {
            if &*message.event == event {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_millis(100), wait)
        .await
        .is_ok()
}

#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
/// Returns once a fresh message of `from` reaches `to`, whatever comes before and is lost after.
pub(crate) async fn heard(from: &Node, to: &mut Receiver, topic: &str) {
    until("messages get through again", || {
        from.pubsub.broadcast(message(topic, "again")).unwrap();
        std::iter::from_fn(|| to.try_recv()).any(|message| &*message.event == "again")
    })
    .await;
}

/// Links each of `nodes` to each of the others, whose receivers stand in the same order.
async fn link_all(nodes: &[Node], receivers: &mut [Receiver], topic: &str) {
    for (from, node) in nodes.iter().enumerate() {
        for (to, receiver) in receivers.iter_mut().enumerate() {
            if from != to {
                link(node, receiver, topic).await;
            }
        }
    }
}

/// Three nodes that all listen to `topic` and reach each other there.
async fn three(bed: &impl Bed, topic: &str) -> ([Node; 3], [Receiver; 3]) {
    let nodes = [
        bed.node("a").await,
        bed.node("b").await,
        bed.node("c").await,
    ];
    let mut receivers = [0, 1, 2].map(|node: usize| nodes[node].pubsub.receiver(topic, 100_000));
    link_all(&nodes, &mut receivers, topic).await;
    // A message that linked one pair reached the third too: begin again.
    for node in &nodes {
        node.pubsub.broadcast(message(topic, "ready")).unwrap();
    }
    for receiver in &mut receivers {
        let mut ready = 0;
        while ready < 3 {
            ready += usize::from(next_event(receiver).await == "ready");
        }
    }
    (nodes, receivers)
}

pub(crate) async fn broadcasts_reach_the_others_once(bed: &impl Bed) {
    let ([a, b, _c], mut receivers) = three(bed, "room:é *>").await;
    let json = Broadcast::new(
        "room:é *>",
        "json",
        Payload::Json(r#"{"body":"hé"}"#.into()),
    );
    let binary = Broadcast::new(
        "room:é *>",
        "binary",
        Payload::Binary(vec![0, 255, b'p'].into()),
    );
    let empty = Broadcast::new("room:é *>", "", Payload::Binary(Vec::new().into()));
    for message in [&json, &binary, &empty] {
        a.pubsub.broadcast(message.clone()).unwrap();
    }
    for receiver in &mut receivers {
        for expected in [&json, &binary, &empty] {
            assert_eq!(next(receiver).await, *expected);
        }
    }
    // Had anything come twice, or back to its sender, it would come before this.
    b.pubsub
        .broadcast_from(receivers[1].id(), message("room:é *>", "end"))
        .unwrap();
    assert_eq!(next_event(&mut receivers[0]).await, "end");
    assert_eq!(next_event(&mut receivers[2]).await, "end");
    assert_eq!(receivers[1].try_recv(), None);
}

pub(crate) async fn direct_messages_reach_one_node<B: Bed>(bed: &B) {
    let ([a, _b, c], mut receivers) = three(bed, "t").await;
    let direct = async |node: &str| {
        // An engine that knows nodes may take a moment to see this one.
        let end = Instant::now() + PATIENCE;
        while let Err(error) = a.pubsub.direct(node, message("t", "direct")) {
            assert!(Instant::now() < end, "{error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    direct("b").await;
    assert_eq!(next_event(&mut receivers[1]).await, "direct");
    c.pubsub.broadcast(message("t", "end")).unwrap();
    for receiver in &mut receivers {
        assert_eq!(next_event(receiver).await, "end");
    }
    let long = "n".repeat(500);
    let known = ["nobody", &long].map(|node| a.pubsub.direct(node, message("t", "direct")));
    let unknown = |result: &Result<(), PubSubError>| {
        matches!(
            result,
            Err(PubSubError::Adapter(AdapterError::UnknownNode(_)))
        )
    };
    assert_eq!(unknown(&known[0]), B::KNOWS_NODES, "{:?}", known[0]);
    assert!(unknown(&known[1]));
}

pub(crate) async fn order_is_kept(bed: &impl Bed) {
    let ([a, _b, _c], mut receivers) = three(bed, "t").await;
    for number in 0..1000 {
        a.pubsub
            .broadcast(message("t", &number.to_string()))
            .unwrap();
    }
    for receiver in &mut receivers {
        for number in 0..1000 {
            assert_eq!(next_event(receiver).await, number.to_string());
        }
        assert_eq!(receiver.missed(), 0);
    }
}

/// b subscribes, then says so; what a sends upon that arrives, at the first attempt.
pub(crate) async fn who_answers_a_node_is_heard_there(bed: &impl Bed) {
    let ([a, b, _c], mut receivers) = three(bed, "t").await;
    for number in 0..50 {
        let topic = format!("fresh:{number}");
        let mut on_fresh = b.pubsub.receiver(&topic, 8);
        b.pubsub.broadcast(message("t", &topic)).unwrap();
        assert_eq!(next_event(&mut receivers[0]).await, topic);
        a.pubsub.broadcast(message(&topic, "answer")).unwrap();
        assert_eq!(next_event(&mut on_fresh).await, "answer");
    }
}

#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
pub(crate) async fn only_nodes_with_subscribers_pay(bed: &impl Wired) {
    let ([a, b, _c], mut receivers) = three(bed, "t").await;
    let mut left = b.pubsub.receiver("left:3", 100_000);
    link(&a, &mut left, "left:3").await;
    // Returns the number of messages that reach b's engine while a broadcasts ten on "t" and ten
    // elsewhere.
    let mut brought = async |elsewhere: &str| {
        let before = (b.stats)().received;
        for number in 0..10 {
            a.pubsub
                .broadcast(message(&format!("{elsewhere}{number}"), "1"))
                .unwrap();
            a.pubsub.broadcast(message("t", "end")).unwrap();
            assert_eq!(next_event(&mut receivers[1]).await, "end");
        }
        (b.stats)().received - before
    };
    // None of these shares a bucket with "t" or "left:3".
    assert_eq!(brought("elsewhere:").await, 10);
    assert!(brought("left:").await > 10);
    // Once nobody on b listens to that topic, b hears no more of it.
    drop(left);
    let end = Instant::now() + PATIENCE;
    while brought("left:").await > 10 {
        assert!(
            Instant::now() < end,
            "b still hears of a topic that it left"
        );
    }
}

#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
pub(crate) async fn what_is_too_large_is_an_error<B: Wired>(bed: &B) {
    let limit = B::LIMIT;
    let ([a, _b, _c], mut receivers) = three(bed, "t").await;
    let large = |bytes: usize| Broadcast::new("t", "large", Payload::Binary(vec![7; bytes].into()));
    let error = a.pubsub.broadcast(large(limit)).unwrap_err();
    match error {
        PubSubError::Adapter(AdapterError::TooLarge { bytes, limit: told }) => {
            assert!(bytes > limit && told == limit, "{bytes} {told}");
        }
        other => panic!("{other}"),
    }
    assert!(a.pubsub.direct("b", large(limit)).is_err());
    // This node's own subscribers have got it all the same.
    assert_eq!(next(&mut receivers[0]).await, large(limit));
    // A message that just fits arrives whole.
    let fits = large(limit - 100);
    a.pubsub.broadcast(fits.clone()).unwrap();
    for receiver in &mut receivers {
        assert_eq!(next(receiver).await, fits);
    }
}

#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
pub(crate) async fn garbage_is_dropped_and_counted(bed: &impl Wired) {
    let ([a, b, _c], mut receivers) = three(bed, "t").await;
    let origin = wire::SendingNode {
        node: "z",
        start: 1,
    };
    let good = wire::encode(&origin, wire::Kind::Broadcast, &message("t", "forged")).unwrap();
    let mut newer = good.to_vec();
    newer[1] += 2;
    let cut = good[..good.len() - 1].to_vec();
    let mut injected = 0;
    for bytes in [&newer[..], &cut, b"garbage", &[0; 100_000]] {
        // The bucket of "t".
        bed.inject("b", T_BUCKET, bytes).await;
        injected += 2;
    }
    until("all garbage is counted", || {
        (b.stats)().rejected >= injected
    })
    .await;
    assert_eq!((b.stats)().rejected, injected);
    a.pubsub.broadcast(message("t", "fine")).unwrap();
    assert_eq!(next_event(&mut receivers[1]).await, "fine");
}

#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
/// How engines write the bucket of the topic "t".
const T_BUCKET: &str = "12d";

pub(crate) async fn a_stop_sends_what_was_queued(bed: &impl Bed) {
    let ([a, b, c], mut receivers) = three(bed, "t").await;
    for number in 0..100 {
        a.pubsub
            .broadcast(message("t", &number.to_string()))
            .unwrap();
    }
    a.pubsub.stop().await;
    for receiver in &mut receivers {
        for number in 0..100 {
            assert_eq!(next_event(receiver).await, number.to_string());
        }
    }
    let refused = a.pubsub.broadcast(message("t", "late"));
    assert!(matches!(refused, Err(PubSubError::Stopped)));
    // Node a receives nothing more, and the other nodes still work.
    link(&b, &mut receivers[2], "t").await;
    link(&c, &mut receivers[1], "t").await;
    assert_eq!(receivers[0].try_recv(), None);
}

pub(crate) async fn hints_tell_who_comes_and_goes(bed: &impl Bed) {
    let a = bed.node("a").await;
    let mut hints = a.pubsub.peer_hints();
    let mut next_hint = async || {
        tokio::time::timeout(PATIENCE, hints.recv())
            .await
            .unwrap()
            .unwrap()
    };
    let (came, went) = (PeerHint::Seen("b".into()), PeerHint::Gone("b".into()));
    let b = bed.node("b").await;
    assert_eq!(next_hint().await, came);
    b.pubsub.stop().await;
    assert_eq!(next_hint().await, went);
    let again = bed.node("b").await;
    assert_eq!(next_hint().await, came);
    drop(again);
    assert_eq!(next_hint().await, went);
}

#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
pub(crate) async fn two_nodes_of_one_name_hear_each_other(bed: &impl Wired) {
    let (one, other) = (bed.node("a").await, bed.node("a").await);
    let mut on_one = one.pubsub.receiver("t", 100_000);
    let mut on_other = other.pubsub.receiver("t", 100_000);
    link(&one, &mut on_other, "t").await;
    link(&other, &mut on_one, "t").await;
}

pub(crate) async fn a_dropped_node_leaves_nothing_behind(bed: &impl Bed) {
    let ([a, b, c], [on_a, mut on_b, mut on_c]) = three(bed, "t").await;
    drop((a, on_a));
    link(&b, &mut on_c, "t").await;
    link(&c, &mut on_b, "t").await;
    let again = bed.node("a").await;
    let mut on_again = again.pubsub.receiver("t", 100_000);
    link(&b, &mut on_again, "t").await;
    link(&again, &mut on_b, "t").await;
}
