//! Types of Rust's in tokens and out of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    user_id: u64,
    name: Option<String>,
    role: Role,
    scores: Vec<i32>,
    place: (f64, f64),
    unit: (),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Role {
    Guest,
    Member(u8),
    Admin { of: String, since: i64 },
    Pair(bool, char),
}

fn user(role: Role) -> User {
    User {
        user_id: u64::MAX,
        name: None,
        role,
        scores: vec![-1, 1, 256],
        place: (0.5, -1e300),
        unit: (),
    }
}

fn round_trip<T: Serialize + DeserializeOwned>(data: &T) -> T {
    let token = tokens().sign(data).unwrap();
    tokens().verify(&*token).unwrap()
}

/// Returns `data` as the token holds it.
fn term<T: Serialize + ?Sized>(data: &T) -> Term {
    let token = tokens().sign(data).unwrap();
    let valid = tokens().verified(Some(&token), SystemTime::now());
    valid.unwrap().data
}

/// Reads `term` as if it came in a token.
fn read<T: DeserializeOwned>(term: &Term) -> Result<T, TokenError> {
    term::decode(&term::encode(term).unwrap())?.into_data()
}

fn atom(name: &str) -> Term {
    Term::Atom(name.to_owned())
}

#[test]
fn types_come_back_as_they_went() {
    let roles = [
        Role::Guest,
        Role::Member(7),
        Role::Admin {
            of: "everything".into(),
            since: -5,
        },
        Role::Pair(true, 'č'),
    ];
    for role in roles {
        assert_eq!(round_trip(&user(role.clone())), user(role));
    }
    let map = BTreeMap::from([(-3i8, "x".to_owned()), (200u8 as i8, "y".to_owned())]);
    assert_eq!(round_trip(&map), map);
    for extreme in [i128::MIN, i128::MAX, i64::MIN.into(), u64::MAX.into(), 0] {
        assert_eq!(round_trip(&extreme), extreme);
    }
    let value = json!({"a": [1, 2.5, "x", null, true, {"b": []}], "": 256});
    assert_eq!(round_trip::<Value>(&value), value);
    let long = vec![255u8; 60_000];
    assert_eq!(round_trip(&long), long);
}

#[test]
fn data_has_elixirs_forms() {
    assert_eq!(term(&None::<u8>), atom("nil"));
    assert_eq!(term(&true), atom("true"));
    assert_eq!(
        term(&("user", 7)),
        Term::Tuple(vec![Term::Binary("user".into()), Term::Integer(7)])
    );
    assert_eq!(term(&Role::Guest), Term::Binary("Guest".into()));
}

#[test]
fn a_maps_order_does_not_matter() {
    #[derive(Serialize)]
    struct Unordered {
        user_id: u8,
        role: u8,
        rol: u8,
    }
    let one = Unordered {
        user_id: 1,
        role: 2,
        rol: 3,
    };
    let other = BTreeMap::from([("rol", 3), ("role", 2), ("user_id", 1)]);
    assert_eq!(
        tokens().sign_at(&one, SystemTime::UNIX_EPOCH),
        tokens().sign_at(&other, SystemTime::UNIX_EPOCH)
    );
}

#[test]
fn atoms_are_read_as_strings_and_keys() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct FromElixir {
        user_id: u64,
        role: String,
        nick: Option<String>,
        kind: Role,
    }
    let map = Term::Map(vec![
        (atom("user_id"), Term::Integer(7)),
        (atom("role"), atom("admin")),
        (atom("nick"), atom("nil")),
        (atom("kind"), atom("Guest")),
    ]);
    let expected = FromElixir {
        user_id: 7,
        role: "admin".into(),
        nick: None,
        kind: Role::Guest,
    };
    assert_eq!(read::<FromElixir>(&map).unwrap(), expected);
    assert!(read::<String>(&atom("nil")).is_err());
    assert!(read::<String>(&atom("true")).is_err());
}

#[test]
fn data_of_another_type_is_an_error_that_says_so() {
    let token = tokens().sign(&7).unwrap();
    let Err(TokenError::Data(reason)) = tokens().verify::<String>(&*token) else {
        panic!("an integer is no string");
    };
    assert!(reason.contains("expected a string"), "{reason}");
    let two = Term::Map(vec![
        (Term::Binary("Guest".into()), atom("nil")),
        (Term::Binary("Member".into()), Term::Integer(1)),
    ]);
    assert!(matches!(read::<Role>(&two), Err(TokenError::Data(_))));
    let long = Term::List(vec![Term::Integer(1); 3]);
    assert!(matches!(read::<(u8, u8)>(&long), Err(TokenError::Data(_))));
    let text = Term::Binary(vec![0xff]);
    assert!(matches!(read::<String>(&text), Err(TokenError::Data(_))));
}

#[test]
fn what_has_no_form_is_an_error() {
    for float in [f64::NAN, f64::INFINITY] {
        assert!(matches!(tokens().sign(&float), Err(SignError::Data(_))));
    }
    assert!(matches!(tokens().sign(&u128::MAX), Err(SignError::Data(_))));
    #[derive(Serialize)]
    struct Twice {
        #[serde(flatten)]
        map: BTreeMap<String, u8>,
        id: u8,
    }
    let map = BTreeMap::from([("id".to_owned(), 1)]);
    let twice = tokens().sign(&Twice { map, id: 2 });
    assert!(matches!(twice, Err(SignError::Data(_))));
}

#[test]
fn data_over_the_limits_is_not_signed() {
    let fits = "x".repeat(64 * 1024 - 100);
    assert_eq!(round_trip(&fits), fits);
    let too_long = "x".repeat(64 * 1024);
    assert_eq!(tokens().sign(&too_long), Err(SignError::TooLong));
    assert_eq!(tokens().encrypt(&too_long), Err(SignError::TooLong));

    let nested = |levels| (0..levels).fold(json!("x"), |value, _| json!([value]));
    // The claims around the data are a level of their own.
    assert_eq!(round_trip::<Value>(&nested(63)), nested(63));
    assert_eq!(tokens().sign(&nested(64)), Err(SignError::TooDeep));
}
