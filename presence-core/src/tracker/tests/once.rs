//! First joins and last leaves: once per cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::cluster::{TestCluster, until};
use super::*;
use crate::presence::KeyEvent;
use crate::tracker::Disconnect;

/// An event as a node handled it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Handled {
    node: String,
    topic: String,
    key: String,
    came: bool,
    is_repeated: bool,
}

type Log = Arc<Mutex<Vec<Handled>>>;

struct Noting {
    node: String,
    log: Log,
    /// A call that comes waits for a permit of its topic, if it is this one.
    held: Option<(&'static str, Arc<tokio::sync::Semaphore>)>,
}

impl Noting {
    fn note(&self, topic: &str, came: bool, events: &[KeyEvent]) {
        let handled = events.iter().map(|event| Handled {
            node: self.node.clone(),
            topic: topic.to_owned(),
            key: event.key.to_string(),
            came,
            is_repeated: event.is_repeated,
        });
        self.log.lock().extend(handled);
    }

    async fn hold(&self, topic: &str) {
        if let Some((held, permits)) = &self.held
            && *held == topic
        {
            permits.acquire().await.unwrap().forget();
        }
    }
}

impl Presence for Noting {
    const NAME: &str = "test.noting";

    async fn handle_first_joins(&self, topic: &str, joins: &[KeyEvent]) {
        self.hold(topic).await;
        self.note(topic, true, joins);
        assert!(joins.iter().all(|join| &*join.key != "panics"));
    }

    async fn handle_last_leaves(&self, topic: &str, leaves: &[KeyEvent]) {
        self.note(topic, false, leaves);
    }
}

/// Nodes that note what they handle in one log.
struct Noted {
    nodes: TestCluster,
    log: Log,
}

impl Noted {
    fn new() -> Self {
        Self {
            nodes: TestCluster::new(),
            log: Log::default(),
        }
    }

    fn start(&self, name: &str) -> Tracker<Noting> {
        let pubsub = PubSub::with_adapter(self.nodes.cluster.join(name));
        let presence = Noting {
            node: name.to_owned(),
            log: Arc::clone(&self.log),
            held: None,
        };
        Tracker::start(&pubsub, presence)
    }

    async fn three(&self) -> [Tracker<Noting>; 3] {
        let three = ["a", "b", "c"].map(|name| self.start(name));
        until("all know all", || {
            three.iter().all(|node| node.replicas().len() == 3)
        })
        .await;
        three
    }

    /// Takes the handled events.
    fn handled(&self) -> Vec<Handled> {
        std::mem::take(&mut *self.log.lock())
    }

    /// Takes the handled events without their nodes: key, came.
    fn events(&self) -> Vec<(String, bool)> {
        let handled = self.handled();
        let events = handled.into_iter().map(|handled| {
            assert!(!handled.is_repeated, "{handled:?}");
            (handled.key, handled.came)
        });
        events.collect()
    }
}

fn event(key: &str, came: bool) -> (String, bool) {
    (key.to_owned(), came)
}

async fn track(node: &Tracker<Noting>, topic: &str, key: &str) -> Owner {
    let owner = Owner::new();
    node.track_as(&owner, topic, key, json!({})).await.unwrap();
    owner
}

async fn pass(ms: u32) {
    tokio::time::sleep(ms * MS).await;
}

/// A topic that the node is responsible for.
fn topic_of(node: &Tracker<Noting>) -> String {
    let topics = (0..).map(|topic| format!("room:{topic}"));
    let mut topics = topics.filter(|topic| node.is_responsible_for(topic));
    topics.next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_event_is_handled_once_by_the_responsible_node() {
    let noted = Noted::new();
    let nodes = noted.three().await;
    let mut expected = Vec::new();
    let mut owners = Vec::new();
    for number in 0..60_usize {
        let (topic, key) = (format!("room:{}", number % 7), format!("user:{number}"));
        // Two devices, on two nodes.
        for device in 0..2 {
            owners.push(track(&nodes[(number + device) % 3], &topic, &key).await);
            pass(7).await;
        }
        for came in [false, true] {
            expected.push(Handled {
                node: nodes[0].responsible_for(&topic).to_string(),
                topic: topic.clone(),
                key: key.clone(),
                came,
                is_repeated: false,
            });
        }
    }
    // The nodes started together, so nothing changes when they are no longer new.
    pass(30_000).await;
    for owner in owners {
        drop(owner);
        pass(3).await;
    }
    pass(2000).await;
    let mut handled = noted.handled();
    handled.sort();
    expected.sort();
    assert_eq!(handled, expected);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_reports_no_user_who_moves() {
    let noted = Noted::new();
    let [a, b, c] = noted.three().await;
    let mut owners = Vec::new();
    for key in ["moves", "moves late", "ends"] {
        owners.push(track(&a, "t", key).await);
    }
    pass(20_000).await;
    noted.handled();

    a.leave(Duration::ZERO);
    drop(owners);
    stop(&a).await;
    pass(500).await;
    let moved = track(&b, "t", "moves").await;
    pass(8_000).await;
    let late = track(&c, "t", "moves late").await;
    assert_eq!(noted.handled(), []);
    pass(4_000).await;
    assert_eq!(noted.events(), [event("ends", false)]);

    // To another node at once, and with a second device meanwhile.
    let elsewhere = track(&c, "t", "moves").await;
    drop(moved);
    pass(1000).await;
    drop(track(&b, "t", "moves late").await);
    pass(2000).await;
    assert_eq!(noted.handled(), []);
    drop((elsewhere, late));
    pass(2000).await;
    assert_eq!(noted.events().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_that_returns_in_its_grace_is_no_event() {
    let noted = Noted::new();
    let [a, b, _c] = noted.three().await;
    let phone = track(&a, "t", "phone").await;
    pass(1000).await;
    assert_eq!(noted.events(), [event("phone", true)]);
    phone.disconnect(Disconnect::Lost, Some(Duration::from_secs(5).into()));
    pass(2000).await;
    let back = track(&b, "t", "phone").await;
    pass(10_000).await;
    assert_eq!(noted.handled(), []);
    back.disconnect(Disconnect::Lost, Some(Duration::from_secs(5).into()));
    pass(10_000).await;
    assert_eq!(noted.events(), [event("phone", false)]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_the_responsible_node_stops() {
    let noted = Noted::new();
    let [a, b, c] = noted.three().await;
    let topic = topic_of(&a);
    pass(20_000).await;
    let mut owners = Vec::new();
    for number in 0..50 {
        if number == 25 {
            a.leave(Duration::ZERO);
        }
        let node = [&b, &c][number % 2];
        owners.push(track(node, &topic, &number.to_string()).await);
        pass(2).await;
    }
    stop(&a).await;
    pass(5000).await;
    let handled = noted.handled();
    let mut times = BTreeMap::<String, usize>::new();
    for handled in &handled {
        assert!(handled.came, "{handled:?}");
        *times.entry(handled.key.clone()).or_default() += 1;
    }
    assert_eq!(times.len(), 50, "{times:?}");
    assert!(times.values().all(|times| *times <= 2), "{times:?}");
    assert!(handled.iter().any(|handled| handled.node == "a"));
    drop(owners);
    pass(2000).await;
    assert_eq!(noted.events().len(), 50);
}

#[tokio::test(start_paused = true)]
async fn the_next_node_repeats_what_a_killed_one_may_not_have_handled() {
    let noted = Noted::new();
    let [a, b, c] = noted.three().await;
    let (topic, other) = (topic_of(&a), topic_of(&b));
    let before = track(&b, &topic, "long before").await;
    pass(60_000).await;
    let just_before = track(&b, &topic, "just before").await;
    pass(1000).await;
    noted.handled();

    kill(&noted, &a);
    let others = [
        track(&b, &other, "other").await,
        track(&c, &topic, "after").await,
    ];
    drop(before);
    pass(1000).await;
    // The killed node has the topic still.
    assert_eq!(noted.events(), [event("other", true)]);

    until("the kill is seen", || {
        b.responsible_for(&topic).as_str() != "a"
    })
    .await;
    pass(5000).await;
    let next = b.responsible_for(&topic).to_string();
    let handled = noted.handled();
    let repeated = handled.iter().map(|handled| {
        assert!(handled.is_repeated && handled.node == next, "{handled:?}");
        (&*handled.key, handled.came)
    });
    let repeated: Vec<_> = repeated.collect();
    let expected = [
        ("just before", true),
        ("after", true),
        ("long before", false),
    ];
    assert_eq!(repeated, expected);
    drop((just_before, others));
    pass(2000).await;
    assert_eq!(noted.events().len(), 3);
}

/// As a killed process: its tasks end without a word.
fn kill(noted: &Noted, node: &Tracker<Noting>) {
    noted.nodes.cluster.crash(node.shared.pubsub.node_name());
    node.shared.host.closed.set(()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_reports_nobody_who_was_there_and_misses_nobody_who_goes() {
    let noted = Noted::new();
    let a = noted.start("a");
    let mut owners = Vec::new();
    let topics: Vec<_> = (0..40).map(|number| format!("room:{number}")).collect();
    for topic in &topics {
        owners.push(track(&a, topic, "was there").await);
    }
    pass(60_000).await;
    assert_eq!(noted.events().len(), topics.len());

    let c = noted.start("c");
    // While the newcomer fetches what there is, users go.
    for (number, owner) in owners.drain(..).enumerate() {
        pass((number % 5) as u32).await;
        drop(owner);
    }
    pass(20_000).await;
    let events = noted.events();
    assert_eq!(events, vec![event("was there", false); topics.len()]);

    let owner = track(&a, &topic_of(&c), "k").await;
    pass(100).await;
    let handled = noted.handled();
    assert!(handled.len() == 1 && handled[0].node == "c", "{handled:?}");
    drop(owner);
}

#[tokio::test(start_paused = true)]
async fn after_a_partition_each_user_who_was_reported_gone_is_reported_back() {
    let noted = Noted::new();
    let [a, b, c] = noted.three().await;
    let mut owners = Vec::new();
    let mut keys = Vec::new();
    for (number, node) in [&a, &b, &c].into_iter().cycle().take(30).enumerate() {
        let (topic, key) = (format!("room:{}", number % 10), format!("user:{number}"));
        owners.push(track(node, &topic, &key).await);
        keys.push(key);
    }
    pass(20_000).await;
    noted.handled();

    for other in ["b", "c"] {
        noted.nodes.cluster.part("a", other);
    }
    pass(60_000).await;
    let last = |handled: &[Handled]| -> BTreeMap<String, bool> {
        let last = handled.iter().map(|one| (one.key.clone(), one.came));
        last.collect()
    };
    // Each side has seen the users of the other leave, and none of its own.
    let gone = noted.handled();
    assert!(gone.iter().all(|one| !one.came), "{gone:?}");
    assert_eq!(last(&gone).len(), 30);

    for other in ["b", "c"] {
        noted.nodes.cluster.heal("a", other);
    }
    until("all see all", || {
        [&a, &b, &c]
            .iter()
            .all(|node| node.topics().iter().map(|(_, count)| count).sum::<usize>() == 30)
    })
    .await;
    pass(20_000).await;
    let back = last(&noted.handled());
    assert_eq!(back.len(), 30, "{back:?}");
    assert!(back.values().all(|came| *came));
    drop(owners);
    pass(2000).await;
    assert_eq!(noted.events().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn the_last_node_reports_its_users_when_it_stops_and_waits_for_the_callback() {
    let noted = Noted::new();
    let a = noted.start("a");
    let owners = [track(&a, "t", "x").await, track(&a, "t", "y").await];
    pass(1000).await;
    noted.handled();
    stop(&a).await;
    assert_eq!(noted.events(), [event("x", false), event("y", false)]);
    drop(owners);
}

#[tokio::test(start_paused = true)]
async fn a_slow_callback_holds_up_its_topic_only_and_no_diff() {
    let pubsub = PubSub::local();
    let permits = Arc::new(tokio::sync::Semaphore::new(0));
    let log = Log::default();
    let presence = Noting {
        node: "a".to_owned(),
        log: Arc::clone(&log),
        held: Some(("slow", Arc::clone(&permits))),
    };
    let tracker = Tracker::start(&pubsub, presence);
    let mut listener = pubsub.receiver("slow", 100);
    let first = track(&tracker, "slow", "first").await;
    assert_eq!(joins(&next(&mut listener).await), ["first"]);
    let second = track(&tracker, "slow", "second").await;
    assert_eq!(joins(&next(&mut listener).await), ["second"]);
    let other = track(&tracker, "other", "k").await;
    pass(100).await;
    let keys = || -> Vec<_> { log.lock().iter().map(|one| one.key.clone()).collect() };
    assert_eq!(keys(), ["k"]);
    drop(first);
    permits.add_permits(2);
    tracker.settled().await;
    assert_eq!(keys(), ["k", "first", "second"]);
    pass(2000).await;
    assert_eq!(keys(), ["k", "first", "second", "first"]);
    // The limit on calls is that of all callbacks.
    let hung = track(&tracker, "slow", "hung").await;
    let stopped = tokio::time::Instant::now();
    stop(&tracker).await;
    assert!(stopped.elapsed() <= Duration::from_secs(10));
    assert!(keys().contains(&"hung".to_owned()), "its leave at least");
    drop((second, other, hung));
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_panics_ends_nothing() {
    let noted = Noted::new();
    let a = noted.start("a");
    let owner = track(&a, "t", "panics").await;
    a.settled().await;
    let other = track(&a, "t", "k").await;
    pass(100).await;
    assert_eq!(noted.events(), [event("panics", true), event("k", true)]);
    drop((owner, other));
}
