//! Merging: however shards are told what two nodes did, in whatever pieces and order and how often,
//! they hold the same.
//!
//! Deltas take the same way as in production, through [`Shard::handle`]. So this is the
//! law that replication rests on: merging is commutative (any order), associative (any grouping)
//! and idempotent (any repetition).

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;

use super::*;
use crate::replication::set::Delta;
use crate::replication::shard::part::parts_of;

const NAMES: [&str; 2] = ["a", "b"];
const TOPICS: [&str; 2] = ["t", "u"];
const KEYS: [&str; 2] = ["", "k"];
/// Longer than any wait for an answer.
const LONG: Duration = Duration::from_secs(2);
/// The wait after which a request without an answer is over.
const PATIENCE: Duration = Duration::from_millis(300);

/// A change that a node makes.
#[derive(Clone, Debug)]
enum NodeChange {
    Add(usize, usize),
    Remove(Index),
    Update(Index),
    /// It goes on under a later incarnation.
    Retag,
}

fn changes() -> impl Strategy<Value = Vec<NodeChange>> {
    let change = prop_oneof![
        10 => (0..TOPICS.len(), 0..KEYS.len()).prop_map(|(topic, key)| NodeChange::Add(topic, key)),
        6 => any::<Index>().prop_map(NodeChange::Remove),
        4 => any::<Index>().prop_map(NodeChange::Update),
        1 => Just(NodeChange::Retag),
    ];
    proptest::collection::vec(change, 1..40)
}

/// All that a node has been.
struct History {
    states: Vec<Writer>,
    refs: PhxRefs,
}

impl History {
    /// With a log that forgets soon, so that both ways of telling what is gone are met.
    fn new(name: &str, ref_nonce: u64, changes: &[NodeChange]) -> Self {
        let incarnation = Incarnation {
            started_ms: 1,
            nonce: 0,
        };
        let name = ReplicaName::new(name);
        let mut history = Self {
            states: vec![Writer::new(Origin { name, incarnation }, 48)],
            refs: PhxRefs::new(ref_nonce),
        };
        for change in changes {
            history.change(change);
        }
        history
    }

    fn last(&self) -> &Writer {
        self.states.last().unwrap()
    }

    fn change(&mut self, change: &NodeChange) {
        let mut next = self.last().clone();
        let held: Vec<_> = next.replica().since(Clock::ZERO).cloned().collect();
        let some = |which: &Index| (!held.is_empty()).then(|| which.get(&held).tag.clock);
        let meta = Meta::new(self.refs.make(), None, &body());
        match change {
            NodeChange::Add(topic, key) => {
                next.add(Content {
                    topic: TOPICS[*topic].into(),
                    key: KEYS[*key].into(),
                    owner: owner(0),
                    meta,
                });
            }
            NodeChange::Remove(which) => {
                some(which).and_then(|clock| next.remove(clock));
            }
            NodeChange::Update(which) => {
                some(which).and_then(|clock| next.update(clock, meta));
            }
            NodeChange::Retag => {
                let now = next.replica().origin().incarnation;
                next.retag(now.above(now, 0));
            }
        }
        self.states.push(next);
    }

    /// Returns its state in that incarnation at that clock.
    fn at(&self, origin: &Origin, clock: Clock) -> Option<&Replica> {
        let mut states = self.states.iter().map(Writer::replica);
        states.find(|state| **state.origin() == *origin && state.clock() == clock)
    }

    /// Its states in that incarnation.
    fn of(&self, origin: &Origin) -> Vec<&Writer> {
        let states = self.states.iter();
        states
            .filter(|state| **state.replica().origin() == *origin)
            .collect()
    }
}

/// A message to a shard about one of the two nodes.
#[derive(Clone, Debug)]
enum Told {
    /// The changes after any clock, up to any state, also in the form of a node without a log of
    /// removals.
    Delta {
        who: usize,
        from: Index,
        at: Index,
        by_copy: bool,
    },
    /// A delta or an answer once more.
    Again(Index),
    /// An answer to a request that is open, in parts in this order; the first of them may be lost.
    Answer {
        ask: Index,
        at: Index,
        own: bool,
        order: u64,
        lost: bool,
    },
    Announced(usize, Index),
    Seen(usize, Index),
    Up(usize, Index),
    Down(usize),
    Wait(u64),
}

fn told() -> impl Strategy<Value = Vec<Told>> {
    let who = || 0..NAMES.len();
    let state = || (0..NAMES.len(), any::<Index>());
    let delta = (who(), any::<Index>(), any::<Index>(), any::<bool>());
    let answer = (
        any::<Index>(),
        any::<Index>(),
        any::<bool>(),
        any::<u64>(),
        any::<bool>(),
    );
    let told = prop_oneof![
        12 => delta.prop_map(|(who, from, at, by_copy)| Told::Delta { who, from, at, by_copy }),
        4 => any::<Index>().prop_map(Told::Again),
        8 => answer.prop_map(|(ask, at, own, order, lost)| {
            Told::Answer { ask, at, own, order, lost }
        }),
        2 => state().prop_map(|(who, at)| Told::Announced(who, at)),
        2 => state().prop_map(|(who, at)| Told::Seen(who, at)),
        1 => state().prop_map(|(who, at)| Told::Up(who, at)),
        1 => who().prop_map(Told::Down),
        6 => (1..600_u64).prop_map(Told::Wait),
    ];
    proptest::collection::vec(told, 0..40)
}

/// A shard that is told of the two.
struct ReceivingShard<'a> {
    histories: &'a [History; 2],
    shard: Shard,
    now: Duration,
    /// Requests that nobody has answered.
    asks: Vec<Ask>,
    /// The last request for each incarnation, which is over when it has waited for long.
    asked: Vec<Ask>,
    /// The inputs that it has handled, and that may come twice.
    heard: Vec<Input>,
}

impl<'a> ReceivingShard<'a> {
    /// One that does `batch` changes in a turn.
    fn new(histories: &'a [History; 2], batch: usize) -> Self {
        let mut receiver = Self {
            histories,
            shard: Shard::new(ShardConfig {
                batch,
                ..config(INTERVAL)
            }),
            now: Duration::ZERO,
            asks: Vec::new(),
            asked: Vec::new(),
            heard: Vec::new(),
        };
        for history in histories {
            receiver.up(history.states[0].replica().origin());
        }
        receiver
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.shard.handle(input, self.now, &mut effects);
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Ask(ask) => {
                    self.asks.push(ask.clone());
                    self.asked.push(ask);
                }
                Effect::TopicDiff(diff) => {
                    let dispatched = Input::Dispatched(diff.topic);
                    self.shard.handle(dispatched, self.now, &mut effects);
                }
                other => panic!("nobody asked for {other:?}"),
            }
        }
    }

    fn up(&mut self, origin: &Arc<Origin>) {
        // No earlier incarnation comes up after a later one: whoever speaks as one is refused.
        let known = self.shard.others().map(|(replica, _)| replica.origin());
        let later = |known: &Arc<Origin>| known.name == origin.name && known > origin;
        if !known.into_iter().any(later) {
            self.handle(Input::Up(Arc::clone(origin)));
        }
    }

    fn tell(&mut self, told: &Told) {
        let replica = |who: usize, at: &Index| at.get(&self.histories[who].states).replica();
        match told {
            Told::Delta {
                who,
                from,
                at,
                by_copy,
            } => {
                let state = at.get(&self.histories[*who].states);
                let clock = state.replica().clock();
                let from = Clock::new(from.index(clock.get() as usize + 1) as u64);
                let delta = match by_copy {
                    true => state.replica().delta(from),
                    false => state.delta(from),
                };
                assert_eq!(delta.check(), Ok(()));
                let told = Input::Delta {
                    delta,
                    recent: true,
                };
                self.heard.push(told.clone());
                self.handle(told);
            }
            Told::Again(which) => {
                if !self.heard.is_empty() {
                    let input = which.get(&self.heard).clone();
                    self.handle(input);
                }
            }
            Told::Answer {
                ask,
                at,
                own,
                order,
                lost,
            } => {
                if !self.asks.is_empty() {
                    let ask = self.asks.swap_remove(ask.index(self.asks.len()));
                    self.answer(&ask, Some(at), *own, *order, *lost);
                }
            }
            Told::Announced(who, at) => {
                let (origin, clock) = place(replica(*who, at));
                self.handle(Input::Announced {
                    origin,
                    clock,
                    recent: true,
                });
            }
            Told::Seen(who, at) => {
                let (origin, clock) = place(replica(*who, at));
                self.handle(Input::Seen(origin, clock));
            }
            Told::Up(who, at) => {
                let (origin, _) = place(replica(*who, at));
                self.up(&origin);
            }
            Told::Down(who) => self.handle(Input::Down(ReplicaName::new(NAMES[*who]))),
            Told::Wait(ms) => self.wait(Duration::from_millis(*ms)),
        }
        self.check();
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        if time >= PATIENCE {
            for ask in std::mem::take(&mut self.asked) {
                self.handle(Input::Over(ask.origin, ask.id));
            }
        }
        while self.shard.next_deadline().is_some_and(|at| at <= self.now) {
            self.handle(Input::Tick);
        }
    }

    /// Answers a request, from any state of what was asked for or from the last.
    fn answer(&mut self, ask: &Ask, at: Option<&Index>, own: bool, order: u64, lost: bool) {
        let history = &self.histories[usize::from(ask.origin.name.as_str() == NAMES[1])];
        let states = history.of(&ask.origin);
        let state = at.map_or(states[states.len() - 1], |at| {
            states[at.index(states.len())]
        });
        let delta = match state.replica().clock() <= ask.from {
            true => Delta {
                origin: Arc::clone(&ask.origin),
                from: ask.from,
                to: ask.from,
                adds: Vec::new(),
                gone: crate::replication::set::Gone::nothing(),
            },
            false if own => state.delta(ask.from),
            false => state.replica().delta(ask.from),
        };
        let mut parts = parts_of(&delta, ask.id);
        fastrand::Rng::with_seed(order).shuffle(&mut parts);
        for part in parts {
            let part = Input::Part { part, own };
            self.heard.push(part.clone());
            if !lost || self.heard.len().is_multiple_of(2) {
                self.handle(part);
            }
        }
    }

    /// Lets the two say where they are, and answers all requests.
    fn settle(&mut self) {
        for _ in 0..50 {
            for history in self.histories {
                let (origin, clock) = place(history.last().replica());
                self.up(&origin);
                self.handle(Input::Announced {
                    origin,
                    clock,
                    recent: true,
                });
            }
            self.wait(LONG);
            for ask in std::mem::take(&mut self.asks) {
                self.answer(&ask, None, true, 0, false);
            }
            self.check();
            let lasts = self.histories.iter().map(|history| history.last());
            let mut lasts = lasts.map(Writer::replica);
            let done = lasts.all(|last| {
                let shown = self.shard.shown_of(last.origin());
                shown.is_some_and(|shown| shown.clock() == last.clock())
            });
            if done {
                self.wait(Duration::ZERO);
                return;
            }
        }
        panic!("it does not get what it asks for");
    }

    /// Checks that the copy at a clock is the node's state at this clock, and that the list shows
    /// the copy unless a turn is due.
    fn check(&mut self) {
        for (held, _) in self.shard.others() {
            let history = &self.histories[usize::from(held.origin().name.as_str() == NAMES[1])];
            if held.clock() == Clock::ZERO {
                assert_eq!(held.len(), 0);
                continue;
            }
            let truth = history.at(held.origin(), held.clock());
            let truth = truth.expect("it is at a clock that its node was at");
            assert_eq!(contents([held]), contents([truth]), "at {:?}", held.clock());
            assert_eq!(held.check(), truth.check());
        }
        if self.shard.copies.is_busy() {
            return;
        }
        let shown = contents(self.shard.shown());
        assert_eq!(sorted(self.lists()), shown);
    }

    /// All topics, as they are listed.
    fn lists(&mut self) -> Vec<Listed> {
        let lists = TOPICS.iter().flat_map(|topic| self.shard.list(topic));
        lists.map(|entry| listed(&entry)).collect()
    }
}

/// Topic, key and meta of an entry.
type Listed = (String, String, String);

fn listed(entry: &Entry) -> Listed {
    let meta = entry.meta.as_str().to_owned();
    (entry.topic.to_string(), entry.key.to_string(), meta)
}

fn sorted(mut all: Vec<Listed>) -> Vec<Listed> {
    all.sort_unstable();
    all
}

/// All that replicas hold, in order.
fn contents<'a>(replicas: impl IntoIterator<Item = &'a Replica>) -> Vec<Listed> {
    let entries = replicas
        .into_iter()
        .flat_map(|replica| replica.since(Clock::ZERO));
    sorted(entries.map(|entry| listed(entry)).collect())
}

fn place(replica: &Replica) -> (Arc<Origin>, Clock) {
    (Arc::clone(replica.origin()), replica.clock())
}

/// The messages to two shards. The second gets those of the first and more, in another order.
fn both() -> impl Strategy<Value = (Vec<Told>, Vec<Told>)> {
    (told(), told()).prop_flat_map(|(one, more)| {
        let all = [one.clone(), more].concat();
        (Just(one), Just(all).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        a in changes(),
        b in changes(),
        (one, two) in both(),
        batch in prop_oneof![Just(1_usize), Just(1000)],
    ) {
        let histories = [History::new(NAMES[0], 0, &a), History::new(NAMES[1], 1, &b)];
        let mut shards = [one, two].map(|told| {
            let mut receiver = ReceivingShard::new(&histories, batch);
            for told in &told {
                receiver.tell(told);
            }
            receiver.settle();
            receiver
        });
        let truth = contents(histories.iter().map(|history| history.last().replica()));
        let lists = shards.each_mut().map(ReceivingShard::lists);
        prop_assert_eq!(&lists[0], &lists[1]);
        prop_assert_eq!(sorted(lists[0].clone()), truth);
        let digests = shards.each_ref().map(|receiver| receiver.shard.digest());
        prop_assert_eq!(digests[0], digests[1]);
    }
}

// A run that meets nothing of what can go wrong shows nothing.
#[test]
fn the_runs_meet_gaps_overlaps_and_answers_in_parts() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut all = Counts::default();
    for run in 0..400 {
        let mut draw = || changes().new_tree(&mut runner).unwrap().current();
        let [a, b] = [draw(), draw()];
        let histories = [History::new(NAMES[0], 0, &a), History::new(NAMES[1], 1, &b)];
        let mut receiver = ReceivingShard::new(&histories, [1, 1000][run % 2]);
        for told in &told().new_tree(&mut runner).unwrap().current() {
            receiver.tell(told);
        }
        all += receiver.shard.counts();
    }
    let met = [
        all.overlaps,
        all.runs_used,
        all.stale_deltas,
        all.gaps,
        all.early_applied,
        all.answers,
        all.staged,
    ];
    assert!(met.iter().all(|times| *times > 10), "{all:?}");
    assert!(all.debts > 0, "{all:?}");
}
