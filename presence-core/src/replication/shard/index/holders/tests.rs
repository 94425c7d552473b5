use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::replication::set::{Incarnation, Meta, MetaBody, Ownership, PhxRefs, ReplicaName};

/// Returns entries of one node, each under the key of its number.
fn entries(keys: &[u8]) -> Vec<Arc<Entry>> {
    let mut refs = PhxRefs::new(1);
    let body = MetaBody::encode(&serde_json::json!({}), 100).expect("an object");
    let origin = Arc::new(Origin {
        name: ReplicaName::new("a"),
        incarnation: Incarnation {
            started_ms: 1,
            nonce: 1,
        },
    });
    let entries = (1..).zip(keys).map(|(clock, key)| {
        Arc::new(Entry {
            tag: Tag {
                origin: Arc::clone(&origin),
                clock: Clock::new(clock),
            },
            topic: "t".into(),
            key: format!("key {key:03}").into(),
            owner: Ownership::ELSEWHERE,
            meta: Meta::new(refs.make(), None, &body),
        })
    });
    entries.collect()
}

/// Returns the entries of all keys from the first on.
fn list(held: &Held, first: Option<&str>) -> Vec<Arc<Entry>> {
    let mut list = Vec::new();
    for holders in held.from(first) {
        let next = holders.collect_into(&mut list, None, usize::MAX);
        assert_eq!(next, None);
    }
    list
}

#[test]
fn an_entry_alone_under_its_key_costs_one_pointer() {
    let mut held = Held::default();
    entries(&[1, 2, 3]).iter().for_each(|entry| {
        held.add(entry);
    });
    let Keys::Few(few) = &held.ones else {
        panic!("three keys have chunks");
    };
    assert_eq!(size_of_val(&few[..]), 3 * size_of::<usize>());
    assert!(held.several.is_none());
}

#[test]
fn a_key_with_several_entries_again_has_one() {
    let all = entries(&[1, 2, 2, 3]);
    let mut held = Held::default();
    let added: Vec<_> = all.iter().map(|entry| held.add(entry)).collect();
    use Added::{First, Nothing, OneOfMany};
    assert_eq!(added, [First, First, OneOfMany, First]);
    assert_eq!(held.add(&all[1]), Nothing);
    assert_eq!((held.len(), held.ones.len()), (3, 2));

    assert_eq!(held.remove(&all[1]), Removed::OneOfMany);
    assert_eq!(held.remove(&all[1]), Removed::Nothing);
    assert_eq!((held.len(), held.ones.len()), (3, 3));
    assert!(held.several.is_none());
    assert_eq!(held.remove(&all[2]), Removed::Last);
    assert_eq!(held.len(), 2);
}

// As when a machine is set back to a snapshot, and does something else then.
#[test]
fn another_entry_of_the_same_tag_takes_none_away() {
    let all = entries(&[1, 1]);
    let other = Arc::new(Entry {
        tag: all[0].tag.clone(),
        ..Entry::clone(&all[1])
    });
    let mut held = Held::default();
    held.add(&all[0]);
    assert_eq!(held.remove(&other), Removed::Nothing);
    assert_eq!(list(&held, None), [Arc::clone(&all[0])]);
    held.add(&all[1]);
    assert_eq!(held.remove(&other), Removed::Nothing);
    assert_eq!(held.remove(&all[0]), Removed::OneOfMany);
}

#[test]
fn two_entries_of_one_tag_are_both_found_as_the_oldest() {
    let all = entries(&[1, 1, 1]);
    let other = Arc::new(Entry {
        tag: all[0].tag.clone(),
        owner: Ownership::LOST,
        ..Entry::clone(&all[1])
    });
    let mut held = Held::default();
    for entry in [&all[0], &other, &all[2]] {
        held.add(entry);
    }
    let oldest = |held: &Held| {
        let holders = held.get(&all[0].key).expect("entries");
        let lost = holders.oldest_lost().cloned();
        (holders.oldest_of(&all[0].tag.origin).cloned(), lost)
    };
    let both = (Some(Arc::clone(&all[0])), Some(Arc::clone(&other)));
    assert_eq!(oldest(&held), both);
    held.remove(&all[0]);
    assert_eq!(oldest(&held), (Some(Arc::clone(&other)), Some(other)));
}

proptest! {
    // Keys with one entry and keys with several are one ordered list.
    #[test]
    fn entries_are_in_the_order_of_their_keys(
        keys in prop::collection::vec(0..200_u8, 0..400),
        gone in prop::collection::vec(any::<bool>(), 400),
        first in 0..220_u8,
    ) {
        let all = entries(&keys);
        let (mut held, mut model) = (Held::default(), BTreeMap::new());
        for entry in &all {
            let is_first = !model.keys().any(|(key, _)| *key == entry.key);
            let expected = if is_first { Added::First } else { Added::OneOfMany };
            prop_assert_eq!(held.add(entry), expected);
            model.insert((Arc::clone(&entry.key), entry.tag.clock), Arc::clone(entry));
        }
        for (entry, _) in all.iter().zip(gone).filter(|(_, gone)| *gone) {
            model.remove(&(Arc::clone(&entry.key), entry.tag.clock));
            let is_last = !model.keys().any(|(key, _)| *key == entry.key);
            let expected = if is_last { Removed::Last } else { Removed::OneOfMany };
            prop_assert_eq!(held.remove(entry), expected);
        }
        let keys: BTreeSet<_> = model.keys().map(|(key, _)| key).collect();
        prop_assert_eq!((held.len(), held.is_empty()), (keys.len(), keys.is_empty()));
        prop_assert!(keys.iter().all(|key| held.get(key).is_some_and(|held| *held.key() == **key)));
        prop_assert!(list(&held, None).iter().eq(model.values()));
        let first = format!("key {first:03}");
        let rest = model.range((Arc::from(&*first), Clock::ZERO)..);
        prop_assert!(list(&held, Some(&first)).iter().eq(rest.map(|(_, entry)| entry)));
    }
}
