//! The netting alone, with metas that leave and come back: what hiding a replica and showing it
//! again will do. `phoenix.js`'s rules decide what is right.

use proptest::prelude::*;

use super::listener::{Alternation, ClientState, PresenceDiff, sets, state, sync_diff};
use super::*;
use crate::replication::set::Tag;
use crate::replication::shard::index::pending::Pending;

const METAS: usize = 3;

fn entries() -> Vec<Arc<Entry>> {
    let origin = Arc::new(Origin {
        name: ReplicaName::new("there"),
        incarnation: Incarnation {
            started_ms: 0,
            nonce: 0,
        },
    });
    let mut refs = PhxRefs::new(0);
    let mut clock = Clock::ZERO;
    let mut entry = |key: &str| {
        clock = clock.next();
        Arc::new(Entry {
            tag: Tag {
                origin: Arc::clone(&origin),
                clock,
            },
            topic: "t".into(),
            key: key.into(),
            owner: owner(0).into(),
            meta: Meta::new(refs.make(), None, &body()),
        })
    };
    // Two metas of one key, one of another.
    vec![entry("a"), entry("a"), entry("b")]
}

fn frames(pending: &mut Pending) -> Vec<PresenceDiff> {
    std::iter::from_fn(|| pending.take())
        .map(|changes| {
            let (joins, leaves) = changes.sides();
            PresenceDiff::new(&joins, &leaves)
        })
        .collect()
}

#[test]
fn a_leave_and_a_join_of_one_meta_cancel() {
    let (entries, mut pending) = (entries(), Pending::default());
    pending.leave(&entries[0]);
    pending.join(&entries[0]);
    assert!(pending.is_empty());
    assert!(pending.take().is_none());
}

// The counterexample to one diff for all: the leave would be applied after the join.
#[test]
fn a_join_after_a_list_and_a_leave_before_it_are_two_diffs() {
    let (entries, mut pending) = (entries(), Pending::default());
    pending.leave(&entries[0]);
    pending.seal();
    pending.join(&entries[0]);
    let frames = frames(&mut pending);
    assert_eq!(frames.len(), 2);
    assert!(frames[0].joins.is_empty() && !frames[0].leaves.is_empty());
    assert!(!frames[1].joins.is_empty() && frames[1].leaves.is_empty());
}

#[test]
fn other_metas_do_not_wait_for_one_that_needs_two_diffs() {
    let (entries, mut pending) = (entries(), Pending::default());
    pending.leave(&entries[0]);
    pending.seal();
    pending.join(&entries[0]);
    pending.join(&entries[2]);
    let frames = frames(&mut pending);
    assert_eq!(frames.len(), 2);
    assert!(frames[0].joins.contains_key("b"));
}

#[derive(Clone, Debug)]
enum PendingStep {
    /// The meta comes if it is not there, else it goes.
    Toggle(usize),
    List,
    Send,
}

fn step() -> impl Strategy<Value = PendingStep> {
    prop_oneof![
        4 => (0..METAS).prop_map(PendingStep::Toggle),
        2 => Just(PendingStep::List),
        1 => Just(PendingStep::Send),
    ]
}

fn present(entries: &[Arc<Entry>], there: &[bool]) -> ClientState {
    let present: Vec<_> = entries
        .iter()
        .zip(there)
        .filter(|(_, there)| **there)
        .map(|(entry, _)| Arc::clone(entry))
        .collect();
    state(&present)
}

proptest! {
    #[test]
    fn from_any_list_on_the_diffs_lead_to_the_present(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let entries = entries();
        let mut pending = Pending::default();
        let mut there = [false; METAS];
        let mut listeners: Vec<ClientState> = Vec::new();
        let mut alternation = Alternation::default();

        let send = |pending: &mut Pending, listeners: &mut [ClientState], alternation: &mut Alternation| {
            let Some(changes) = pending.take() else { return false };
            let (joins, leaves) = changes.sides();
            let frame = PresenceDiff::new(&joins, &leaves);
            alternation.check(&frame).unwrap();
            for listener in listeners {
                sync_diff(listener, &frame);
            }
            true
        };
        for step in steps {
            match step {
                PendingStep::Toggle(meta) => {
                    if there[meta] {
                        pending.leave(&entries[meta]);
                    } else {
                        pending.join(&entries[meta]);
                    }
                    there[meta] = !there[meta];
                }
                PendingStep::List => {
                    pending.seal();
                    listeners.push(present(&entries, &there));
                }
                PendingStep::Send => {
                    send(&mut pending, &mut listeners, &mut alternation);
                }
            }
        }
        while send(&mut pending, &mut listeners, &mut alternation) {}
        prop_assert!(pending.is_empty());
        let truth = sets(&present(&entries, &there));
        for listener in &listeners {
            prop_assert_eq!(&sets(listener), &truth);
        }
    }
}
