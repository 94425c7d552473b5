//! The changes of keys that go with the diffs of a topic.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::replication::set::{
    Clock, Incarnation, Meta, MetaBody, Ownership, PhxRefs, ReplicaName, Tag,
};

const METAS: usize = 3;

/// Returns two metas of one key, and one of another.
fn entries() -> Vec<Arc<Entry>> {
    let origin = Arc::new(Origin {
        name: ReplicaName::new("there"),
        incarnation: Incarnation {
            started_ms: 0,
            nonce: 0,
        },
    });
    let mut refs = PhxRefs::new(0);
    let body = MetaBody::encode(&serde_json::json!({}), 100).unwrap();
    let entries = ["a", "a", "b"].into_iter().zip(1..).map(|(key, clock)| {
        Arc::new(Entry {
            tag: Tag {
                origin: Arc::clone(&origin),
                clock: Clock::new(clock),
            },
            topic: "t".into(),
            key: key.into(),
            owner: Ownership::ELSEWHERE,
            meta: Meta::new(refs.make(), None, &body),
        })
    });
    entries.collect()
}

/// A topic, and the keys that its diffs have told.
struct Listened {
    topic: Topic,
    told: BTreeSet<Arc<str>>,
}

impl Listened {
    fn new() -> Self {
        Self {
            topic: Topic::new(true, 0),
            told: BTreeSet::new(),
        }
    }

    /// Takes the next diff. Returns the keys that change by it, each with whether it came, or
    /// `None` if there is no diff.
    fn take(&mut self) -> Option<Vec<(Arc<str>, bool)>> {
        let (_, changes) = self.topic.take_diff()?;
        let changes = changes.into_vec().into_iter();
        let changes: Vec<_> = changes
            .map(|change| (Arc::clone(&change.entry.key), change.came))
            .collect();
        for (key, came) in &changes {
            let is_news = match came {
                true => self.told.insert(Arc::clone(key)),
                false => self.told.remove(key),
            };
            assert!(is_news, "{key} twice");
        }
        Some(changes)
    }

    fn is_current(&self) -> bool {
        let (entries, next) = self.topic.batch(None, usize::MAX, usize::MAX);
        assert_eq!(next, None);
        let keys: BTreeSet<_> = entries.iter().map(|entry| Arc::clone(&entry.key)).collect();
        keys == self.told
    }
}

// A replica is hidden, a client takes a list, and the replica is shown: two diffs. It is hidden
// again before the second one.
#[test]
fn a_key_that_comes_back_and_goes_before_the_second_diff_is_told() {
    let (entries, mut listened) = (entries(), Listened::new());
    let entry = &entries[0];
    listened.topic.join(entry);
    assert_eq!(listened.take(), Some(vec![("a".into(), true)]));

    listened.topic.leave(entry);
    listened.topic.seal();
    listened.topic.join(entry);
    assert_eq!(listened.take(), Some(vec![]), "the key is here");

    listened.topic.leave(entry);
    assert_eq!(listened.take(), Some(vec![("a".into(), false)]));
    assert_eq!(listened.take(), None);
    assert!(listened.topic.is_empty());
}

// Without callbacks that need it, clients are not told of a meta that came and went.
#[test]
fn without_keys_to_tell_a_meta_that_came_back_and_went_is_in_no_diff() {
    let (entries, mut topic) = (entries(), Topic::new(false, 0));
    let entry = &entries[0];
    topic.join(entry);
    assert!(topic.take_diff().is_some());

    topic.leave(entry);
    topic.seal();
    topic.join(entry);
    assert!(topic.take_diff().is_some());

    topic.leave(entry);
    assert!(topic.take_diff().is_none());
    assert!(topic.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    /// The meta comes if it is not there, else it goes.
    Toggle(usize),
    List,
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..METAS).prop_map(Step::Toggle),
        2 => Just(Step::List),
        1 => Just(Step::Take),
    ]
}

proptest! {
    #[test]
    fn when_no_diff_waits_all_keys_are_told(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let (entries, mut listened) = (entries(), Listened::new());
        let mut there = [false; METAS];
        for step in steps {
            match step {
                Step::Toggle(meta) => {
                    match there[meta] {
                        true => listened.topic.leave(&entries[meta]),
                        false => prop_assert!(listened.topic.join(&entries[meta])),
                    }
                    there[meta] = !there[meta];
                }
                Step::List => listened.topic.seal(),
                Step::Take => {
                    listened.take();
                }
            }
            prop_assert!(!listened.topic.pending.is_empty() || listened.is_current());
        }
        while listened.take().is_some() {}
        prop_assert!(listened.is_current());
    }
}
