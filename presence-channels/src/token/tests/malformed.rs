//! Malformed terms and tokens: errors, never a panic, never much memory.

use proptest::prelude::*;

use super::*;

fn data_error(bytes: &[u8]) -> String {
    match term::decode(bytes) {
        Err(TokenError::Data(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_announced_and_not_there_is_invalid() {
    for tag in 0..=255 {
        for announced in [[0xff; 9], [0, 0, 0xff, 0xff, 0, 0, 0, 0, 0]] {
            let bytes = [&[131, tag][..], &announced].concat();
            let _ = term::decode(&bytes);
        }
    }
    let too_much: [&[u8]; 7] = [
        &[131, 108, 0xff, 0xff, 0xff, 0xff, 106],
        &[131, 105, 0xff, 0xff, 0xff, 0xff, 106],
        &[131, 116, 0xff, 0xff, 0xff, 0xff, 106],
        &[131, 109, 0xff, 0xff, 0xff, 0xff, 106],
        &[131, 111, 0xff, 0xff, 0xff, 0xff, 0, 1],
        &[131],
        &[],
    ];
    for bytes in too_much {
        assert_eq!(term::decode(bytes), Err(TokenError::Invalid), "{bytes:?}");
    }
    let trailing = term::decode(&[131, 106, 106]);
    assert_eq!(trailing, Err(TokenError::Invalid));
    let not_utf8 = term::decode(&[131, 119, 1, 0xff]);
    assert_eq!(not_utf8, Err(TokenError::Invalid));
    let not_a_number = term::decode(&[131, 70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]);
    assert_eq!(not_a_number, Err(TokenError::Invalid));
}

#[test]
fn terms_of_other_kinds_are_named() {
    assert!(data_error(&[131, 108, 0, 0, 0, 1, 106, 97, 1]).contains("improper"));
    assert!(data_error(&[131, 112, 0, 0, 0, 1]).contains("kind 112"));
    let big = [&[131, 110, 17, 0][..], &[1; 17]].concat();
    assert!(data_error(&big).contains("128 bits"));
    let over_by_one = [&[131, 110, 16, 0][..], &[0xff; 16]].concat();
    assert!(data_error(&over_by_one).contains("128 bits"));
}

#[test]
fn leading_zeros_of_an_integer_are_overlooked() {
    let bytes = [&[131, 110, 100, 1, 5][..], &[0; 99]].concat();
    assert_eq!(term::decode(&bytes), Ok(Term::Integer(-5)));
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| {
        let lists = [108, 0, 0, 0, 1].repeat(levels);
        [&[131][..], &lists, &[97, 1], &vec![106; levels]].concat()
    };
    assert!(term::decode(&nested(64)).is_ok());
    assert!(data_error(&nested(65)).contains("64 levels"));
    assert!(data_error(&nested(8_000)).contains("64 levels"));
    // A short way to a great depth: tuples of one.
    let tuples = [&[131][..], &[104, 1].repeat(30_000), &[106]].concat();
    assert!(data_error(&tuples).contains("64 levels"));
}

fn compressed(term: &[u8], announced: u32) -> Vec<u8> {
    let zlib = miniz_oxide::deflate::compress_to_vec_zlib(term, 9);
    [&[131, 80][..], &announced.to_be_bytes(), &zlib].concat()
}

#[test]
fn size_is_bounded_compressed_or_not() {
    let long = [&[131, 109][..], &70_000u32.to_be_bytes(), &[0; 70_000]].concat();
    assert!(data_error(&long).contains("64 KiB"));
    let bomb = vec![0; 5_000_000];
    assert!(data_error(&compressed(&bomb, 5_000_000)).contains("64 KiB"));
    // One that says it were small.
    let decoded = term::decode(&compressed(&bomb, 65_536));
    assert_eq!(decoded, Err(TokenError::Invalid));
    let binary = [&[109, 0, 0, 1, 0][..], &[7; 256]].concat();
    let decoded = term::decode(&compressed(&binary, 261));
    assert_eq!(decoded, Ok(Term::Binary(vec![7; 256])));
    let decoded = term::decode(&compressed(&binary, 262));
    assert_eq!(decoded, Err(TokenError::Invalid));
    // No compression within compression.
    let twice = compressed(&compressed(&binary, 261)[1..], 300);
    assert!(term::decode(&twice).is_err());
}

fn any_term() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        any::<i128>().prop_map(Term::Integer),
        any::<i16>().prop_map(|small| Term::Integer(small.into())),
        proptest::num::f64::NORMAL.prop_map(Term::Float),
        "[a-zč]{0,20}".prop_map(Term::Atom),
        any::<Vec<u8>>().prop_map(Term::Binary),
    ];
    leaf.prop_recursive(4, 32, 8, |inner| {
        let terms = || prop::collection::vec(inner.clone(), 0..8);
        prop_oneof![
            terms().prop_map(Term::List),
            terms().prop_map(Term::Tuple),
            prop::collection::vec((inner.clone(), inner.clone()), 0..8).prop_map(Term::Map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn terms_come_back_as_they_went(term in any_term()) {
        let bytes = term::encode(&term).unwrap();
        prop_assert_eq!(term::decode(&bytes), Ok(term));
    }

    #[test]
    fn random_bytes_do_not_panic(bytes: Vec<u8>) {
        let _ = term::decode(&bytes);
        let _ = term::decode(&[&[131], &*bytes].concat());
        let _ = claims::read(&bytes, 0, None);
    }

    #[test]
    fn changed_terms_do_not_panic(term in any_term(), at: prop::sample::Index, byte: u8) {
        let mut bytes = term::encode(&term).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(term) = term::decode(&bytes) {
            let _ = term.clone().into_data::<serde_json::Value>();
            let _ = term.into_data::<Vec<String>>();
        }
    }

    #[test]
    fn cut_terms_are_errors(term in any_term(), at: prop::sample::Index) {
        let bytes = term::encode(&term).unwrap();
        prop_assert!(term::decode(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn random_tokens_are_invalid(token: String) {
        prop_assert_eq!(tokens().verify::<String>(&*token), Err(TokenError::Invalid));
        let prefixed = format!("XCP.{token}");
        prop_assert_eq!(tokens().decrypt::<String>(&*prefixed), Err(TokenError::Invalid));
    }
}

/// Each byte of a token counts, but for the stray bits of the last one.
#[test]
fn a_token_changed_anywhere_is_invalid() {
    let tokens = tokens();
    let signed = tokens.sign("alice").unwrap();
    let encrypted = tokens.encrypt("alice").unwrap();
    let changed = |token: &str, at: usize| {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    for at in 0..signed.len() - 1 {
        let verified = tokens.verify::<String>(&*changed(&signed, at));
        assert_eq!(verified, Err(TokenError::Invalid), "{at}");
    }
    for at in 0..encrypted.len() - 1 {
        let decrypted = tokens.decrypt::<String>(&*changed(&encrypted, at));
        assert_eq!(decrypted, Err(TokenError::Invalid), "{at}");
    }
    for at in 0..signed.len() {
        let verified = tokens.verify::<String>(&signed[..at]);
        assert_eq!(verified, Err(TokenError::Invalid), "{at}");
    }
}
