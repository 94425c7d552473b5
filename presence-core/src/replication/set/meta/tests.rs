use serde_json::{Value, json};

use super::*;
use crate::replication::set::PhxRefs;

fn meta(given: &Value) -> Meta {
    let body = MetaBody::encode(given, 1000).unwrap();
    Meta::new(PhxRefs::new(0).make(), None, &body)
}

fn updated(given: &Value) -> Meta {
    let body = MetaBody::encode(given, 1000).unwrap();
    let mut refs = PhxRefs::new(0);
    let prev = refs.make();
    Meta::new(refs.make(), Some(prev), &body)
}

#[test]
fn carries_its_reference_and_its_fields() {
    let meta = meta(&json!({ "a": 1, "b": { "c": "phx" } }));
    assert_eq!(meta.phx_ref(), "AAAAAAAAAAAAAAAA");
    assert_eq!(meta.phx_ref_prev(), None);
    let read: Value = meta.json().unwrap();
    assert_eq!(
        read,
        json!({ "a": 1, "b": { "c": "phx" }, "phx_ref": "AAAAAAAAAAAAAAAA" })
    );
}

#[test]
fn an_empty_object_still_has_a_reference() {
    assert_eq!(
        meta(&json!({})).as_str(),
        r#"{"phx_ref":"AAAAAAAAAAAAAAAA"}"#
    );
    let spaced: &RawValue = serde_json::from_str("{ \n }").unwrap();
    let body = MetaBody::encode(spaced, 1000).unwrap();
    let meta = Meta::new(PhxRefs::new(0).make(), None, &body);
    assert_eq!(
        meta.json::<Value>().unwrap(),
        json!({ "phx_ref": "AAAAAAAAAAAAAAAA" })
    );
}

#[test]
fn an_update_names_what_it_replaced() {
    let meta = updated(&json!({ "a": 1 }));
    assert_eq!(meta.phx_ref(), "AAAAAAAAAAABAAAA");
    assert_eq!(meta.phx_ref_prev(), Some("AAAAAAAAAAAAAAAA"));
    assert_eq!(
        meta.json::<Value>().unwrap(),
        json!({ "a": 1, "phx_ref": "AAAAAAAAAAABAAAA", "phx_ref_prev": "AAAAAAAAAAAAAAAA" })
    );
}

#[test]
fn references_of_the_user_are_replaced() {
    let given =
        json!({ "phx_ref": "mine", "phx_ref_prev": 5, "a": 1, "in": { "phx_ref": "kept" } });
    assert_eq!(
        meta(&given).json::<Value>().unwrap(),
        json!({ "a": 1, "in": { "phx_ref": "kept" }, "phx_ref": "AAAAAAAAAAAAAAAA" })
    );
    assert_eq!(meta(&given).phx_ref_prev(), None);

    let escaped: &RawValue =
        serde_json::from_str(r#"{"phx\u005fref":"mine","n":12345678901234567890123}"#).unwrap();
    let body = MetaBody::encode(escaped, 1000).unwrap();
    let meta = Meta::new(PhxRefs::new(0).make(), None, &body);
    assert_eq!(
        meta.as_str(),
        r#"{"phx_ref":"AAAAAAAAAAAAAAAA","n":12345678901234567890123}"#
    );
}

#[test]
fn only_objects_are_metas() {
    for given in [json!(null), json!([1]), json!("{}"), json!(1), json!(true)] {
        let error = MetaBody::encode(&given, 1000).unwrap_err();
        assert!(matches!(error, MetaError::NotAnObject), "{given}: {error}");
    }
}

#[test]
fn the_limit_is_on_the_json_given() {
    let given = json!({ "a": "xx" });
    assert!(MetaBody::encode(&given, 10).is_ok());
    let error = MetaBody::encode(&given, 9).unwrap_err();
    assert!(matches!(
        error,
        MetaError::TooLarge {
            bytes: 10,
            limit: 9
        }
    ));
    let error = MetaBody::encode(&json!(["long enough"]), 0).unwrap_err();
    assert!(matches!(error, MetaError::NotAnObject));
}

#[test]
fn what_json_cannot_say_is_an_error() {
    let keyed_by_pairs = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = MetaBody::encode(&keyed_by_pairs, 1000).unwrap_err();
    assert!(matches!(error, MetaError::Encode(_)));
}

#[test]
fn what_some_clients_cannot_read_is_no_meta() {
    let phx_ref = r#"{"phx_ref":"AAAAAAAAAAAAAAAA","#;
    for fields in [r#""a":"\ud83d"}"#, r#""\ude00":1}"#, r#""n":[1e999]}"#] {
        let given = RawValue::from_string(format!("{{{fields}")).unwrap();
        let error = MetaBody::encode(&given, 1000).unwrap_err();
        assert!(matches!(error, MetaError::Encode(_)), "{fields}: {error}");
        assert!(
            Meta::from_text(format!("{phx_ref}{fields}")).is_none(),
            "{fields}"
        );
    }
    assert!(Meta::from_text(format!("{phx_ref}\"n\":1e99}}")).is_some());
}

#[test]
fn serializes_as_the_object_it_is() {
    let meta = meta(&json!({ "a": 1 }));
    assert_eq!(serde_json::to_string(&meta).unwrap(), meta.as_str());
}

#[test]
fn a_number_keeps_its_digits() {
    for number in ["31.245270191439438", "9007199254740993", "1.0", "-0.0"] {
        let sent = format!(r#"{{"n":{number}}}"#);
        let read: Value = serde_json::from_str(&sent).unwrap();
        let kept = meta(&read);
        assert!(kept.as_str().ends_with(&sent[1..]), "{number}: {kept:?}");
    }
    // Raw JSON keeps numbers that no type of Rust holds.
    let raw: &RawValue = serde_json::from_str(r#"{"n":123456789012345678901234567890}"#).unwrap();
    let body = MetaBody::encode(raw, 1000).unwrap();
    let kept = Meta::new(PhxRefs::new(0).make(), None, &body);
    assert!(kept.as_str().ends_with(&raw.get()[1..]), "{kept:?}");
}

proptest::proptest! {
    /// A float that an app has read from a client is written as it was read.
    #[test]
    fn a_float_that_was_parsed_is_the_float_that_was_sent(bits: u64) {
        let float = f64::from_bits(bits);
        proptest::prop_assume!(float.is_finite());
        let sent = serde_json::to_string(&json!({ "n": float })).unwrap();
        let read: Value = serde_json::from_str(&sent).unwrap();
        proptest::prop_assert!(meta(&read).as_str().ends_with(&sent[1..]), "{}", sent);
    }
}
