use proptest::prelude::*;

use super::*;
use crate::replication::set::{
    Incarnation, Meta, MetaBody, Origin, Ownership, PhxRefs, ReplicaName, Tag,
};

/// A change of the entries.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// After the last.
    Append,
    Insert(u64),
    Remove(u64),
    RemoveNth(prop::sample::Index),
    RemoveLast,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Append),
        1 => (1..400_u64).prop_map(Step::Insert),
        1 => (1..400_u64).prop_map(Step::Remove),
        5 => any::<prop::sample::Index>().prop_map(Step::RemoveNth),
        1 => Just(Step::RemoveLast),
    ]
}

fn entry(clock: u64) -> Arc<Entry> {
    let body = MetaBody::encode(&serde_json::json!({}), 100).expect("an object");
    Arc::new(Entry {
        tag: Tag {
            origin: Arc::new(Origin {
                name: ReplicaName::new("a"),
                incarnation: Incarnation {
                    started_ms: 1,
                    nonce: 1,
                },
            }),
            clock: Clock::new(clock),
        },
        topic: "t".into(),
        key: "k".into(),
        owner: Ownership::ELSEWHERE,
        meta: Meta::new(PhxRefs::new(1).make(), None, &body),
    })
}

fn clocks<'a>(entries: impl Iterator<Item = &'a Arc<Entry>>) -> Vec<u64> {
    entries.map(|entry| entry.tag.clock.get()).collect()
}

proptest! {
    #[test]
    fn entries_are_an_ordered_map(
        steps in prop::collection::vec(step(), 0..600),
        at in 0..500_u64,
    ) {
        let mut entries = Entries::default();
        let mut map = BTreeMap::new();
        for step in steps {
            let last = map.keys().next_back().copied();
            match step {
                Step::Append | Step::Insert(_) => {
                    let clock = match step {
                        Step::Insert(clock) => clock,
                        _ => last.unwrap_or(0) + 1,
                    };
                    let entry = entry(clock);
                    entries.insert(Arc::clone(&entry));
                    map.insert(clock, entry);
                }
                Step::Remove(clock) => {
                    let removed = entries.remove(Clock::new(clock)).is_some();
                    prop_assert_eq!(removed, map.remove(&clock).is_some());
                }
                Step::RemoveNth(index) if !map.is_empty() => {
                    let clock = *map.keys().nth(index.index(map.len())).expect("it is there");
                    prop_assert!(entries.remove(Clock::new(clock)).is_some());
                    map.remove(&clock);
                }
                Step::RemoveLast => {
                    let held = entries.last().map(|entry| entry.tag.clock.get());
                    prop_assert_eq!(held, last);
                    if let Some(last) = last {
                        entries.remove(Clock::new(last));
                        map.remove(&last);
                    }
                }
                Step::RemoveNth(_) => {}
            }
            prop_assert_eq!(entries.len(), map.len());
        }
        let clock = Clock::new(at);
        prop_assert_eq!(entries.get(clock).is_some(), map.contains_key(&at));
        let after = clocks(map.range(at + 1..).map(|(_, entry)| entry));
        let up_to = clocks(map.range(..=at).map(|(_, entry)| entry));
        prop_assert_eq!(clocks(entries.after(clock)), &after[..]);
        prop_assert_eq!(clocks(entries.up_to(clock)), &up_to[..]);
        let reversed = |clocks: Vec<u64>| clocks.into_iter().rev().collect::<Vec<_>>();
        prop_assert_eq!(clocks(entries.after(clock).rev()), reversed(after));
        prop_assert_eq!(clocks(entries.up_to(clock).rev()), reversed(up_to));
        let fits = |chunk: &Vec<Arc<Entry>>| {
            !chunk.is_empty() && chunk.len() <= CHUNK && chunk.capacity() <= CHUNK + 1
        };
        prop_assert!(entries.chunks.values().all(fits));
    }
}

#[test]
fn entries_that_come_in_order_leave_no_room_unused() {
    let mut entries = Entries::default();
    for clock in 1..=10_000 {
        entries.insert(entry(clock));
    }
    let room: usize = entries.chunks.values().map(Vec::capacity).sum();
    assert!(room <= 10_000 + CHUNK, "{room}");
    // Nearly all leave: what stays is gathered in few chunks.
    for clock in 1..=10_000 {
        if clock % 100 > 0 {
            entries.remove(Clock::new(clock));
        }
    }
    assert_eq!(entries.len(), 100);
    assert!(entries.chunks.len() <= 20, "{}", entries.chunks.len());
}
