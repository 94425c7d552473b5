use std::fmt;

use super::Params;
use crate::telemetry::{Cut, FILTERED, FilterParameters, cut};

/// The most bytes that are shown of all parameters of a connection.
const MOST_OF_PARAMS: usize = 1024;

/// A connection's parameters as they are logged.
pub(crate) struct ShownParams<'a>(pub(crate) &'a FilterParameters, pub(crate) &'a Params);

impl fmt::Display for ShownParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(f, &format!("{self:?}"), MOST_OF_PARAMS)
    }
}

impl fmt::Debug for ShownParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(filter, params) = self;
        // `user[password]` contains it, too.
        let shown = params.iter().map(|(name, value)| match filter.shows(name) {
            true => (Cut(name), Cut(value)),
            false => (Cut(name), Cut(FILTERED)),
        });
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_shown_filtered() {
        let filter = FilterParameters::default();
        let params = Params::from_query("user=ann&user%5Bpassword%5D=x&vsn=2.0.0").unwrap();
        assert_eq!(
            ShownParams(&filter, &params).to_string(),
            r#"{"user": "ann", "user[password]": "[FILTERED]", "vsn": "2.0.0"}"#
        );
    }

    #[test]
    fn a_strangers_parameters_are_cut_each_and_together() {
        let long = "x".repeat(60_000);
        let query = format!("{long}={long}&user=ann&{}", "a=b&".repeat(10_000));
        let params = Params::from_query(&query).unwrap();
        let shown = ShownParams(&FilterParameters::default(), &params).to_string();
        assert!(shown.len() < 1100, "{}", shown.len());
        assert!(shown.contains(r#""user": "ann""#), "{shown}");
    }
}
