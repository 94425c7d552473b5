//! Compares the JSON texts of refs as values.

use std::{collections::BTreeMap, fmt::Write};

use presence_core::strict_json;

/// The depth up to which values are compared. Deeper values are equal if their texts are.
const MAX_DEPTH: usize = 64;

/// Returns whether both texts are the same JSON value. As in Erlang, a whole number is not equal to
/// a number with a fraction or an exponent.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    // The refs of every known client, and the common case of two that differ.
    if is_plain(one) && is_plain(other) {
        return false;
    }
    match (canonical(one), canonical(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Returns whether no other text has this value: a string without escapes.
fn is_plain(json: &str) -> bool {
    json.starts_with('"') && !json.contains('\\')
}

/// Returns a text that all texts of the same value share.
fn canonical(json: &str) -> Option<String> {
    let mut text = String::new();
    write(&mut text, json, 0)?;
    Some(text)
}

fn write(out: &mut String, json: &str, depth: usize) -> Option<()> {
    if depth > MAX_DEPTH {
        return None;
    }
    match json.as_bytes().first()? {
        b'"' => {
            let text: String = serde_json::from_str(json).ok()?;
            out.push_str(&serde_json::to_string(&text).ok()?);
        }
        b'[' => {
            let mut elements = Vec::new();
            strict_json::array(json, |_, element| elements.push(element)).ok()?;
            out.push('[');
            for element in elements {
                write(out, element, depth + 1)?;
                out.push(',');
            }
            out.push(']');
        }
        b'{' => {
            // Sorted, and of several members of one name the last.
            let mut members = BTreeMap::new();
            let mut names_are_text = true;
            strict_json::object(json, |name, value| {
                match serde_json::from_str::<String>(name) {
                    Ok(name) => {
                        members.insert(name, value);
                    }
                    Err(_) => names_are_text = false,
                }
            })
            .ok()?;
            if !names_are_text {
                return None;
            }
            out.push('{');
            for (name, value) in members {
                out.push_str(&serde_json::to_string(&name).ok()?);
                out.push(':');
                write(out, value, depth + 1)?;
                out.push(',');
            }
            out.push('}');
        }
        b'-' | b'0'..=b'9' if json.contains(['.', 'e', 'E']) => {
            let number: f64 = json.parse().ok()?;
            // Adding zero makes no difference but for the sign of zero.
            write!(out, "{:e}", number + 0.0).ok()?;
        }
        _ if json == "-0" => out.push('0'),
        _ => out.push_str(json),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_value_are_the_same() {
        for (one, other) in [
            (r#""1\u017e""#, "\"1ž\""),
            (r#""\/a""#, r#""/a""#),
            (r#"{"b":[1, 2],"a":"x"}"#, r#"{ "a":"\u0078","b":[1,2] }"#),
            (r#"{"a":1,"a":2}"#, r#"{"\u0061":2}"#),
            ("1.0", "1.00"),
            ("1e2", "100.0"),
            ("0.0", "-0.0"),
            ("0", "-0"),
            ("[ ]", "[]"),
            ("{ }", "{}"),
        ] {
            assert!(is_same(one, other) && is_same(other, one), "{one} {other}");
        }
    }

    #[test]
    fn other_values_differ() {
        for (one, other) in [
            ("\"1\"", "\"2\""),
            ("\"1\"", "1"),
            ("1", "1.0"),
            ("9007199254740993", "9007199254740992"),
            ("1.5", "1.6"),
            ("true", "false"),
            ("true", "\"true\""),
            ("[]", "{}"),
            ("[1,2]", "[2,1]"),
            ("[[1],2]", "[1,[2]]"),
            ("{\"a\":1}", "{\"b\":1}"),
            ("{\"a\":1}", "{\"a\":1,\"b\":null}"),
            (r#""\u0031""#, "\"2\""),
        ] {
            assert!(
                !is_same(one, other) && !is_same(other, one),
                "{one} {other}"
            );
        }
    }

    #[test]
    fn a_deep_value_does_not_exhaust_the_stack() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(!is_same(&deep, &format!("{deep} ")));
    }
}
