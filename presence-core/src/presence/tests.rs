use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::pubsub::Payload;
use crate::replication::set;
use crate::replication::set::{
    Content, Entry, Incarnation, MetaBody, Origin, OwnerId, PhxRefs, ReplicaName, Writer,
};
use crate::replication::shard::TopicDiff;

fn entries(keys: &[&str]) -> Vec<Arc<set::Entry>> {
    let origin = Origin {
        name: ReplicaName::new("here"),
        incarnation: Incarnation {
            started_ms: 0,
            nonce: 0,
        },
    };
    let mut writer = Writer::new(origin, 0);
    let mut refs = PhxRefs::new(0);
    let entries = keys.iter().enumerate().map(|(n, key)| {
        let body = MetaBody::encode(&json!({ "n": n }), 100).unwrap();
        writer.add(Content {
            topic: "t".into(),
            key: (*key).into(),
            owner: OwnerId::new(NonZeroU64::MIN),
            meta: Meta::new(refs.make(), None, &body),
        })
    });
    entries.collect()
}

fn presences(keys: &[&str]) -> Presences {
    Presences::from_sorted(&entries(keys))
}

fn value(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap()
}

#[test]
fn joined_texts_are_the_json_that_serde_would_write() {
    let mut presences = presences(&["", "a \"quoted\" key\n", "b", "b", "žluť ☃"]);
    presences
        .get_mut("b")
        .unwrap()
        .insert("user", json!({ "name": "Bob" }))
        .unwrap();
    let joined = value(&presences.to_json());
    assert_eq!(joined, serde_json::to_value(&presences).unwrap());
    assert_eq!(
        joined["b"],
        json!({
            "metas": [{ "n": 2, "phx_ref": "AAAAAAAAAAACAAAA" }, { "n": 3, "phx_ref": "AAAAAAAAAAADAAAA" }],
            "user": { "name": "Bob" },
        })
    );
    assert_eq!(joined["a \"quoted\" key\n"]["metas"][0]["n"], 1);
    assert_eq!(joined.as_object().unwrap().len(), 4);
    assert_eq!(
        Payload::from(&presences),
        Payload::Json(presences.to_json())
    );

    assert_eq!(&*Presences::default().to_json(), b"{}");
}

#[test]
fn a_diff_has_both_sides_always() {
    let entries = entries(&["a", "b"]);
    let mut diff = Diff::new(&TopicDiff {
        topic: "t".into(),
        number: 1,
        joins: entries[..1].to_vec(),
        leaves: Vec::new(),
        keys: Vec::new(),
    });
    let expected = json!({
        "joins": { "a": { "metas": [{ "n": 0, "phx_ref": "AAAAAAAAAAAAAAAA" }] } },
        "leaves": {},
    });
    assert_eq!(value(&diff.to_json()), expected);
    assert_eq!(serde_json::to_value(&diff).unwrap(), expected);
    assert!(!diff.is_empty());
    diff.joins.retain(|_, _| false);
    assert!(diff.is_empty());
}

#[test]
fn both_sides_of_a_diff_are_fetched_as_one() {
    let entries = entries(&["b", "a"]);
    let (b, a) = (&entries[0], &entries[1]);
    let changes = TopicDiff {
        topic: "t".into(),
        number: 1,
        joins: vec![Arc::clone(b)],
        leaves: vec![Arc::clone(a), Arc::clone(b)],
        keys: Vec::new(),
    };
    let all = Presences::from_sorted(changes.all());
    let keys: Vec<_> = all.keys().collect();
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(all.get("b").unwrap().metas().len(), 1);
}

// As a lying node, or one of an earlier version that was set back to a snapshot, makes it.
#[test]
fn two_keys_of_one_reference_are_both_in_a_diff() {
    let entries = entries(&["b"]);
    for other in ["a", "c"] {
        let changes = TopicDiff {
            topic: "t".into(),
            number: 1,
            joins: vec![Arc::clone(&entries[0])],
            leaves: vec![Arc::new(Entry {
                key: other.into(),
                ..Entry::clone(&entries[0])
            })],
            keys: Vec::new(),
        };
        let all = Presences::from_sorted(changes.all());
        assert_eq!(all.len(), 2, "{:?}", changes.all());
    }
}

#[test]
fn presences_are_found_and_walked_by_key() {
    let mut presences = presences(&["a", "b", "b"]);
    assert_eq!((presences.len(), presences.is_empty()), (2, false));
    assert!(presences.get("c").is_none());
    assert_eq!(presences.get("b").unwrap().metas().len(), 2);
    for (key, entry) in &mut presences {
        entry.insert("key", key).unwrap();
    }
    for (key, entry) in &presences {
        assert_eq!(entry.get("key").unwrap().get(), format!("{key:?}"));
    }
    assert_eq!(presences.iter().len(), 2);
    assert_eq!(presences.clone().take("b").unwrap().metas().len(), 2);
}

#[test]
fn a_field_is_replaced_and_cannot_hide_the_metas() {
    let mut presences = presences(&["a"]);
    let entry = presences.get_mut("a").unwrap();
    entry.insert("n", 1).unwrap();
    entry.insert("n", 2).unwrap();
    assert!(matches!(
        entry.insert("metas", 3),
        Err(FieldError::Reserved)
    ));
    let no_json = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(
        entry.insert("n", no_json),
        Err(FieldError::Encode(_))
    ));
    let entry = serde_json::to_value(&*entry).unwrap();
    assert_eq!(entry["n"], 2);
    assert_eq!(entry["metas"].as_array().unwrap().len(), 1);
}
