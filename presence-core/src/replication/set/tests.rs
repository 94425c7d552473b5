//! Any way of telling a copy what changed ends in the same copy.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// A change of the original, or what happens to the copy.
#[derive(Clone, Debug)]
enum ReplicaStep {
    Add,
    Remove(Index),
    Update(Index),
    /// The copy is told what changed since this state of the original, as it is in that state.
    Tell(Index, Index),
    /// The same, from a copy without a log of removals.
    TellByCopy(Index, Index),
}

fn step() -> impl Strategy<Value = ReplicaStep> {
    let index = any::<Index>;
    prop_oneof![
        5 => Just(ReplicaStep::Add),
        3 => index().prop_map(ReplicaStep::Remove),
        2 => index().prop_map(ReplicaStep::Update),
        4 => (index(), index()).prop_map(|(from, at)| ReplicaStep::Tell(from, at)),
        2 => (index(), index()).prop_map(|(from, at)| ReplicaStep::TellByCopy(from, at)),
    ]
}

/// An original, and all that it has been.
struct Original {
    states: Vec<Writer>,
    refs: PhxRefs,
}

fn origin(name: &str, started_ms: u64) -> Origin {
    Origin {
        name: ReplicaName::new(name),
        incarnation: Incarnation {
            started_ms,
            nonce: 0,
        },
    }
}

impl Original {
    /// With a log that forgets soon, so that both ways of telling what is gone are met.
    fn new(origin: Origin) -> Self {
        Self {
            states: vec![Writer::new(origin, 48)],
            refs: PhxRefs::new(0),
        }
    }

    fn now(&self) -> &Writer {
        self.states.last().unwrap()
    }

    fn meta(&mut self) -> Meta {
        let body = MetaBody::encode(&serde_json::json!({}), 100).unwrap();
        Meta::new(self.refs.make(), None, &body)
    }

    fn some_tag(&self, index: &Index) -> Option<Clock> {
        let held: Vec<_> = self.now().replica().since(Clock::ZERO).collect();
        (!held.is_empty()).then(|| index.get(&held).tag.clock)
    }

    fn change(&mut self, step: &ReplicaStep) {
        let mut next = self.now().clone();
        match step {
            ReplicaStep::Add => {
                next.add(Content {
                    topic: "t".into(),
                    key: "k".into(),
                    owner: OwnerId::new(NonZeroU64::MIN),
                    meta: self.meta(),
                });
            }
            ReplicaStep::Remove(index) => {
                if let Some(tag) = self.some_tag(index) {
                    next.remove(tag);
                }
            }
            ReplicaStep::Update(index) => {
                if let Some(tag) = self.some_tag(index) {
                    next.update(tag, self.meta());
                }
            }
            ReplicaStep::Tell(..) | ReplicaStep::TellByCopy(..) => return,
        }
        self.states.push(next);
    }

    /// Returns the replica as it was at a clock.
    fn at(&self, clock: Clock) -> &Replica {
        let mut states = self.states.iter().map(Writer::replica);
        states.find(|state| state.clock() == clock).unwrap()
    }
}

fn contents(replica: &Replica) -> Vec<(Clock, &str)> {
    let entries = replica.since(Clock::ZERO);
    entries
        .map(|entry| (entry.tag.clock, entry.meta.as_str()))
        .collect()
}

proptest! {
    // The invariant, for one copy that is told anything in any order.
    #[test]
    fn a_copy_at_a_clock_is_what_the_original_was_at_it(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut original = Original::new(origin("a", 1));
        let mut copy = Replica::new(Arc::new(origin("a", 1)));
        for step in &steps {
            original.change(step);
            let (ReplicaStep::Tell(from, at) | ReplicaStep::TellByCopy(from, at)) = step else {
                continue;
            };
            let at = at.get(&original.states);
            let from = Clock::new(from.index(at.replica().clock().get() as usize + 1) as u64);
            let delta = match step {
                ReplicaStep::Tell(..) => at.delta(from),
                _ => at.replica().delta(from),
            };
            prop_assert_eq!(delta.check(), Ok(()));
            let before = copy.clock();
            let applied = copy.apply(&delta);
            prop_assert_eq!(applied.is_ok(), from <= before && delta.to > before);
            let truth = original.at(copy.clock());
            prop_assert_eq!(contents(&copy), contents(truth));
            prop_assert_eq!(copy.check(), truth.check());
        }
    }

    // The reported changes of a delta are its real changes: an index that follows them shows the
    // contents.
    #[test]
    fn what_was_applied_is_the_difference(
        steps in proptest::collection::vec(step(), 1..60),
        from in any::<Index>(),
        at in any::<Index>(),
    ) {
        let mut original = Original::new(origin("a", 1));
        for step in &steps {
            original.change(step);
        }
        let before = at.get(&original.states).replica();
        let from = Clock::new(from.index(before.clock().get() as usize + 1) as u64);
        let mut copy = before.clone();
        let mut shown: BTreeMap<_, _> = before.since(Clock::ZERO).map(|e| (e.tag.clock, e)).collect();
        let delta = original.now().delta(from);
        if let Ok(applied) = copy.apply(&delta) {
            for gone in &applied.removed {
                prop_assert!(shown.remove(&gone.tag.clock).is_some());
            }
            for new in &applied.added {
                prop_assert!(shown.insert(new.tag.clock, new).is_none());
            }
            let shown: Vec<_> = shown.into_keys().collect();
            let held: Vec<_> = copy.since(Clock::ZERO).map(|entry| entry.tag.clock).collect();
            prop_assert_eq!(shown, held);
        }
    }
}

fn filled(entries: u64) -> Writer {
    let mut writer = Writer::new(origin("a", 1), 1024);
    let mut refs = PhxRefs::new(0);
    let body = MetaBody::encode(&serde_json::json!({}), 100).unwrap();
    let (topic, key): (Arc<str>, Arc<str>) = ("t".into(), "k".into());
    for _ in 0..entries {
        writer.add(Content {
            topic: Arc::clone(&topic),
            key: Arc::clone(&key),
            owner: OwnerId::new(NonZeroU64::MIN),
            meta: Meta::new(refs.make(), None, &body),
        });
    }
    writer
}

// Counted, not timed: what a change costs does not depend on what is held.
#[test]
fn a_delta_visits_what_it_changes_and_nothing_else() {
    let visited = [1_000, 100_000, 1_000_000].map(|size| {
        let mut writer = filled(size);
        let mut copy = writer.replica().clone();
        let before = writer.replica().clock();
        let mut refs = PhxRefs::new(1);
        let body = MetaBody::encode(&serde_json::json!({}), 100).unwrap();
        for clock in 1..=5 {
            writer.remove(Clock::new(clock * 7));
            writer.update(Clock::new(clock * 11), Meta::new(refs.make(), None, &body));
        }
        copy.apply(&writer.delta(before)).unwrap().visited
    });
    // Five removals, and five updates of two tags each.
    assert_eq!(visited, [15, 15, 15]);
}

#[test]
fn deltas_that_make_no_sense_are_refused() {
    let writer = filled(3);
    let good = writer.delta(Clock::new(1));
    assert_eq!(good.check(), Ok(()));
    let bad = |change: fn(&mut Delta)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad.check()
    };
    assert_eq!(
        bad(|delta| delta.to = Clock::ZERO),
        Err(DeltaError::Backwards)
    );
    assert_eq!(bad(|delta| delta.to = Clock::new(2)), Err(DeltaError::Adds));
    assert_eq!(bad(|delta| delta.adds.reverse()), Err(DeltaError::Adds));
    assert_eq!(
        bad(|delta| delta.adds[1] = Arc::clone(&delta.adds[0])),
        Err(DeltaError::Adds)
    );
    assert_eq!(
        bad(|delta| delta.from = Clock::new(2)),
        Err(DeltaError::Adds)
    );
    assert_eq!(
        bad(|delta| delta.origin = Arc::new(origin("b", 1))),
        Err(DeltaError::Adds)
    );
    let gone = |gone: &[u64]| {
        let mut delta = good.clone();
        delta.gone = Gone::Tags(gone.iter().copied().map(Clock::new).collect());
        delta.check()
    };
    assert_eq!(gone(&[1]), Ok(()));
    for wrong in [&[0][..], &[2], &[1, 1]] {
        assert_eq!(gone(wrong), Err(DeltaError::Gone));
    }
    let run = |first, last| {
        let mut delta = good.clone();
        let run = Run {
            first: Clock::new(first),
            last: Clock::new(last),
        };
        delta.gone = Gone::Except(vec![run]);
        delta.check()
    };
    assert_eq!(run(1, 1), Ok(()));
    assert_eq!(run(1, 2), Err(DeltaError::Gone));
    assert_eq!(run(1, 0), Err(DeltaError::Gone));
}
