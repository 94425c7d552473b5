use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

/// Returns the fault of a text.
fn fault(text: &str) -> Option<Fault> {
    check(text).err().map(|error| error.fault)
}

#[test]
fn the_grammar_is_rfc_8259s() {
    for json in [
        "null",
        " true\t",
        "\r\nfalse\n",
        "0",
        "-0",
        "-0.0",
        "10.50",
        "1e5",
        "1E+5",
        "2.5e-3",
        "\"\"",
        "\"\u{7f}\u{2028}žluť ☃ 🎉\"",
        r#""\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00""#,
        "[]",
        "[ ]",
        "[1,[2,{}],{\"a\":[]}]",
        "{}",
        "{ \"a\" : { \"b\" : null } , \"a\" : 2 }",
    ] {
        assert_eq!(fault(json), None, "{json:?}");
    }
    for other in [
        "",
        " ",
        "nul",
        "nulls",
        "True",
        "01",
        "-",
        "-a",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "1 2",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\0\"",
        "'a'",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[}",
        "]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:1}",
        "{]",
        "[1]]",
        "{}}",
        "\u{feff}1",
        "/* */1",
        "\u{a0}1",
    ] {
        assert_eq!(fault(other), Some(Fault::Syntax), "{other:?}");
    }
}

#[test]
fn half_a_surrogate_pair_is_rejected_wherever_a_string_stands() {
    let halves = [
        r"\ud83d",
        r"\uD83D",
        r"\ude00",
        r"\ude00\ud83d",
        r"\ud83d\ud83d\ude00",
        r"\ud83dA",
        r"\ud83d\u0041",
        r"\ud83d\n",
        r"\udbff",
        r"\udfff",
    ];
    for half in halves {
        for text in [
            format!("\"{half}\""),
            format!("\"a{half}b\""),
            format!("{{\"{half}\":1}}"),
            format!("[[{{\"a\":\"{half}\"}}]]"),
        ] {
            assert_eq!(fault(&text), Some(Fault::Surrogate), "{text}");
        }
    }
    for whole in [
        r"\ud800\udc00",
        r"\uDBFF\uDFFF",
        r"\\ud83d",
        r"\ud7ff",
        r"\ue000",
    ] {
        assert_eq!(fault(&format!("\"{whole}\"")), None, "{whole}");
    }
}

#[test]
fn a_number_must_fit_a_double() {
    let nines = |count| "9".repeat(count);
    for fits in [
        "1e308".to_owned(),
        "-1.7976931348623157e308".to_owned(),
        "1e-999".to_owned(),
        "0e999".to_owned(),
        "-0.0e99999999999999999999".to_owned(),
        nines(308),
        format!("1{}", "0".repeat(308)),
        format!("0.{}", nines(400)),
        format!("{}e-200", nines(400)),
    ] {
        assert_eq!(fault(&fits), None, "{fits}");
    }
    for too_large in [
        "1e309".to_owned(),
        "-1E+999".to_owned(),
        "1.8e308".to_owned(),
        "1e99999999999999999999".to_owned(),
        nines(309),
        format!("-{}", nines(5000)),
        format!("{}.5", nines(309)),
        format!("{}e10", nines(300)),
    ] {
        let text = format!("{{\"n\":[{too_large}]}}");
        let error = check(&text).unwrap_err();
        assert_eq!((error.fault, error.at), (Fault::Number, 6), "{too_large}");
    }
}

#[test]
fn any_depth_is_checked_without_recursion() {
    for depth in [63, 64, 65, 128, 129, 100_000] {
        let arrays = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(fault(&arrays), None, "{depth}");
        assert_eq!(fault(&arrays[1..]), Some(Fault::Syntax), "{depth}");
        let objects = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert_eq!(fault(&objects), None, "{depth}");
        let mixed = format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth));
        assert_eq!(fault(&mixed), None, "{depth}");
        let crossed = format!("{}1{}", "[{\"a\":".repeat(depth), "]}".repeat(depth));
        assert_eq!(fault(&crossed), Some(Fault::Syntax), "{depth}");
    }
}

#[test]
fn elements_and_members_are_parts_of_the_text() {
    let mut elements = Vec::new();
    array(" [ 1 , [2] ,\"\" ] ", |number, text| {
        elements.push((number, text));
    })
    .unwrap();
    assert_eq!(elements, [(0, "1"), (1, "[2]"), (2, "\"\"")]);
    let mut members = Vec::new();
    object("{\"a\": {} ,\"a\":null}", |name, value| {
        members.push((name, value));
    })
    .unwrap();
    assert_eq!(members, [("\"a\"", "{}"), ("\"a\"", "null")]);
    array("[]", |_, _| panic!("an element")).unwrap();
    object("{ }", |_, _| panic!("a member")).unwrap();

    let of_array = |text| array(text, |_, _| ()).map_err(|error| error.fault);
    assert_eq!(of_array("{}"), Err(Fault::Type));
    assert_eq!(of_array("[1]x"), Err(Fault::Syntax));
    assert_eq!(of_array("[1,]"), Err(Fault::Syntax));
    assert_eq!(of_array("x"), Err(Fault::Syntax));
    let of_object = |text| object(text, |_, _| ()).map_err(|error| error.fault);
    assert_eq!(of_object("[]"), Err(Fault::Type));
    assert_eq!(of_object("{\"a\":1,}"), Err(Fault::Syntax));
    assert_eq!(of_object("{\"a\":\"\\ud800\"}"), Err(Fault::Surrogate));
}

/// Texts that are JSON, or almost.
fn almost_json() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\\", "\\u", "\\u0041", "\\ud83d",
        "\\ude00", "\\n", "null", "true", "0", "1", "-", ".", "e", "E+", "309", "1e309", "12.5",
        " ", "\n", "\t", "\u{1}", "é", "🎉", "abcdefgh", "/",
    ]);
    let soup = prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat());
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<f64>().prop_map(|number| serde_json::to_string(&number).unwrap()),
        any::<i64>().prop_map(|number| number.to_string()),
        "(\\PC|\\\\u00e9|\\\\ud83d\\\\ude00|\\\\n){0,12}"
            .prop_map(|text| { format!("\"{}\"", text.replace('"', "")) }),
    ];
    let tree = leaf.prop_recursive(6, 40, 4, |inner| {
        let elements = prop::collection::vec(inner.clone(), 0..4);
        let members = prop::collection::vec(inner, 0..4);
        prop_oneof![
            elements.prop_map(|elements| format!("[{}]", elements.join(" ,"))),
            members.prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|value| format!("\"k\": {value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    prop_oneof![soup, tree]
}

proptest! {
    /// `serde_json` checks the grammar of raw values, and unescapes and converts all others.
    #[test]
    fn the_verdict_is_that_of_another_parser(text in almost_json()) {
        let is_grammar = serde_json::from_str::<&RawValue>(&text).is_ok();
        let is_value = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        match fault(&text) {
            None => prop_assert!(is_value, "{text:?}"),
            Some(Fault::Syntax) => prop_assert!(!is_grammar || !is_value, "{text:?}"),
            Some(_) => prop_assert!(!is_value, "{text:?}"),
        }
    }

    /// Also where they are far away: at each place in the parts that are looked at as a whole.
    #[test]
    fn special_bytes_are_found_one_by_one(
        plain in 0..300usize,
        bytes in prop::collection::vec(
            prop_oneof![Just(b'"'), Just(b'\\'), 0..=255u8, Just(b'a')], 0..40),
        from in 0..40usize,
    ) {
        let bytes = [vec![b'a'; plain], bytes].concat();
        let from = from.min(bytes.len());
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
        let expected = bytes[from..].iter().position(special);
        prop_assert_eq!(
            string::next_special(&bytes, from),
            expected.map_or(bytes.len(), |found| from + found)
        );
    }
}
