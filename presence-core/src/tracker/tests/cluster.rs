//! Several nodes in one process.

use super::*;
use crate::adapters::{Bandwidth, MemoryCluster, Weather};
use crate::pubsub::PeerHint;
use crate::replication::node::NodeEffect;

pub(super) struct TestCluster {
    pub(super) cluster: MemoryCluster,
}

impl TestCluster {
    pub(super) fn new() -> Self {
        Self {
            cluster: MemoryCluster::default(),
        }
    }

    pub(super) fn start(&self, name: &str) -> (PubSub, Tracker<Plain>) {
        let pubsub = PubSub::with_adapter(self.cluster.join(name));
        let tracker = Tracker::start(&pubsub, Plain);
        (pubsub, tracker)
    }
}

pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(MS).await;
    }
    panic!("never came true: {what}");
}

#[tokio::test(start_paused = true)]
async fn a_join_on_one_node_is_seen_on_the_others() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    let (pubsub, b) = nodes.start("b");
    let mut listener = pubsub.receiver("t", 100);
    until("a knows b", || a.replicas().len() == 2).await;

    let owner = Owner::new();
    let before = tokio::time::Instant::now();
    a.track_as(&owner, "t", "alice", json!({})).await.unwrap();
    until("b shows alice", || b.count("t") == 1).await;
    assert!(before.elapsed() < 10 * MS, "it took {:?}", before.elapsed());
    assert_eq!(joins(&next(&mut listener).await), ["alice"]);

    drop(owner);
    until("b shows nobody", || b.count("t") == 0).await;
    assert_eq!(leaves(&next(&mut listener).await), ["alice"]);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_gets_what_is_there() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    let owner = Owner::new();
    for key in 0..500 {
        let topic = format!("t{}", key % 7);
        let key = key.to_string();
        a.track_as(&owner, topic, key, json!({ "text": "x".repeat(1000) }))
            .await
            .unwrap();
    }
    let (_, b) = nodes.start("b");
    let total = || {
        (0..7)
            .map(|topic| b.count(format!("t{topic}")))
            .sum::<usize>()
    };
    until("b shows all", || total() == 500).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_in_order_is_shown_until_the_grace_ends_or_comes_back() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    let (pubsub, b) = nodes.start("b");
    until("they know each other", || {
        a.replicas().len() == 2 && b.replicas().len() == 2
    })
    .await;
    let owner = Owner::new();
    a.track_as(&owner, "t", "alice", json!({})).await.unwrap();
    a.track_as(&owner, "t", "bob", json!({})).await.unwrap();
    until("b shows both", || b.count("t") == 2).await;
    let mut listener = pubsub.receiver("t", 100);
    // The events of their coming up are not under test.
    tokio::time::sleep(100 * MS).await;
    while listener.try_recv().is_some() {}

    a.leave(Duration::ZERO);
    drop(owner);
    stop(&a).await;
    tokio::time::sleep(1000 * MS).await;
    assert_eq!(b.count("t"), 2);
    assert!(listener.try_recv().is_none());

    let elsewhere = Owner::new();
    b.track_as(&elsewhere, "t", "alice", json!({}))
        .await
        .unwrap();
    let diff = next(&mut listener).await;
    assert_eq!(
        (joins(&diff), leaves(&diff)),
        (vec!["alice"], vec!["alice"])
    );
    let diff = next(&mut listener).await;
    assert_eq!((joins(&diff), leaves(&diff)), (vec![], vec!["bob"]));
    assert_eq!(b.count("t"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_falls_silent_goes_down() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    let (pubsub, b) = nodes.start("b");
    let owner = Owner::new();
    a.track_as(&owner, "t", "alice", json!({})).await.unwrap();
    until("b shows alice", || b.count("t") == 1).await;
    let mut events = b.replica_events();
    let mut listener = pubsub.receiver("t", 100);

    let before = tokio::time::Instant::now();
    // As a killed process: its tasks end without a word.
    a.shared.host.closed.set(()).unwrap();
    until("b shows nobody", || b.count("t") == 0).await;
    let silent = before.elapsed();
    assert!(
        silent > Duration::from_secs(28) && silent < Duration::from_secs(33),
        "{silent:?}"
    );
    assert_eq!(leaves(&next(&mut listener).await), ["alice"]);
    assert!(
        matches!(events.try_recv(), Ok(ReplicaEvent::Down(origin)) if origin.name.as_str() == "a")
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_s_hint_hides_a_dead_node_within_a_second_and_a_false_one_does_not() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    let (_, b) = nodes.start("b");
    let (_c, c) = nodes.start("c");
    let owner = Owner::new();
    a.track_as(&owner, "t", "alice", json!({})).await.unwrap();
    until("all show alice", || b.count("t") == 1 && c.count("t") == 1).await;

    let gone = PeerHint::Gone("a".into());
    // A false alarm: asked, it answers.
    nodes.cluster.hint("b", gone.clone());
    tokio::time::sleep(3000 * MS).await;
    assert_eq!(b.count("t"), 1);
    assert_eq!(b.counters().membership.suspects_saved, 1);

    // The link between the two is cut, and the third can reach both.
    nodes.cluster.part("a", "b");
    nodes.cluster.hint("b", gone.clone());
    tokio::time::sleep(3000 * MS).await;
    assert_eq!(b.count("t"), 1);
    assert!(b.counters().membership.vouched >= 1);

    let before = tokio::time::Instant::now();
    nodes.cluster.crash("a");
    nodes.cluster.hint("b", gone.clone());
    until("b shows nobody", || b.count("t") == 0).await;
    assert!(before.elapsed() < 1500 * MS, "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_left_shows_its_own_until_it_stops() {
    let nodes = TestCluster::new();
    let (pubsub, a) = nodes.start("a");
    let owner = Owner::new();
    a.track_as(&owner, "t", "alice", json!({})).await.unwrap();
    let mut listener = pubsub.receiver("t", 100);
    tokio::time::sleep(100 * MS).await;
    while listener.try_recv().is_some() {}

    a.leave(1000 * MS);
    drop(owner);
    tokio::time::sleep(100 * MS).await;
    // Clients of this node must not see her leave: she is most likely on her way to another node.
    assert!(listener.try_recv().is_none());
    assert_eq!(a.list("t").await.len(), 1);

    stop(&a).await;
    assert_eq!(leaves(&next(&mut listener).await), ["alice"]);
    assert_eq!(a.count("t"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_has_caught_up_when_it_shows_what_the_others_have() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    let (_, b) = nodes.start("b");
    let owner = Owner::new();
    for key in 0..1000 {
        let (topic, key) = (format!("t{}", key % 10), key.to_string());
        let tracker = if key.len() % 2 == 0 { &a } else { &b };
        tracker
            .track_as(&owner, topic, key, json!({}))
            .await
            .unwrap();
    }
    tokio::time::sleep(3000 * MS).await;
    let (_, newcomer) = nodes.start("c");
    let begun = tokio::time::Instant::now();
    newcomer.caught_up().await;
    assert!(begun.elapsed() < 4000 * MS, "{:?}", begun.elapsed());
    let count = |tracker: &Tracker<Plain>| -> usize {
        (0..10)
            .map(|topic| tracker.count(format!("t{topic}")))
            .sum()
    };
    assert_eq!(count(&newcomer), 1000);

    // One that does not get through is waited for, or given up.
    let begun = tokio::time::Instant::now();
    nodes.cluster.crash("a");
    let (_, last) = nodes.start("d");
    last.caught_up().await;
    assert_eq!(count(&last), count(&b));
    assert!(begun.elapsed() < 60_000 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_on_a_slow_link_has_caught_up_when_all_has_come_or_its_peers_are_down() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    let owner = Owner::new();
    for key in 0..1000 {
        let meta = json!({ "text": "x".repeat(1000) });
        a.track_as(&owner, "t", key.to_string(), meta)
            .await
            .unwrap();
    }
    let slow = Bandwidth {
        bytes_a_second: 100_000,
        queue_bytes: 100_000,
    };
    let second = Duration::from_secs(1);
    nodes.cluster.limit("b", Some(slow));
    let (_, b) = nodes.start("b");
    let begun = tokio::time::Instant::now();
    b.caught_up().await;
    assert_eq!(b.list("t").await.len(), 1000);
    assert!(begun.elapsed() > 9 * second, "{:?}", begun.elapsed());

    nodes.cluster.limit("c", Some(slow));
    let (_, c) = nodes.start("c");
    tokio::time::sleep(4 * second).await;
    assert_eq!(c.replicas().len(), 3);
    nodes.cluster.part("a", "c");
    nodes.cluster.part("b", "c");
    let parted = tokio::time::Instant::now();
    c.caught_up().await;
    // `down_period`, from the last messages on.
    let waited = parted.elapsed();
    assert!(
        waited > 27 * second && waited < 34 * second,
        "it took {waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_event_of_a_node_is_true_in_whatever_order_tasks_emit_them() {
    let nodes = TestCluster::new();
    // Without tasks: the test is the driver, and the task that handles messages.
    let start = |name| {
        let pubsub = PubSub::with_adapter(nodes.cluster.join(name));
        Tracker::without_tasks(&pubsub, Plain, TrackerOptions::default()).0
    };
    let (a, b) = (start("a"), start("b"));
    let (from, to) = (&a.shared.host, &b.shared.host);
    let heartbeat = || {
        let mut effects = Vec::new();
        from.node().beat(from.now(), &mut effects);
        let sent = effects.into_iter().find_map(|effect| match effect {
            NodeEffect::Broadcast(_, bytes) => Some(bytes),
            _ => None,
        });
        sent.expect("it is due")
    };
    let mut events = b.replica_events();
    to.receive(&heartbeat());
    assert!(matches!(events.try_recv(), Ok(ReplicaEvent::Up(_))));

    // The driver sees that a is down.
    let is_down =
        |effect: &NodeEffect| matches!(effect, NodeEffect::Replica(ReplicaEvent::Down(_)));
    let mut late = Vec::new();
    for _ in 0..100 {
        tokio::time::advance(Duration::from_secs(1)).await;
        to.node().tick(to.now(), &mut late);
        if late.iter().any(is_down) {
            break;
        }
    }
    assert!(late.iter().any(is_down));
    // Before it reports that, a is back, which the other task reports.
    to.receive(&heartbeat());
    to.and_then_carry_out(|effects| effects.append(&mut late));
    let reported = std::iter::from_fn(|| events.try_recv().ok());
    assert_eq!(reported.collect::<Vec<_>>(), []);
    assert_eq!(b.replicas()[1].status, Some(Status::Up));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_left_is_shown_for_ten_minutes_at_most() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    let (_, b) = nodes.start("b");
    let owner = Owner::new();
    a.track_as(&owner, "t", "alice", json!({})).await.unwrap();
    until("b shows alice", || b.count("t") == 1).await;
    a.leave(Duration::MAX);
    a.shared.host.closed.set(()).unwrap();
    tokio::time::sleep(Duration::from_secs(599)).await;
    assert_eq!(b.count("t"), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(b.count("t"), 0);
}

#[tokio::test(start_paused = true)]
async fn presences_arrive_over_a_network_that_loses_and_reorders() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    let (_, b) = nodes.start("b");
    nodes.cluster.set_weather(Some(Weather {
        longest_delay: 80 * MS,
        lost: 200,
        doubled: 100,
        late: 50,
        late_by: 2000 * MS,
        ..Weather::CALM
    }));
    let owner = Owner::new();
    for key in 0..200 {
        a.track_as(&owner, "t", key.to_string(), json!({}))
            .await
            .unwrap();
        tokio::time::sleep(10 * MS).await;
    }
    until("b shows all", || b.count("t") == 200).await;
    drop(owner);
    until("b shows nobody", || b.count("t") == 0).await;
}
