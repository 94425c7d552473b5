use std::fmt;

use presence_core::pubsub::{IntoPayload, Payload};
use serde_json::Value;

/// An expected payload: one that includes this JSON, or is these bytes.
pub(super) struct ExpectedPayload(Result<Value, Payload>);

impl ExpectedPayload {
    pub(super) fn of(payload: impl IntoPayload) -> Self {
        let payload = payload
            .into_payload()
            .unwrap_or_else(|error| panic!("{error}"));
        Self(payload.value().map_err(|_| payload))
    }

    pub(super) fn json(&self) -> Option<&Value> {
        self.0.as_ref().ok()
    }

    pub(super) fn fits(&self, payload: &Payload) -> bool {
        match &self.0 {
            Ok(expected) => payload
                .value()
                .is_ok_and(|value| includes(&value, expected)),
            Err(expected) => payload == expected,
        }
    }
}

impl fmt::Display for ExpectedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(json) => json.fmt(f),
            Err(payload) => write!(f, "{payload:?}"),
        }
    }
}

/// Returns whether `value` has all that `pattern` asks for.
pub(super) fn includes(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => pattern
            .iter()
            .all(|(key, pattern)| value.get(key).is_some_and(|value| includes(value, pattern))),
        (Value::Array(value), Value::Array(pattern)) => {
            value.len() == pattern.len()
                && value
                    .iter()
                    .zip(pattern)
                    .all(|(value, pattern)| includes(value, pattern))
        }
        _ => value == pattern,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_include_objects_of_fewer_fields() {
        let value = json!({ "a": 1, "b": { "c": [{ "d": 2, "e": 3 }], "f": null } });
        for pattern in [
            json!({}),
            json!({ "a": 1 }),
            json!({ "b": { "c": [{ "d": 2 }] } }),
        ] {
            assert!(includes(&value, &pattern), "{pattern}");
        }
        for pattern in [
            json!({ "a": 2 }),
            json!({ "z": null }),
            json!({ "b": { "c": [] } }),
            json!({ "b": 1 }),
            json!([]),
        ] {
            assert!(!includes(&value, &pattern), "{pattern}");
        }
    }
}
