//! A filter for logged parameters: Phoenix's `filter_parameters`.

use std::collections::BTreeSet;

use serde_json::Value;

/// The text that a log shows instead of a value.
pub(crate) const FILTERED: &str = "[FILTERED]";

/// A filter for the parameters of connections and payloads that are not logged. Their values are
/// shown as `[FILTERED]`. For [`Config::filter_parameters`](crate::Config::filter_parameters).
///
/// By default the filter hides parameters whose names contain `password` or `token`, at any depth.
/// Unlike in Phoenix, names are compared without regard to case: `authToken` is a token.
///
/// ```
/// use presence_channels::{Config, telemetry::FilterParameters};
///
/// let filter = FilterParameters::discard(["password", "token", "iban"]);
/// let config = Config::default().filter_parameters(filter);
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterParameters(Filter);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    /// The parts of names, in lower case.
    Discard(Vec<String>),
    Keep(BTreeSet<String>),
}

impl Default for FilterParameters {
    fn default() -> Self {
        Self::discard(["password", "token"])
    }
}

impl FilterParameters {
    /// Hides the values of parameters whose names contain one of `parts`. This replaces the
    /// default, so name `password` and `token` too.
    #[must_use]
    pub fn discard<P: Into<String>>(parts: impl IntoIterator<Item = P>) -> Self {
        let parts = parts
            .into_iter()
            .map(|part| part.into().to_ascii_lowercase());
        Self(Filter::Discard(parts.collect()))
    }

    /// Shows the values of the parameters of these `names`, with all that is in them, and hides all
    /// others.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::telemetry::FilterParameters;
    ///
    /// let filter = FilterParameters::keep(["room", "vsn"]);
    /// # let _ = filter;
    /// ```
    #[must_use]
    pub fn keep<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(Filter::Keep(names.into_iter().map(Into::into).collect()))
    }

    /// Returns whether the value of the parameter `name` may be shown.
    pub(crate) fn shows(&self, name: &str) -> bool {
        match &self.0 {
            Filter::Discard(parts) => {
                let name = name.to_ascii_lowercase();
                !parts.iter().any(|part| name.contains(part.as_str()))
            }
            Filter::Keep(names) => names.contains(name),
        }
    }

    /// Hides in `value` what must not be shown.
    pub(super) fn apply(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (&self.0, self.shows(name)) {
                        (Filter::Discard(_), false) => *value = FILTERED.into(),
                        (Filter::Keep(_), true) => {}
                        _ => self.apply(value),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.apply(value)),
            // A value that stands under no name that is kept.
            _ if matches!(self.0, Filter::Keep(_)) => *value = FILTERED.into(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filtered(filter: &FilterParameters, mut value: Value) -> Value {
        filter.apply(&mut value);
        value
    }

    #[test]
    fn passwords_and_tokens_are_hidden_by_default_however_deep() {
        let default = FilterParameters::default();
        let value = json!({
            "name": "ann",
            "password": "hunter2",
            "user": { "new_password_again": ["hunter2"], "authToken": { "a": 1 }, "age": 7 },
            "list": [{ "TOKEN": 7 }, "token", 7],
        });
        let shown = json!({
            "name": "ann",
            "password": "[FILTERED]",
            "user": { "new_password_again": "[FILTERED]", "authToken": "[FILTERED]", "age": 7 },
            "list": [{ "TOKEN": "[FILTERED]" }, "token", 7],
        });
        assert_eq!(filtered(&default, value), shown);
        assert_eq!(filtered(&default, json!("x")), json!("x"));
    }

    #[test]
    fn a_list_of_ones_own_replaces_the_default() {
        let filter = FilterParameters::discard(["Iban"]);
        let value = json!({ "my_iban": 1, "password": 2 });
        let shown = json!({ "my_iban": "[FILTERED]", "password": 2 });
        assert_eq!(filtered(&filter, value), shown);
    }

    #[test]
    fn only_what_is_kept_is_shown() {
        let filter = FilterParameters::keep(["id", "order"]);
        let value = json!({
            "id": 1,
            "name": "ann",
            "order": { "password": 2 },
            "user": { "id": 3, "names": ["a", { "id": 4 }], "none": null },
        });
        let shown = json!({
            "id": 1,
            "name": "[FILTERED]",
            "order": { "password": 2 },
            "user": { "id": 3, "names": ["[FILTERED]", { "id": 4 }], "none": "[FILTERED]" },
        });
        assert_eq!(filtered(&filter, value), shown);
        assert_eq!(filtered(&filter, json!("x")), json!("[FILTERED]"));
    }
}
