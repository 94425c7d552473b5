//! Random runs of a whole shard against a plain model of the truth, with clients that listen.
//!
//! A failing run prints its steps, shrunk; proptest keeps its seed in `proptest-regressions` and
//! runs it first from then on.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::listener::{Alternation, ClientState, PresenceDiff, sets, state, sync_diff, sync_state};
use super::*;

const TOPICS: [&str; 2] = ["t", "u"];
const KEYS: [&str; 3] = ["", "a", "b"];

#[derive(Clone, Debug)]
enum ShardStep {
    Track(u64, usize, usize),
    Update(u64, usize, usize),
    Untrack(u64, usize, usize),
    OwnerGone(u64),
    /// A client takes a list. It got the given number of the last frames of the topic before the
    /// list, and holds them back until then, as phoenix.js does.
    Join(usize, usize),
    /// The client takes a list again.
    Again(prop::sample::Index),
    /// The topic's diff, if one is on its way, reaches the clients.
    Dispatch(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = ShardStep> {
    let place = || (0..3_u64, 0..TOPICS.len(), 0..KEYS.len());
    prop_oneof![
        6 => place().prop_map(|(owner, topic, key)| ShardStep::Track(owner, topic, key)),
        2 => place().prop_map(|(owner, topic, key)| ShardStep::Update(owner, topic, key)),
        4 => place().prop_map(|(owner, topic, key)| ShardStep::Untrack(owner, topic, key)),
        1 => (0..3_u64).prop_map(ShardStep::OwnerGone),
        3 => (0..TOPICS.len(), 0..4_usize).prop_map(|(topic, heard)| ShardStep::Join(topic, heard)),
        1 => any::<prop::sample::Index>().prop_map(ShardStep::Again),
        4 => (0..TOPICS.len()).prop_map(ShardStep::Dispatch),
        3 => (0..60_u64).prop_map(ShardStep::Wait),
    ]
}

/// A shard, its driver, and the clients of its topics.
struct World {
    shard: Shard,
    now: Duration,
    /// The tracked presences: (topic, key, owner) to the meta's reference.
    truth: BTreeMap<(usize, usize, u64), PhxRef>,
    topics: [TopicClients; TOPICS.len()],
}

#[derive(Default)]
struct TopicClients {
    on_its_way: Option<PresenceDiff>,
    sent: Vec<PresenceDiff>,
    last_sent: Option<Duration>,
    alternation: Alternation,
    clients: Vec<ClientState>,
    /// The keys that have come and not gone, as the diffs tell.
    keys: BTreeSet<Arc<str>>,
}

impl World {
    fn new() -> Self {
        let mut shard = shard_with(INTERVAL);
        shard.tell_keys();
        Self {
            shard,
            now: Duration::ZERO,
            truth: BTreeMap::new(),
            topics: Default::default(),
        }
    }

    fn step(&mut self, step: &ShardStep) {
        let mut out = Vec::new();
        match *step {
            ShardStep::Track(owner, topic, key) => {
                let which = which(owner, TOPICS[topic], KEYS[key]);
                let tracked = self.shard.track(which, &body(), &mut out);
                let place = (topic, key, owner);
                assert_eq!(tracked.is_err(), self.truth.contains_key(&place));
                if let Ok(phx_ref) = tracked {
                    self.truth.insert(place, phx_ref);
                }
            }
            ShardStep::Update(owner, topic, key) => {
                let which = which(owner, TOPICS[topic], KEYS[key]);
                let updated = self.shard.update(which, None, &body(), &mut out);
                let held = self.truth.get_mut(&(topic, key, owner));
                assert_eq!(updated.is_ok(), held.is_some());
                if let (Ok(phx_ref), Some(held)) = (updated, held) {
                    *held = phx_ref;
                }
            }
            ShardStep::Untrack(owner, topic, key) => {
                let which = which(owner, TOPICS[topic], KEYS[key]);
                let untracked = self.shard.untrack(which, &mut out);
                let held = self.truth.remove(&(topic, key, owner));
                assert_eq!(untracked, held.is_some());
            }
            ShardStep::OwnerGone(number) => {
                let input = Input::OwnerGone(owner(number));
                self.shard.handle(input, self.now, &mut out);
                self.truth.retain(|(_, _, held), _| *held != number);
            }
            ShardStep::Join(topic, heard) => {
                let mut client = state(&self.shard.list(TOPICS[topic]));
                let listeners = &mut self.topics[topic];
                let held_back = listeners.sent.len().saturating_sub(heard);
                for frame in &listeners.sent[held_back..] {
                    sync_diff(&mut client, frame);
                }
                listeners.clients.push(client);
            }
            ShardStep::Again(client) => {
                for (topic, listeners) in TOPICS.iter().zip(&mut self.topics) {
                    if listeners.clients.is_empty() {
                        continue;
                    }
                    let client = client.index(listeners.clients.len());
                    let list = state(&self.shard.list(topic));
                    sync_state(&mut listeners.clients[client], &list);
                }
            }
            ShardStep::Dispatch(topic) => self.dispatch(topic, &mut out),
            ShardStep::Wait(ms) => {
                self.now += Duration::from_millis(ms);
                self.shard.handle(Input::Tick, self.now, &mut out);
            }
        }
        self.take(out);
        self.check();
    }

    fn dispatch(&mut self, topic: usize, out: &mut Vec<Effect>) {
        let listeners = &mut self.topics[topic];
        let Some(frame) = listeners.on_its_way.take() else {
            return;
        };
        for client in &mut listeners.clients {
            sync_diff(client, &frame);
        }
        listeners.sent.push(frame);
        listeners.last_sent = Some(self.now);
        let input = Input::Dispatched(TOPICS[topic].into());
        self.shard.handle(input, self.now, out);
    }

    fn take(&mut self, out: Vec<Effect>) {
        for effect in out {
            let Effect::TopicDiff(diff) = effect else {
                panic!("nobody else is there, yet there is {effect:?}");
            };
            let diff = diff.sides();
            let topic = TOPICS.iter().position(|name| *name == &*diff.topic);
            let listeners = &mut self.topics[topic.unwrap()];
            let frame = PresenceDiff::new(&diff.joins, &diff.leaves);
            listeners.alternation.check(&frame).unwrap();
            let last = listeners.last_sent;
            assert!(
                last.is_none_or(|last| self.now >= last + INTERVAL),
                "two diffs of a topic in one interval"
            );
            for change in &diff.keys {
                let key = &change.entry.key;
                let is_news = match change.came {
                    true => listeners.keys.insert(Arc::clone(key)),
                    false => listeners.keys.remove(key),
                };
                assert!(is_news, "{change:?} twice");
            }
            let present = self.shard.list_batch(&diff.topic, None).0;
            let present: BTreeSet<_> = present.iter().map(|entry| Arc::clone(&entry.key)).collect();
            assert_eq!(listeners.keys, present);
            let other = listeners.on_its_way.replace(frame);
            assert!(other.is_none(), "two diffs of a topic on their way");
        }
    }

    /// Checks that the answers of the shard are the truth, at every step.
    fn check(&mut self) {
        for (number, topic) in TOPICS.iter().enumerate() {
            let mut truth: BTreeMap<Arc<str>, BTreeSet<PhxRef>> = BTreeMap::new();
            for ((_, key, _), phx_ref) in self.truth.iter().filter(|((at, ..), _)| *at == number) {
                let refs = truth.entry(KEYS[*key].into()).or_default();
                refs.insert(*phx_ref);
            }
            assert_eq!(self.shard.count(topic), truth.len());
            for key in KEYS {
                let listed = state(&self.shard.get_by_key(topic, key));
                assert_eq!(sets(&listed).get(key), truth.get(key));
            }
        }
    }

    /// Lets all that is under way arrive.
    fn settle(&mut self) {
        while self.topics.iter().any(|topic| topic.on_its_way.is_some())
            || self.shard.next_deadline().is_some()
        {
            for topic in 0..TOPICS.len() {
                self.step(&ShardStep::Dispatch(topic));
            }
            self.step(&ShardStep::Wait(50));
        }
    }
}

proptest! {
    #[test]
    fn whoever_listens_from_any_list_on_ends_with_the_truth(
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
        for (topic, listeners) in TOPICS.iter().zip(&world.topics) {
            let present = sets(&state(&world.shard.list(topic)));
            prop_assert!(listeners.keys.iter().eq(present.keys()));
            for client in &listeners.clients {
                prop_assert_eq!(&sets(client), &present);
            }
        }
        for number in 0..3 {
            world.step(&ShardStep::OwnerGone(number));
        }
        world.settle();
        prop_assert!(world.shard.index.is_empty(), "topics without presences remain");
        prop_assert_eq!(world.shard.replica().len(), 0);
        prop_assert!(world.shard.owned.is_empty());
    }
}
