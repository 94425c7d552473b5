//! The keys of one topic, in order.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The most keys of a topic that stand in one vector. A node of a `BTreeMap` has room for eleven.
const FEW: usize = 8;
/// A topic with this number of keys or fewer goes back to a vector.
const FEW_AGAIN: usize = FEW / 2;

/// A value for each key of a topic.
///
/// Most topics have few keys. A vector costs them 40 bytes a key, and a `BTreeMap` 544 bytes for
/// the first.
#[derive(Clone, Debug)]
pub(super) enum Keys<T> {
    /// At most [`FEW`] keys, sorted.
    Few(Vec<(Arc<str>, T)>),
    Many(BTreeMap<Arc<str>, T>),
}

impl<T> Default for Keys<T> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<T> Keys<T> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn get(&self, key: &str) -> Option<(&Arc<str>, &T)> {
        match self {
            Self::Few(few) => {
                let (key, value) = &few[place(few, key).ok()?];
                Some((key, value))
            }
            Self::Many(many) => many.get_key_value(key),
        }
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        match self {
            Self::Few(few) => {
                let place = place(few, key).ok()?;
                Some(&mut few[place].1)
            }
            Self::Many(many) => many.get_mut(key),
        }
    }

    /// Adds a key, or replaces its value.
    pub(super) fn insert(&mut self, key: Arc<str>, value: T) {
        match self {
            Self::Few(few) => match place(few, &key) {
                Ok(place) => few[place].1 = value,
                Err(place) if few.len() < FEW => {
                    if few.len() == few.capacity() {
                        // Not the four that a vector begins with.
                        few.reserve_exact(few.len().max(1));
                    }
                    few.insert(place, (key, value));
                }
                Err(_) => {
                    let mut many: BTreeMap<_, _> = few.drain(..).collect();
                    many.insert(key, value);
                    *self = Self::Many(many);
                }
            },
            Self::Many(many) => {
                many.insert(key, value);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        match self {
            Self::Few(few) => {
                if let Ok(place) = place(few, key) {
                    few.remove(place);
                }
            }
            Self::Many(many) => {
                many.remove(key);
                if many.len() <= FEW_AGAIN {
                    *self = Self::Few(std::mem::take(many).into_iter().collect());
                }
            }
        }
    }

    /// Returns the values, in the order of their keys.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        let (few, many) = match self {
            Self::Few(few) => (Some(few), None),
            Self::Many(many) => (None, Some(many)),
        };
        let few = few.into_iter().flatten().map(|(_, value)| value);
        few.chain(many.into_iter().flat_map(BTreeMap::values))
    }
}

fn place<T>(few: &[(Arc<str>, T)], key: &str) -> Result<usize, usize> {
    few.binary_search_by(|(known, _)| (**known).cmp(key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_key_takes_no_more_than_its_own_memory() {
        let mut keys = Keys::default();
        keys.insert("key".into(), [0_u64; 3]);
        let Keys::Few(few) = &keys else {
            panic!("one key has a map");
        };
        assert_eq!(few.capacity(), 1);
    }

    proptest! {
        /// The keys answer as a map does, also where a vector becomes a map and a vector again.
        #[test]
        fn keys_are_as_those_of_a_map(
            steps in prop::collection::vec((0..14u8, any::<bool>()), 0..120),
        ) {
            let (mut keys, mut model) = (Keys::default(), BTreeMap::new());
            for (number, (key, comes)) in steps.into_iter().enumerate() {
                let key: Arc<str> = format!("key {key}").into();
                if comes {
                    keys.insert(key.clone(), number);
                    model.insert(key.clone(), number);
                } else {
                    keys.remove(&key);
                    model.remove(&key);
                }
                prop_assert!(keys.values().eq(model.values()));
                prop_assert_eq!((keys.len(), keys.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(keys.get(&key), model.get_key_value(&key));
                prop_assert_eq!(keys.get_mut(&key), model.get_mut(&key));
            }
        }
    }
}
