use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Value(Arc<str>, usize);

impl Keyed for Value {
    fn key(&self) -> &Arc<str> {
        &self.0
    }
}

fn value(key: u16, number: usize) -> Value {
    Value(format!("key {key:04}").into(), number)
}

#[test]
fn one_key_takes_no_more_than_its_own_memory() {
    let mut keys = Keys::default();
    keys.insert(value(1, 1));
    let Keys::Few(few) = &keys else {
        panic!("one key has chunks");
    };
    assert_eq!(few.capacity(), 1);
}

// The map of the chunks would cost 456 bytes for two of them.
#[test]
fn a_hundred_keys_have_no_chunks() {
    let mut keys = Keys::default();
    for number in 0..FEW as u16 {
        keys.insert(value(number, 0));
    }
    let Keys::Few(few) = &keys else {
        panic!("{FEW} keys have chunks");
    };
    assert_eq!((few.len(), few.capacity()), (FEW, FEW));
    keys.insert(value(FEW as u16, 0));
    let Keys::Many(many) = &keys else {
        panic!("{} keys in one vector", FEW + 1);
    };
    assert_eq!(
        many.chunks.values().map(Vec::len).collect::<Vec<_>>(),
        [CHUNK, CHUNK, 1]
    );
}

#[test]
fn many_keys_leave_little_room_unused_in_whatever_order_they_come() {
    for stride in [1, 7919] {
        let mut keys = Keys::default();
        for number in 0..10_000_u32 {
            keys.insert(value((number * stride % 10_000) as u16, 0));
        }
        let Keys::Many(many) = &keys else {
            panic!("ten thousand keys in one vector");
        };
        assert_eq!(many.len, 10_000);
        let room: usize = many.chunks.values().map(Vec::capacity).sum();
        assert!(room < 11_500, "{room} for a stride of {stride}");
    }
}

proptest! {
    // The keys answer as a map does, also where a vector becomes chunks and a vector again.
    #[test]
    fn keys_are_as_those_of_a_map(
        steps in prop::collection::vec((0..500_u16, 0..4_u8), 0..1500),
    ) {
        let (mut keys, mut model) = (Keys::default(), BTreeMap::new());
        let mut more = true;
        for (number, (key, luck)) in steps.into_iter().enumerate() {
            // Many come for a while, and then many go.
            if number % 500 == 499 {
                more = !more;
            }
            let new = value(key, number);
            if (luck > 0) == more {
                model.insert(Arc::clone(new.key()), new.clone());
                keys.insert(new.clone());
            } else {
                model.remove(new.key());
                keys.remove(new.key());
            }
            prop_assert_eq!((keys.len(), keys.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(keys.get(new.key()), model.get(new.key()));
            prop_assert_eq!(keys.get_mut(new.key()), model.get_mut(new.key()));
            if let Keys::Many(many) = &keys {
                let fits = |chunk: &Vec<Value>| !chunk.is_empty() && chunk.len() <= CHUNK;
                prop_assert!(many.chunks.values().all(fits));
            }
        }
        prop_assert!(keys.from(None).eq(model.values()));
        for first in ["", "key 1", "key 50", "z"].into_iter().chain(model.keys().map(|key| &**key)) {
            let start = (Included(first), Unbounded);
            let rest = model.range::<str, _>(start).map(|(_, value)| value);
            prop_assert!(keys.from(Some(first)).eq(rest), "from {first:?}");
        }
    }
}
