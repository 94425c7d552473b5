//! The params of a test, written as phoenix.js writes them into the URL.

use serde::Serialize;
use serde_json::{Number, Value};

use crate::Params;

/// Returns the params as the server reads them from a URL of phoenix.js.
///
/// # Panics
/// If `params` is neither an object nor a list of pairs, or the server refuses such a URL.
#[track_caller]
pub(super) fn read(params: impl Serialize) -> Params {
    let value = serde_json::to_value(params);
    let value = value.unwrap_or_else(|error| panic!("the params have no JSON form: {error}"));
    let mut pairs = Vec::new();
    match &value {
        Value::Null => {}
        Value::Object(params) => params
            .iter()
            .for_each(|(name, value)| write(&mut pairs, name.clone(), value)),
        Value::Array(params) => params.iter().for_each(|pair| match pair.as_array() {
            Some(pair) if let [Value::String(name), value] = &**pair => {
                write(&mut pairs, name.clone(), value);
            }
            _ => panic!("the params are a list with an item that is not a pair: {pair}"),
        }),
        value => panic!("the params are neither an object nor a list of pairs: {value}"),
    }
    let query = serde_urlencoded::to_string(&pairs).expect("pairs of strings have such a form");
    Params::from_query(&query).unwrap_or_else(|error| panic!("the params are refused: {error}"))
}

/// Adds a parameter as phoenix.js's `Ajax.serialize` does. An array is an object whose names are
/// the indexes. Of `null` and of what is empty, nothing is written.
fn write(pairs: &mut Vec<(String, String)>, name: String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(value) => pairs.push((name, value.to_string())),
        Value::Number(value) => pairs.push((name, number(value))),
        Value::String(value) => pairs.push((name, value.clone())),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| write(pairs, format!("{name}[{index}]"), item)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(field, value)| write(pairs, format!("{name}[{field}]"), value)),
    }
}

/// Returns a number's text. JavaScript writes 7.0 as `7`.
fn number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    }
}
