use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::pubsub::Dispatch;

struct Nobody;

impl Subscriber for Nobody {
    fn deliver(&self, _: &mut Dispatch<'_>) {}
}

fn table(ids: impl IntoIterator<Item = u64>) -> Subscribers {
    let mut table = Subscribers::default();
    for id in ids {
        table.insert(SubscriberId(id), Arc::new(Nobody));
    }
    table
}

fn ids(table: &Subscribers) -> Vec<u64> {
    let entries = table.segments().iter().flat_map(|segment| segment.iter());
    entries.map(|(id, _)| id.0).collect()
}

/// Asserts that the table is sorted, and has neither too large nor too many segments.
fn assert_shape(table: &Subscribers) {
    let segments = table.segments();
    assert!(ids(table).is_sorted());
    assert!(segments.iter().all(|segment| segment.len() <= FULL));
    match table {
        Subscribers::Few(_) => assert_eq!(segments.len(), 1),
        Subscribers::Many(_) => {
            assert!(segments.len() > 1);
            assert!(segments.iter().all(|segment| !segment.is_empty()));
            for pair in segments.windows(2) {
                let (one, other) = (pair[0].len(), pair[1].len());
                let is_full = one.max(other) >= FEW || one + other > FULL / 2;
                assert!(is_full, "{one} and {other} are not merged");
            }
        }
    }
}

/// Returns the number of segments that `before` has and `after` does not share.
fn copied(before: &Subscribers, after: &Subscribers) -> usize {
    let is_shared = |segment: &&Arc<Segment>| {
        let mut others = after.segments().iter();
        !others.any(|other| Arc::ptr_eq(segment, other))
    };
    before.segments().iter().filter(is_shared).count()
}

#[test]
fn one_who_comes_or_goes_during_a_dispatch_copies_one_segment() {
    let mut table = table(0..100_000);
    assert_eq!(table.segments().len(), 100_000_usize.div_ceil(FULL));
    for round in 0..1000 {
        // A dispatch holds this.
        let walked = table.clone();
        table.insert(SubscriberId(100_000 + round), Arc::new(Nobody));
        assert!(copied(&walked, &table) <= 1);
        let walked = table.clone();
        assert!(table.remove(SubscriberId(round * 97)).is_some());
        assert!(copied(&walked, &table) <= 1);
        assert_eq!(table.count(), 100_000);
    }
    assert_shape(&table);
}

#[test]
fn an_unknown_subscriber_is_not_removed_and_copies_nothing() {
    for count in [0, 1, FULL as u64, 1000] {
        let mut table = table((0..count).map(|id| 2 * id));
        let walked = table.clone();
        for id in [1, 501, 5_001] {
            assert!(table.remove(SubscriberId(id)).is_none());
        }
        assert_eq!(copied(&walked, &table), 0);
        assert_eq!(table.count() as u64, count);
    }
}

#[test]
fn a_table_of_one_holds_memory_for_one() {
    let table = table([7]);
    assert_eq!(table.segments()[0].capacity(), 1);
    let mut large = self::table(0..200);
    for id in 1..200 {
        large.remove(SubscriberId(id));
    }
    assert!(large.segments()[0].capacity() <= 4);
}

#[test]
fn who_leaves_leaves_no_segment_behind() {
    let mut table = table(0..100_000);
    for id in (0..100_000).filter(|id| id % 100 != 0) {
        table.remove(SubscriberId(id));
    }
    assert_shape(&table);
    assert_eq!(table.count(), 1000);
    assert!(table.segments().len() <= 1000 / (FEW / 2));
    for id in (0..100_000).step_by(100) {
        table.remove(SubscriberId(id));
    }
    assert!(table.is_empty());
    assert!(matches!(table, Subscribers::Few(_)));
}

proptest! {
    /// Ids may come in any order, and go in any order.
    #[test]
    fn a_table_is_a_set_of_ids(
        steps in prop::collection::vec((any::<bool>(), 0_u64..1500), 0..6000),
    ) {
        let (mut table, mut model) = (Subscribers::default(), BTreeSet::new());
        for (comes, id) in steps {
            if comes && model.insert(id) {
                table.insert(SubscriberId(id), Arc::new(Nobody));
            } else if !comes {
                let removed = table.remove(SubscriberId(id)).is_some();
                prop_assert_eq!(removed, model.remove(&id));
            }
        }
        assert_shape(&table);
        prop_assert_eq!(table.count(), model.len());
        prop_assert_eq!(table.is_empty(), model.is_empty());
        prop_assert_eq!(ids(&table), model.into_iter().collect::<Vec<_>>());
    }
}
