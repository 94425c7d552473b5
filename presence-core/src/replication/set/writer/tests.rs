use std::num::NonZeroU64;

use super::*;
use crate::replication::set::{MetaBody, OwnerId, PhxRefs, ReplicaName};

fn origin(started_ms: u64) -> Origin {
    Origin {
        name: ReplicaName::new("a"),
        incarnation: Incarnation {
            started_ms,
            nonce: 2,
        },
    }
}

fn writer() -> Writer {
    Writer::new(origin(1), 1024)
}

fn meta(refs: &mut PhxRefs) -> Meta {
    let body = MetaBody::encode(&serde_json::json!({}), 100).unwrap();
    Meta::new(refs.make(), None, &body)
}

fn content(key: &str, refs: &mut PhxRefs) -> Content {
    Content {
        topic: "t".into(),
        key: key.into(),
        owner: OwnerId::new(NonZeroU64::MIN),
        meta: meta(refs),
    }
}

fn clocks<'a>(entries: impl IntoIterator<Item = &'a Arc<Entry>>) -> Vec<u64> {
    let entries = entries.into_iter();
    entries.map(|entry| entry.tag.clock.get()).collect()
}

#[test]
fn every_change_is_one_step() {
    let (mut writer, mut refs) = (writer(), PhxRefs::new(0));
    let first = writer.add(content("x", &mut refs));
    let second = writer.add(content("y", &mut refs));
    assert_eq!((first.tag.clock.get(), second.tag.clock.get()), (1, 2));

    let (old, new) = writer.update(first.tag.clock, meta(&mut refs)).unwrap();
    assert_eq!((old.tag.clock.get(), new.tag.clock.get()), (1, 3));
    assert_eq!((&*new.key, new.owner), ("x", first.owner));
    assert_eq!(writer.replica().clock().get(), 3);

    writer.remove(second.tag.clock).unwrap();
    assert_eq!(writer.replica().clock().get(), 4);
    assert_eq!(clocks(writer.replica().since(Clock::ZERO)), [3]);
}

#[test]
fn what_changes_nothing_takes_no_step() {
    let (mut writer, mut refs) = (writer(), PhxRefs::new(0));
    let entry = writer.add(content("x", &mut refs));
    writer.remove(entry.tag.clock).unwrap();
    let before = writer.replica().clock();
    assert!(writer.remove(entry.tag.clock).is_none());
    assert!(writer.update(entry.tag.clock, meta(&mut refs)).is_none());
    assert_eq!(writer.replica().clock(), before);
    assert_eq!(writer.replica().len(), 0);
}

#[test]
fn adds_since_a_clock_are_a_range() {
    let (mut writer, mut refs) = (writer(), PhxRefs::new(0));
    for key in ["a", "b", "c"] {
        writer.add(content(key, &mut refs));
    }
    let replica = writer.replica();
    assert_eq!(clocks(replica.since(Clock::new(2))), [3]);
    assert_eq!(clocks(replica.since(Clock::MAX)), [0; 0]);
    assert_eq!(clocks(replica.up_to(Clock::new(2))), [1, 2]);
}

#[test]
fn goes_on_under_another_incarnation_with_the_same_references() {
    let (mut writer, mut refs) = (writer(), PhxRefs::new(0));
    for key in ["a", "b", "c"] {
        writer.add(content(key, &mut refs));
    }
    writer.remove(Clock::new(2)).unwrap();
    let old = writer.replica().clone();

    let new = writer.retag(origin(9).incarnation);
    assert_eq!(clocks(&new), [1, 2]);
    assert_eq!(writer.replica().origin().incarnation.started_ms, 9);
    assert_eq!(writer.replica().clock().get(), 2);
    let metas = |replica: &Replica| -> Vec<String> {
        let entries = replica.since(Clock::ZERO);
        entries
            .map(|entry| entry.meta.as_str().to_owned())
            .collect()
    };
    assert_eq!(metas(writer.replica()), metas(&old));

    // Whoever knows nothing of it can be told all of it.
    let mut other = Replica::new(Arc::new(origin(9)));
    other.apply(&writer.delta(Clock::ZERO)).unwrap();
    assert_eq!(metas(&other), metas(&old));
    assert_eq!(other.check(), writer.replica().check());
}
