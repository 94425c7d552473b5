//! Tokens recorded from Phoenix: every vector of `tools/conformance/tokens.json`.
//!
//! The vectors tell atoms from strings, which the public API reads alike, so the tests see the
//! terms themselves through the feature `fuzzing`.

#![cfg(feature = "fuzzing")]

use std::time::{Duration, SystemTime};

use presence_channels::{
    SecretKeyBase, TokenError, Tokens,
    fuzzing::{Term, decrypt_term, sign_term, verify_term},
    token::{KeyDigest, KeyOptions, MaxAge},
};
use serde_json::Value;

fn vectors(kind: &str) -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tools/conformance/tokens.json"
    );
    let file = std::fs::read(path).expect("the conformance kit stands in the checkout");
    let mut file: Value = serde_json::from_slice(&file).unwrap();
    let vectors = file[kind].take();
    serde_json::from_value(vectors).unwrap()
}

/// The vector's tokens, by its secret, salt and options.
fn tokens_of(vector: &Value) -> Tokens {
    let mut key = KeyOptions::default();
    let mut max_age = None;
    for (name, value) in vector["options"].as_object().unwrap() {
        match &**name {
            "key_iterations" => {
                key = key.iterations(value.as_u64().unwrap().try_into().unwrap());
            }
            "key_length" => key = key.length(value.as_u64().unwrap().try_into().unwrap()),
            "key_digest" => {
                key = key.digest(match value.as_str().unwrap() {
                    "sha256" => KeyDigest::Sha256,
                    "sha384" => KeyDigest::Sha384,
                    "sha512" => KeyDigest::Sha512,
                    other => panic!("a digest {other}"),
                });
            }
            "max_age" if value == "infinity" => max_age = Some(MaxAge::Infinity),
            "max_age" => {
                // Here there is no negative one; in Phoenix it is as 0.
                let seconds = value.as_i64().unwrap().try_into().unwrap_or(0);
                max_age = Some(MaxAge::Seconds(seconds));
            }
            "signed_at" => {}
            other => panic!("an option {other}"),
        }
    }
    let secret = SecretKeyBase::new(vector["secret"].as_str().unwrap()).unwrap();
    let salt = vector["salt"].as_str().unwrap();
    let tokens = Tokens::with_key_options(&secret, salt, key).unwrap();
    match max_age {
        Some(max_age) => tokens.max_age(max_age),
        None => tokens,
    }
}

/// A value, as the vectors spell it.
fn term(value: &Value) -> Term {
    let all = |values: &Value| values.as_array().unwrap().iter().map(term).collect();
    match value {
        Value::String(text) => Term::Binary(text.clone().into()),
        Value::Number(number) => Term::Integer(number.as_i64().unwrap().into()),
        Value::Array(_) => Term::List(all(value)),
        Value::Object(object) => {
            let (kind, inner) = object.iter().next().unwrap();
            let text = || inner.as_str().unwrap();
            match &**kind {
                "$bytes" => Term::Binary(from_hex(text())),
                "$int" => Term::Integer(text().parse().unwrap()),
                "$float" => Term::Float(text().parse().unwrap()),
                "$atom" => Term::Atom(text().to_owned()),
                "$tuple" => Term::Tuple(all(inner)),
                "$map" => {
                    let entries = inner.as_array().unwrap().iter();
                    Term::Map(
                        entries
                            .map(|entry| (term(&entry[0]), term(&entry[1])))
                            .collect(),
                    )
                }
                other => panic!("a value {other}"),
            }
        }
        other => panic!("a value {other}"),
    }
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let pairs = digits.map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// A map's entries in one order: that of a large map of Erlang's is of no meaning.
fn sorted(term: Term) -> Term {
    match term {
        Term::Map(mut entries) => {
            entries.sort_by_key(|(key, _)| format!("{key:?}"));
            Term::Map(entries)
        }
        other => other,
    }
}

#[test]
fn signing_gives_phoenixs_tokens_byte_for_byte() {
    let vectors = vectors("sign");
    assert_eq!(vectors.len(), 37);
    for vector in vectors {
        let signed_at = vector["options"]["signed_at"].as_u64().unwrap();
        let signed_at = SystemTime::UNIX_EPOCH + Duration::from_secs(signed_at);
        let tokens = tokens_of(&vector);
        let token = sign_term(&tokens, term(&vector["data"]), signed_at).unwrap();
        assert_eq!(token, vector["token"], "{}", vector["name"]);
    }
}

fn check(kind: &str, read: fn(&Tokens, Option<&str>) -> Result<Term, TokenError>) {
    for vector in vectors(kind) {
        let result = read(&tokens_of(&vector), vector["token"].as_str());
        let expected = match vector["result"]["error"].as_str() {
            None => Ok(sorted(term(&vector["result"]["ok"]))),
            Some("invalid") => Err(TokenError::Invalid),
            Some("expired") => Err(TokenError::Expired),
            Some("missing") => Err(TokenError::Missing),
            Some(other) => panic!("an error {other}"),
        };
        assert_eq!(result.map(sorted), expected, "{}", vector["name"]);
    }
}

#[test]
fn verifying_is_phoenixs() {
    assert_eq!(vectors("verify").len(), 75);
    check("verify", verify_term);
}

#[test]
fn decrypting_is_phoenixs() {
    assert_eq!(vectors("decrypt").len(), 48);
    check("decrypt", decrypt_term);
}
