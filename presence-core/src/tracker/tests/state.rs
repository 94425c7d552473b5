//! The state of a topic in parts, as clients merge it.

mod orders;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::*;
use crate::presence::Presences;
use crate::pubsub::{Dispatch, Payload, Subscriber, Subscription};
use crate::sync::Mutex;
use crate::tracker::TrackerOptions;

/// A numbered draw: the same ones in each run.
#[derive(Clone)]
struct Draws(Arc<AtomicU64>);

impl Draws {
    fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed | 1)))
    }

    fn below(&self, bound: u64) -> u64 {
        let drawn = self.0.load(Ordering::Relaxed);
        let drawn = drawn ^ (drawn << 13);
        let drawn = drawn ^ (drawn >> 7);
        let drawn = drawn ^ (drawn << 17);
        self.0.store(drawn, Ordering::Relaxed);
        drawn % bound
    }

    async fn pause(&self, most_ms: u64) {
        tokio::time::sleep(MS * self.below(most_ms + 1) as u32).await;
    }
}

/// Its `fetch` takes up to `slow` ms, and adds a field of some bytes.
struct Slow {
    draws: Draws,
    slow: u64,
    calls: Arc<AtomicUsize>,
    keys: Arc<AtomicUsize>,
}

impl Presence for Slow {
    const NAME: &str = "test.slow";

    async fn fetch(&self, _topic: &str, mut presences: Presences) -> Presences {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.keys.fetch_add(presences.len(), Ordering::Relaxed);
        if self.slow > 0 {
            self.draws.pause(self.slow).await;
        }
        for (key, entry) in &mut presences {
            entry.insert("name", format!("name of {key}")).unwrap();
        }
        presences
    }
}

/// The messages that wait for a client, in their order.
#[derive(Clone, Default)]
pub(in crate::tracker) struct Outbox(pub(in crate::tracker) Arc<Mutex<Vec<(String, Payload)>>>);

impl Subscriber for Outbox {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let message = dispatch.message();
        let message = (message.event.to_string(), message.payload.clone());
        self.0.lock().push(message);
    }
}

/// A client that merges the messages of a channel as phoenix.js does: the `phx_ref`s of each key.
#[derive(Clone, Default)]
pub(in crate::tracker) struct Client {
    state: BTreeMap<String, Vec<String>>,
    /// The diffs that came before the list of this join.
    early: Option<Vec<Value>>,
    /// Set for a client that has no `Presence` object, and applies such diffs at once.
    is_older: bool,
}

impl Client {
    /// Returns a client of each kind, which has joined.
    #[cfg(shuttle)]
    pub(in crate::tracker) fn both() -> [Self; 2] {
        [false, true].map(|is_older| {
            let mut client = Self {
                is_older,
                ..Self::default()
            };
            client.rejoins();
            client
        })
    }

    fn rejoins(&mut self) {
        self.early = (!self.is_older).then(Vec::new);
    }

    pub(in crate::tracker) fn takes(&mut self, event: &str, payload: &Value) {
        match event {
            PRESENCE_STATE => {
                // Whoever is not in the list has left.
                self.state = refs_by_key(payload);
                for diff in self.early.take().into_iter().flatten() {
                    self.merge(&diff);
                }
            }
            _ => match &mut self.early {
                Some(early) => early.push(payload.clone()),
                None => self.merge(payload),
            },
        }
    }

    fn merge(&mut self, diff: &Value) {
        for (key, joining) in refs_by_key(&diff["joins"]) {
            let held = self.state.entry(key).or_default();
            held.retain(|phx_ref| !joining.contains(phx_ref));
            held.extend(joining);
        }
        for (key, leaving) in refs_by_key(&diff["leaves"]) {
            if let Some(held) = self.state.get_mut(&key) {
                held.retain(|phx_ref| !leaving.contains(phx_ref));
                if held.is_empty() {
                    self.state.remove(&key);
                }
            }
        }
    }

    /// Checks that the client has the truth in the end. Its list came in `parts` parts.
    pub(in crate::tracker) fn ends_with(self, truth: &BTreeMap<String, Vec<String>>, parts: usize) {
        // As in Phoenix, an older client loses a diff that comes between a list and its push.
        if parts > 1 || !self.is_older {
            assert_eq!(self.sorted(), *truth);
        }
    }

    fn sorted(mut self) -> BTreeMap<String, Vec<String>> {
        self.state.values_mut().for_each(|refs| refs.sort());
        self.state
    }
}

pub(in crate::tracker) fn refs_by_key(side: &Value) -> BTreeMap<String, Vec<String>> {
    let keys = side.as_object().unwrap().iter();
    keys.map(|(key, entry)| {
        let metas = entry["metas"].as_array().unwrap().iter();
        let refs = metas.map(|meta| meta["phx_ref"].as_str().unwrap().to_owned());
        (key.clone(), refs.collect())
    })
    .collect()
}

pub(in crate::tracker) async fn truth<P: Presence>(
    tracker: &Tracker<P>,
) -> BTreeMap<String, Vec<String>> {
    let list = tracker.list("t").await;
    let client = Client {
        state: refs_by_key(&serde_json::to_value(&list).unwrap()),
        ..Client::default()
    };
    client.sorted()
}

/// A member of the room.
struct Member {
    client: Client,
    outbox: Outbox,
    /// The number of parts of its list.
    parts: usize,
    _subscription: Subscription,
}

impl Member {
    fn join(pubsub: &PubSub, mut client: Client) -> Self {
        client.rejoins();
        let outbox = Outbox::default();
        let subscription = pubsub.subscribe("t", Arc::new(outbox.clone()));
        Self {
            client,
            outbox,
            parts: 0,
            _subscription: subscription,
        }
    }

    fn reads(&mut self) -> usize {
        let messages = std::mem::take(&mut *self.outbox.0.lock());
        for (event, payload) in &messages {
            self.client.takes(event, &payload.value().unwrap());
        }
        messages.len()
    }
}

/// Walks the state as a channel does. Returns the number of parts and the bytes of the largest.
async fn walk<P: Presence>(
    tracker: &Tracker<P>,
    outbox: &Outbox,
    (draws, pace): (&Draws, u64),
) -> (usize, usize) {
    let mut parts = tracker.state_parts("t");
    let (mut count, mut most) = (0, 0);
    while let Some(part) = parts.next().await {
        let message = (part.event().to_owned(), part.payload().clone());
        draws.pause(pace).await;
        if parts.queue(&part, || outbox.0.lock().push(message)) {
            count += 1;
            most = most.max(part.payload().bytes().len());
        }
    }
    (count, most)
}

fn users(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("user{number:04}"))
}

/// A room of users with 100-byte metas, whose diffs are out.
async fn room(count: usize, slow: u64) -> (Tracker<Slow>, PubSub, Vec<Owner>) {
    let presence = Slow {
        draws: Draws::new(7),
        slow,
        calls: Arc::default(),
        keys: Arc::default(),
    };
    let options = TrackerOptions::default().part_bytes(8_000);
    let pubsub = PubSub::local();
    let tracker = Tracker::start_with(&pubsub, presence, options).unwrap();
    let mut owners = Vec::new();
    for user in users(count) {
        let owner = Owner::new();
        let meta = json!({ "x": "y".repeat(100) });
        tracker.track_as(&owner, "t", user, meta).await.unwrap();
        owners.push(owner);
    }
    tokio::time::sleep(MS * 1000).await;
    tracker.settled().await;
    tracker.presence().calls.store(0, Ordering::Relaxed);
    tracker.presence().keys.store(0, Ordering::Relaxed);
    (tracker, pubsub, owners)
}

#[tokio::test(start_paused = true)]
async fn a_large_list_is_a_state_and_then_joins_within_the_limit() {
    let (tracker, pubsub, _owners) = room(500, 0).await;
    let mut member = Member::join(&pubsub, Client::default());
    let (parts, most) = walk(&tracker, &member.outbox, (&Draws::new(1), 0)).await;
    assert!((12..60).contains(&parts), "{parts} parts");
    assert!(most <= 8_000, "a part of {most} bytes");
    for (number, (event, payload)) in member.outbox.0.lock().iter().enumerate() {
        let is_first = number == 0;
        assert_eq!(event == PRESENCE_STATE, is_first, "{number}: {event}");
        let payload = payload.value().unwrap();
        let first = if is_first {
            &payload
        } else {
            &payload["joins"]
        };
        let (key, entry) = first.as_object().unwrap().iter().next().unwrap();
        assert_eq!(entry["name"], format!("name of {key}"));
        assert!(is_first || payload["leaves"] == json!({}));
    }
    member.reads();
    assert_eq!(member.client.sorted(), truth(&tracker).await);
}

#[tokio::test(start_paused = true)]
async fn a_small_list_is_the_state_of_today() {
    for count in [0, 1, 20] {
        let (tracker, pubsub, _owners) = room(count, 0).await;
        let member = Member::join(&pubsub, Client::default());
        walk(&tracker, &member.outbox, (&Draws::new(1), 0)).await;
        let list = Payload::from(&tracker.list("t").await);
        let expected = vec![(PRESENCE_STATE.to_owned(), list)];
        assert_eq!(*member.outbox.0.lock(), expected, "{count} users");
    }
}

/// A client that tracks itself and lists has itself in the list, as in Phoenix.
#[tokio::test(start_paused = true)]
async fn a_small_list_has_what_was_tracked_before() {
    let (tracker, pubsub, _owners) = room(40, 0).await;
    for number in 0..5 {
        let owner = Owner::new();
        let key = format!("a{number}");
        tracker
            .track_as(&owner, "t", &key, json!({}))
            .await
            .unwrap();
        let member = Member::join(&pubsub, Client::default());
        assert_eq!(
            walk(&tracker, &member.outbox, (&Draws::new(1), 0)).await.0,
            1
        );
        let list = member.outbox.0.lock()[0].1.value().unwrap();
        assert!(list[&key].is_object(), "{key} is in its list");
    }
}

#[tokio::test(start_paused = true)]
async fn many_clients_share_the_parts_between_two_diffs() {
    let (tracker, pubsub, mut owners) = room(500, 50).await;
    let mut walks = Vec::new();
    for _ in 0..100 {
        let (tracker, mut member) = (tracker.clone(), Member::join(&pubsub, Client::default()));
        walks.push(tokio::spawn(async move {
            walk(&tracker, &member.outbox, (&Draws::new(1), 0)).await;
            member.reads();
            member.client.sorted()
        }));
    }
    let truth = truth(&tracker).await;
    for walk in walks {
        assert_eq!(walk.await.unwrap(), truth);
    }
    // One walk, and the list of this test.
    let keys = tracker.presence().keys.swap(0, Ordering::Relaxed);
    assert_eq!(keys, 2 * 500);

    // A diff ends the sharing for those who come later.
    owners.pop();
    tokio::time::sleep(MS * 1000).await;
    let mut member = Member::join(&pubsub, Client::default());
    tracker.presence().keys.store(0, Ordering::Relaxed);
    walk(&tracker, &member.outbox, (&Draws::new(1), 0)).await;
    assert_eq!(tracker.presence().keys.load(Ordering::Relaxed), 499);
    member.reads();
    assert_eq!(member.client.state.len(), 499);
}

#[tokio::test(start_paused = true)]
async fn no_part_is_held_for_a_quiet_room() {
    let (tracker, pubsub, _owners) = room(500, 0).await;
    let member = Member::join(&pubsub, Client::default());
    walk(&tracker, &member.outbox, (&Draws::new(1), 0)).await;
    let (slots, bytes) = tracker.shared.states.held();
    assert!(slots > 10 && bytes > 50_000, "{slots} slots, {bytes} bytes");
    tokio::time::sleep(MS * 12_000).await;
    assert_eq!(tracker.shared.states.held(), (0, 0));
    // The next client begins anew.
    walk(&tracker, &member.outbox, (&Draws::new(1), 0)).await;
    assert_eq!(tracker.shared.states.held(), (slots, bytes));
}

/// A key with more metas than a part has room for is sent in several parts.
#[tokio::test(start_paused = true)]
async fn a_key_may_be_larger_than_a_part() {
    let (tracker, pubsub, _owners) = room(3, 0).await;
    let devices: Vec<_> = (0..600).map(|_| Owner::new()).collect();
    for device in &devices {
        let meta = json!({ "x": "y".repeat(50) });
        tracker
            .track_as(device, "t", "user0001", meta)
            .await
            .unwrap();
    }
    let mut member = Member::join(&pubsub, Client::default());
    let (parts, most) = walk(&tracker, &member.outbox, (&Draws::new(1), 0)).await;
    assert!(parts >= 8 && most <= 8_000, "{parts} parts, {most} bytes");
    member.reads();
    assert_eq!(member.client.sorted(), truth(&tracker).await);
}
