use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn of(query: &str) -> Params {
    Params::from_query(query).unwrap()
}

/// The tree of the parameters.
fn tree(query: &str) -> Value {
    of(query).parse().unwrap()
}

#[test]
fn what_is_secret_is_not_shown() {
    let params = of("user=ann&token=t1&user%5Bpassword%5D=p1&token=t2");
    let shown = r#"{"user": "ann", "token": "[FILTERED]", "user[password]": "[FILTERED]", "token": "[FILTERED]"}"#;
    assert_eq!(format!("{params:?}"), format!("Params({shown})"));
}

#[test]
fn parameters_are_decoded_and_the_last_of_a_name_wins() {
    let params = of("name=%C5%BDof%C3%ADe+K&vsn=1&vsn=2.0.0&empty=&&bare");
    assert_eq!(params.get("name"), Some("Žofíe K"));
    assert_eq!(params.get("vsn"), Some("2.0.0"));
    assert_eq!(params.get("empty"), Some(""));
    assert_eq!(params.get("bare"), Some(""));
    assert_eq!(params.get(""), None);
    assert_eq!(params.get("other"), None);
}

#[test]
fn parameters_can_have_types() {
    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Query {
        id: u32,
        admin: Option<bool>,
        role: Option<Role>,
        #[serde(default)]
        weights: Vec<f64>,
        #[serde(default)]
        rooms: BTreeMap<String, i8>,
    }
    #[derive(serde::Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Role {
        Guest,
    }
    let parse = |query: &str| of(query).parse::<Query>();
    let query = parse("id=7&vsn=2.0.0&admin=true&role=guest&weights[]=1.5&weights[]=2&rooms[a]=-1");
    let expected = Query {
        id: 7,
        admin: Some(true),
        role: Some(Role::Guest),
        weights: vec![1.5, 2.0],
        rooms: [("a".to_owned(), -1)].into(),
    };
    assert_eq!(query.unwrap(), expected);
    for malformed in [
        "id=x",
        "",
        "id[]=7",
        "id[a]=7",
        "id=7&role=none",
        "id=7&weights=1",
    ] {
        assert!(parse(malformed).is_err(), "{malformed}");
    }
}

#[test]
fn nested_parameters_are_those_of_plug() {
    for (query, expected) in [
        (
            "a[b]=1&a[c][d]=2",
            json!({"a": {"b": "1", "c": {"d": "2"}}}),
        ),
        ("a[]=1&a[]=2", json!({"a": ["1", "2"]})),
        ("a[][b]=1&a[][c]=2", json!({"a": [{"b": "1"}, {"c": "2"}]})),
        ("a%5Bb%5D=%5B", json!({"a": {"b": "["}})),
        ("a=1&a[b]=2", json!({"a": {"b": "2"}})),
        ("a[b]=2&a=1", json!({"a": "1"})),
        ("a[]=2&a[b]=1", json!({"a": {"b": "1"}})),
        (
            "a]=1&b[=2&[c]=3",
            json!({"a": "1", "b[": "2", "": {"c": "3"}}),
        ),
    ] {
        assert_eq!(tree(query), expected, "{query}");
    }
}

#[test]
fn the_arrays_of_phoenix_js_are_lists() {
    let tags = |query: &str| {
        #[derive(serde::Deserialize)]
        struct Tags {
            tags: Vec<u8>,
        }
        of(query).parse::<Tags>().map(|query| query.tags)
    };
    let many: Vec<_> = (0..12).map(|item| format!("tags[{item}]={item}")).collect();
    let items: Vec<u8> = (0..12).collect();
    assert_eq!(tags(&many.join("&")).unwrap(), items);
    assert_eq!(tags("tags[1]=8&tags[0]=7").unwrap(), [7, 8]);
    assert_eq!(tags("tags[]=7&tags[]=8").unwrap(), [7, 8]);
    for gap in [
        "tags[1]=7",
        "tags[0]=7&tags[2]=8",
        "tags[00]=7",
        "tags[a]=7",
    ] {
        tags(gap).unwrap_err();
    }
    assert_eq!(tree("tags[0]=7"), json!({ "tags": { "0": "7" } }));
}

#[test]
fn a_query_that_is_not_text_is_refused() {
    for (query, error) in [
        ("user_id=%ff", BadQuery::NotUtf8),
        ("user_id=%C3", BadQuery::NotUtf8),
        ("%ff=1", BadQuery::NotUtf8),
        ("user_id=%ed%a0%80", BadQuery::NotUtf8),
        ("a=%", BadQuery::Escape),
        ("a=%4", BadQuery::Escape),
        ("a=%zz", BadQuery::Escape),
        ("a=%+1", BadQuery::Escape),
    ] {
        assert_eq!(Params::from_query(query).err(), Some(error), "{query}");
    }
    let nested = |depth: usize| format!("a{}=1", "[b]".repeat(depth));
    assert!(of(&nested(31)).parse::<Value>().is_ok());
    assert_eq!(
        Params::from_query(&nested(32)).err(),
        Some(BadQuery::TooDeep)
    );
}

#[test]
fn a_parameter_of_the_path_replaces_that_of_the_query() {
    let params = of("tenant=evil&tenant[a]=evil&user=ann").with_path([("tenant", "acme")]);
    assert_eq!(params.get("tenant"), Some("acme"));
    assert_eq!(params.get("user"), Some("ann"));
    let all: Value = params.parse().unwrap();
    assert_eq!(all, json!({"tenant": "acme", "user": "ann"}));
}

#[test]
fn a_csrf_token_is_the_sessions() {
    assert!(of("_csrf_token=secret").has_csrf_token("secret"));
    for query in [
        "",
        "_csrf_token=",
        "_csrf_token=other",
        "_csrf_token=secrets",
    ] {
        assert!(!of(query).has_csrf_token("secret"), "{query}");
    }
    // A session without a token: no page can show the right one.
    assert!(!of("_csrf_token=").has_csrf_token(""));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a browser encodes comes back.
    #[test]
    fn what_is_encoded_is_decoded(pairs in prop::collection::vec((".{0,8}", ".{0,8}"), 0..5)) {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&pairs)
            .finish();
        let params = of(&query);
        let decoded: Vec<_> = params.iter().collect();
        let expected: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        prop_assert_eq!(decoded, expected);
    }

    /// No query panics, in any type.
    #[test]
    fn any_query_is_read_or_refused(query in "[a\\[\\]=&%+2f]{0,40}") {
        if let Ok(params) = Params::from_query(&query) {
            prop_assert!(params.parse::<Value>().is_ok());
            let _ = params.parse::<BTreeMap<String, Vec<u8>>>();
        }
    }
}
