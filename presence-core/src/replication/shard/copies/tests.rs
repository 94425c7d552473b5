//! Whatever comes in whatever order, what is in the index is what the states of replicas show.

use std::num::NonZeroU64;

use proptest::prelude::*;

use super::*;
use crate::replication::set::{
    Delta, Entry, Gone, Incarnation, Meta, MetaBody, OwnerId, Ownership, PhxRef, PhxRefs, Tag,
};
use crate::replication::shard::counts::Counts;
use crate::replication::shard::part::{Ask, parts_of};

const NAMES: [&str; 2] = ["a", "b"];
const TOPICS: [&str; 2] = ["t", "u"];
const KEYS: [&str; 2] = ["k", "l"];
const CLOCKS: u64 = 4;
/// Up to this clock a machine that was set back has done the same both times.
const FORK: u64 = 2;
/// Longer than any grace.
const LONG: Duration = Duration::from_secs(60);

/// One state that a node of a name has been in, or claims to have been in.
#[derive(Clone, Copy, Debug)]
struct HistoryPoint {
    who: usize,
    /// Which of its incarnations. All of them use the same references, as one that goes on under
    /// another does.
    incarnation: u64,
    /// Set if the machine was restored from a snapshot before.
    again: bool,
    clock: u64,
}

#[derive(Clone, Debug)]
enum CopiesStep {
    Up(HistoryPoint),
    Down(usize),
    Forget(usize),
    Leave(HistoryPoint, u64),
    Delta {
        from: u64,
        to: HistoryPoint,
        has: u8,
        recent: bool,
    },
    Announced(HistoryPoint, bool),
    Compare(HistoryPoint, u64),
    Answer {
        to: HistoryPoint,
        has: u8,
        own: bool,
    },
    Own {
        topic: usize,
        key: usize,
        here: bool,
    },
    Work,
    Wait(u64),
}

fn point() -> impl Strategy<Value = HistoryPoint> {
    // Most of it is of one name and one incarnation, or little would come together.
    let incarnation = prop_oneof![5 => Just(0), 1 => Just(1_u64)];
    let point = (who(), incarnation, any::<bool>(), 0..=CLOCKS);
    point.prop_map(|(who, incarnation, again, clock)| HistoryPoint {
        who,
        incarnation,
        again,
        clock,
    })
}

fn who() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0), 1 => Just(1_usize)]
}

fn step() -> impl Strategy<Value = CopiesStep> {
    let from = prop_oneof![3 => Just(0), 1 => 0..CLOCKS];
    let delta = (from, point(), any::<u8>(), any::<bool>());
    let own = (0..TOPICS.len(), 0..KEYS.len(), any::<bool>());
    prop_oneof![
        4 => point().prop_map(CopiesStep::Up),
        2 => who().prop_map(CopiesStep::Down),
        1 => who().prop_map(CopiesStep::Forget),
        3 => (point(), 0..5000_u64).prop_map(|(point, grace)| CopiesStep::Leave(point, grace)),
        8 => delta.prop_map(|(from, to, has, recent)| CopiesStep::Delta { from, to, has, recent }),
        4 => (point(), any::<bool>()).prop_map(|(point, recent)| CopiesStep::Announced(point, recent)),
        2 => (point(), any::<u64>()).prop_map(|(point, check)| CopiesStep::Compare(point, check)),
        6 => (point(), any::<u8>(), any::<bool>())
            .prop_map(|(to, has, own)| CopiesStep::Answer { to, has, own }),
        2 => own.prop_map(|(topic, key, here)| CopiesStep::Own { topic, key, here }),
        8 => Just(CopiesStep::Work),
        6 => (1..2000_u64).prop_map(CopiesStep::Wait),
    ]
}

fn origin(point: &HistoryPoint) -> Arc<Origin> {
    Arc::new(Origin {
        name: ReplicaName::new(NAMES[point.who]),
        incarnation: Incarnation {
            started_ms: point.incarnation,
            nonce: 0,
        },
    })
}

/// Returns the entry that a node tracked in a step. After the node was set back, the entry has
/// another place, another reference, or both.
fn entry(point: &HistoryPoint, clock: u64) -> Arc<Entry> {
    let (mut number, mut place_of) = (clock, clock as usize);
    if point.again && clock > FORK {
        let (renamed, elsewhere) = [(false, true), (true, false), (true, true)][clock as usize % 3];
        number += if renamed { CLOCKS } else { 0 };
        place_of += usize::from(elsewhere);
    }
    Arc::new(Entry {
        tag: Tag {
            origin: origin(point),
            clock: Clock::new(clock),
        },
        topic: TOPICS[place_of % 2].into(),
        key: KEYS[place_of / 2 % 2].into(),
        owner: Ownership::ELSEWHERE,
        meta: meta(point.who as u64, number),
    })
}

fn meta(nonce: u64, number: u64) -> Meta {
    let mut refs = PhxRefs::new(nonce);
    let reference = (0..=number).map(|_| refs.make()).last();
    let body = MetaBody::encode(&serde_json::json!({}), 100).expect("it is small");
    Meta::new(reference.expect("there is at least one"), None, &body)
}

/// The changes after a clock, up to a point; `has` says what of it is still there, a bit each.
fn delta(from: u64, to: &HistoryPoint, has: u8) -> Delta {
    let from = from.min(to.clock);
    let there = |clock: &u64| has & (1 << (clock - 1)) != 0;
    let gone = (1..=from).filter(|clock| !there(clock)).map(Clock::new);
    Delta {
        origin: origin(to),
        from: Clock::new(from),
        to: Clock::new(to.clock),
        adds: (from + 1..=to.clock)
            .filter(there)
            .map(|clock| entry(to, clock))
            .collect(),
        gone: Gone::Tags(gone.collect()),
    }
}

/// The replicas of others, the index, and what is asked.
struct Held {
    copies: Copies,
    index: Index,
    counts: Counts,
    asks: Vec<Ask>,
    now: Duration,
}

impl Held {
    fn new(batch: usize) -> Self {
        let limits = Limits { batch, hidden: 6 };
        Self {
            copies: Copies::new(limits, 0),
            index: Index::new(Duration::ZERO, 1000),
            counts: Counts::default(),
            asks: Vec::new(),
            now: Duration::ZERO,
        }
    }

    fn step(&mut self, step: &CopiesStep) {
        let copies = &mut self.copies;
        let turn = &mut Turn {
            now: self.now,
            index: &mut self.index,
            counts: &mut self.counts,
        };
        match step {
            CopiesStep::Up(point) => {
                let origin = origin(point);
                let known = copies.known.get(&origin.name);
                let states = known
                    .into_iter()
                    .flat_map(|known| std::iter::once(&known.current).chain(&known.next));
                // Whoever speaks as an earlier incarnation is refused.
                if !states
                    .into_iter()
                    .any(|state| **state.replica.origin() > *origin)
                {
                    copies.up(&origin);
                }
            }
            CopiesStep::Down(who) => copies.down(&ReplicaName::new(NAMES[*who])),
            CopiesStep::Forget(who) => copies.forget(&ReplicaName::new(NAMES[*who])),
            CopiesStep::Leave(point, grace) => {
                let until = self.now + Duration::from_millis(*grace);
                copies.leave(&origin(point), until, turn);
            }
            CopiesStep::Delta {
                from,
                to,
                has,
                recent,
            } => copies.delta(delta(*from, to, *has), *recent, turn),
            CopiesStep::Announced(point, recent) => {
                let clock = Clock::new(point.clock);
                copies.announced(&origin(point), clock, *recent, turn);
            }
            CopiesStep::Compare(point, check) => {
                let clock = Clock::new(point.clock);
                copies.compare(&origin(point), clock, *check, turn);
            }
            CopiesStep::Answer { to, has, own } => {
                if let Some(ask) = self.asks.pop() {
                    let who = usize::from(ask.origin.name.as_str() == NAMES[1]);
                    let to = HistoryPoint {
                        who,
                        incarnation: ask.origin.incarnation.started_ms,
                        ..*to
                    };
                    let answer = delta(ask.from.get(), &to, *has);
                    for part in parts_of(&answer, ask.id) {
                        copies.part(part, *own, turn);
                    }
                }
            }
            CopiesStep::Own { topic, key, here } => {
                let own = own(*topic, *key);
                if *here {
                    turn.index.join(&own);
                } else {
                    turn.index.leave(&own);
                }
            }
            CopiesStep::Work => copies.work(turn.index),
            CopiesStep::Wait(ms) => self.wait(Duration::from_millis(*ms)),
        }
        self.check();
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        let mut effects = Vec::new();
        let turn = &mut Turn {
            now: self.now,
            index: &mut self.index,
            counts: &mut self.counts,
        };
        self.copies.tick(turn, &mut effects);
        self.asks
            .extend(effects.into_iter().map(|effect| match effect {
                Effect::Ask(ask) => ask,
                other => panic!("nobody asked for {other:?}"),
            }));
    }

    fn finish(&mut self) {
        while self.copies.is_busy() {
            self.copies.work(&mut self.index);
            self.check();
        }
    }

    /// The entries of others that are listed.
    fn listed(&self) -> Vec<Arc<Entry>> {
        let topics = TOPICS.iter().filter_map(|topic| self.index.topic(topic));
        let listed = topics.flat_map(|topic| topic.batch(None, usize::MAX, usize::MAX).0);
        listed
            .filter(|entry| entry.owner.owner().is_none())
            .collect()
    }

    fn check(&self) {
        let listed = self.listed();
        let known = self.copies.known.values();
        let states = known.flat_map(|known| std::iter::once(&known.current).chain(&known.next));
        let in_grace = self.copies.in_grace.iter().map(|(_, copy)| copy);
        let states = states.chain(in_grace).chain(&self.copies.leaving);
        for entry in &listed {
            let shown = states.clone().any(|state| state.shows(entry));
            assert!(shown, "nobody shows {:?}", named(entry));
        }
        if self.copies.is_busy() {
            return;
        }
        assert!(self.copies.leaving.is_empty());
        let listed: Vec<_> = listed.iter().map(|entry| named(entry)).collect();
        for known in self.copies.known.values() {
            assert_eq!(known.current.is_shown(), known.visible);
            let held = known.current.replica.since(Clock::ZERO);
            for entry in held.filter(|_| known.visible) {
                let named = named(entry);
                assert!(listed.contains(&named), "{named:?} is not listed");
            }
        }
    }
}

fn own(topic: usize, key: usize) -> Arc<Entry> {
    Arc::new(Entry {
        tag: Tag {
            origin: Arc::new(Origin {
                name: ReplicaName::new("here"),
                incarnation: Incarnation {
                    started_ms: 0,
                    nonce: 0,
                },
            }),
            clock: Clock::new((2 * topic + key + 1) as u64),
        },
        topic: TOPICS[topic].into(),
        key: KEYS[key].into(),
        owner: OwnerId::new(NonZeroU64::MIN).into(),
        meta: meta(7, (2 * topic + key) as u64),
    })
}

fn named(entry: &Entry) -> (String, String, PhxRef) {
    let reference = entry.meta.reference();
    (entry.topic.to_string(), entry.key.to_string(), reference)
}

proptest! {
    // As many as it took to find what this was written for, several times over.
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_listed_is_what_is_shown(
        batch in 1..6_usize,
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut held = Held::new(batch);
        for step in &steps {
            held.step(step);
        }
        held.finish();
        for name in NAMES {
            held.copies.down(&ReplicaName::new(name));
        }
        held.wait(LONG);
        held.finish();
        prop_assert_eq!(held.listed(), []);
    }
}
