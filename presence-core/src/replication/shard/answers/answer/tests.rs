use std::collections::BTreeSet;
use std::num::NonZeroU64;

use proptest::prelude::*;

use super::*;
use crate::replication::set::{
    Content, Incarnation, Meta, MetaBody, OwnerId, PhxRefs, Run, Writer, visits::visited,
};
use crate::replication::shard::copies::staging::Staging;
use crate::replication::shard::part::Ask;

const BATCH: usize = 3;

/// A change of a replica.
#[derive(Clone, Copy, Debug)]
enum Change {
    Add,
    /// Of those that are left, by place.
    Remove(prop::sample::Index),
    Update(prop::sample::Index),
}

/// An event while an answer is under way.
#[derive(Clone, Copy, Debug)]
enum Step {
    Change(Change),
    /// The next part is made.
    Part,
    /// A part that was made does not arrive.
    Lose(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => Just(Change::Add),
        1 => any::<prop::sample::Index>().prop_map(Change::Remove),
        1 => any::<prop::sample::Index>().prop_map(Change::Update),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => change().prop_map(Step::Change),
        2 => Just(Step::Part),
        1 => any::<prop::sample::Index>().prop_map(Step::Lose),
    ]
}

/// A node's replica, and its references.
struct There {
    writer: Writer,
    refs: PhxRefs,
}

impl There {
    fn new(removal_log_bytes: usize) -> Self {
        let origin = Origin {
            name: ReplicaName::new("there"),
            incarnation: Incarnation {
                started_ms: 1,
                nonce: 1,
            },
        };
        Self {
            writer: Writer::new(origin, removal_log_bytes),
            refs: PhxRefs::new(1),
        }
    }

    /// Makes a change; returns the entry that has gone.
    fn change(&mut self, change: Change) -> Option<Arc<Entry>> {
        let held: Vec<_> = self.writer.replica().since(Clock::ZERO).collect();
        let clock = |index: prop::sample::Index| {
            (!held.is_empty()).then(|| held[index.index(held.len())].tag.clock)
        };
        let body = MetaBody::encode(&serde_json::json!({}), 100).expect("an object");
        match change {
            Change::Add => {
                let content = Content {
                    topic: "t".into(),
                    key: "k".into(),
                    owner: OwnerId::new(NonZeroU64::MIN),
                    meta: Meta::new(self.refs.make(), None, &body),
                };
                self.writer.add(content);
                None
            }
            Change::Remove(index) => {
                let clock = clock(index)?;
                self.writer.remove(clock)
            }
            Change::Update(index) => {
                let clock = clock(index)?;
                let meta = Meta::new(self.refs.make(), None, &body);
                Some(self.writer.update(clock, meta)?.0)
            }
        }
    }

    /// Begins an answer of parts of one or two entries.
    fn answer(&self, from: Clock, credit: Option<Credit>) -> Answer {
        self.answer_with(self.writer.logged(from), from, credit)
    }

    /// Begins an answer, that walks `BATCH` entries in a turn if it is not known what is gone.
    fn answer_with(&self, gone: Option<Gone>, from: Clock, credit: Option<Credit>) -> Answer {
        let request = PeerRequest {
            by: ReplicaName::new("here"),
            ask: Ask {
                origin: Arc::clone(self.writer.replica().origin()),
                from,
                id: 7,
                attempt: 0,
                is_small: false,
            },
            credit,
        };
        let replica = self.writer.replica();
        Answer::new(&request, replica, gone, 1024, BATCH, Duration::ZERO)
    }
}

fn all() -> Credit {
    Credit {
        part_bytes: 0,
        upto: u32::MAX,
        again: Vec::new(),
    }
}

fn clocks(replica: &Replica) -> Vec<Clock> {
    let entries = replica.since(Clock::ZERO);
    entries.map(|entry| entry.tag.clock).collect()
}

proptest! {
    #[test]
    fn the_parts_say_what_there_was_at_the_end_whatever_happens_meanwhile(
        before in prop::collection::vec(change(), 0..150),
        known in any::<prop::sample::Index>(),
        moved in any::<prop::sample::Index>(),
        steps in prop::collection::vec(step(), 0..100),
        takes_credit in any::<bool>(),
        by_copy in any::<bool>(),
    ) {
        let mut there = There::new(256);
        let mut states = vec![there.writer.clone()];
        for change in before {
            there.change(change);
            states.push(there.writer.clone());
        }
        // The asker has one of the earlier states, and may have moved on when the answer is whole.
        let known = known.index(states.len());
        let from = states[known].replica().clock();
        let mut here = moved.get(&states[known..]).replica().clone();
        let truth = there.writer.replica().clone();
        let credit = takes_credit.then(all);
        let mut answer = match by_copy {
            true if from < truth.clock() => there.answer_with(None, from, credit),
            _ => there.answer(from, credit),
        };
        let (mut parts, mut arrived) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Change(change) => {
                    if let Some(gone) = there.change(change) {
                        answer.gone(&gone);
                    }
                }
                Step::Part if answer.is_sendable() => {
                    arrived.extend(answer.next(there.writer.replica()));
                    parts = parts.max(arrived.len());
                }
                Step::Lose(index) if !arrived.is_empty() && takes_credit => {
                    let lost = arrived.remove(index.index(arrived.len()));
                    let again = vec![lost.index];
                    answer.take(&Credit { again, ..all() }, Duration::ZERO);
                }
                Step::Part | Step::Lose(_) => {}
            }
        }
        while answer.is_sendable() {
            arrived.extend(answer.next(there.writer.replica()));
        }
        prop_assert_eq!(answer.is_done(), !takes_credit);

        let mut staging = Staging::begin(&arrived[0]).expect("it makes sense");
        for part in arrived {
            prop_assert!(staging.fits(&part));
            staging.take(part);
            prop_assert!(staging.put_together(usize::MAX).is_ok());
        }
        prop_assert!(staging.is_whole());
        let changes = staging.whole();
        if here.clock() == Clock::ZERO {
            here = changes.into_replica();
        } else if changes.to() > here.clock() {
            // In one step, or in turns.
            let mut in_turns = here.clone();
            let mut debt = in_turns.go_on(changes.clone()).expect("it goes on from there");
            let mut removed = Vec::new();
            while !debt.is_paid() {
                prop_assert!(debt.pay(&mut in_turns, 2, &mut removed) <= 2);
            }
            let applied = here.apply(&changes.into_delta()).expect("it goes on from there");
            prop_assert_eq!(in_turns.check(), here.check());
            prop_assert_eq!(clocks(&in_turns), clocks(&here));
            let tags = |entries: &[Arc<Entry>]| -> BTreeSet<_> {
                entries.iter().map(|entry| entry.tag.clock).collect()
            };
            prop_assert_eq!(tags(&removed), tags(&applied.removed));
        }
        prop_assert_eq!(here.clock(), truth.clock());
        prop_assert_eq!(clocks(&here), clocks(&truth));
        prop_assert_eq!(here.check(), truth.check());
    }
}

#[test]
fn a_part_visits_its_own_entries_whatever_else_there_is() {
    let visits = [1000, 100_000].map(|held| {
        let mut there = There::new(1024);
        for _ in 0..held {
            let body = MetaBody::encode(&serde_json::json!({}), 100).expect("an object");
            there.writer.add(Content {
                topic: "t".into(),
                key: "k".into(),
                owner: OwnerId::new(NonZeroU64::MIN),
                meta: Meta::new(there.refs.make(), None, &body),
            });
        }
        let before = visited();
        let mut answer = there.answer(Clock::ZERO, Some(all()));
        let begun = visited();
        answer.next(there.writer.replica()).expect("there is one");
        answer.next(there.writer.replica()).expect("there are more");
        (begun - before, visited() - begun)
    });
    assert_eq!(visits[0], visits[1]);
    assert!(visits[0].0 < 100 && visits[0].1 < 200, "{visits:?}");
}

// A copy has no log of removals: it walks what lives.
#[test]
fn a_turn_walks_few_entries_of_a_copy_whatever_the_asker_has() {
    let mut there = There::new(1024);
    for _ in 0..100 {
        there.change(Change::Add);
    }
    let from = there.writer.replica().clock();
    there.change(Change::Add);
    let mut answer = there.answer_with(None, from, Some(all()));
    assert!(!answer.is_single(), "nothing is known yet");
    let mut turns = 0;
    let part = loop {
        let before = visited();
        let part = answer.next(there.writer.replica());
        let visits = visited() - before;
        assert!(visits <= 2 * BATCH as u64 + 2, "{visits} visits in a turn");
        turns += 1;
        match part {
            Some(part) => break part,
            None => assert!(answer.is_sendable(), "it goes on"),
        }
    };
    assert!(turns >= 100 / BATCH, "{turns} turns");
    let run = Run {
        first: Clock::new(1),
        last: from,
    };
    assert_eq!(part.gone, Gone::Except(vec![run]));
    assert_eq!((part.adds.len(), part.of), (1, 1));
}
