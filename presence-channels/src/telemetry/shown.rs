use std::fmt;

use presence_core::pubsub::Payload;

use super::{FilterParameters, filter::FILTERED};
use crate::Params;

/// The most bytes of a payload that are shown.
const MOST_SHOWN: usize = 2048;

/// A payload as it is logged: filtered and shortened.
pub(crate) struct Shown<'a>(pub(crate) &'a FilterParameters, pub(crate) &'a Payload);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(filter, payload) = self;
        if let Payload::Binary(bytes) = payload {
            return write!(f, "{} bytes", bytes.len());
        }
        match payload.value() {
            Ok(mut value) => {
                filter.apply(&mut value);
                cut(f, &value.to_string())
            }
            // JSON that cannot be parsed into a tree, as when it is nested too deep. Its secrets
            // cannot be found.
            Err(_) => write!(f, "{} bytes of JSON", payload.bytes().len()),
        }
    }
}

/// A connection's parameters as they are logged.
pub(crate) struct ShownParams<'a>(pub(crate) &'a FilterParameters, pub(crate) &'a Params);

impl fmt::Display for ShownParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(f, &format!("{self:?}"))
    }
}

impl fmt::Debug for ShownParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(filter, params) = self;
        // `user[password]` contains it, too.
        let shown = params.iter().map(|(name, value)| match filter.shows(name) {
            true => (name, value),
            false => (name, FILTERED),
        });
        f.debug_map().entries(shown).finish()
    }
}

/// A text that a client may have made long, as it is logged.
pub(crate) struct Cut<'a>(pub(crate) &'a str);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(f, self.0)
    }
}

fn cut(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let end = text.floor_char_boundary(MOST_SHOWN);
    f.write_str(&text[..end])?;
    match text.len() - end {
        0 => Ok(()),
        more => write!(f, "... and {more} bytes more"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(payload: &Payload) -> String {
        Shown(&FilterParameters::default(), payload).to_string()
    }

    #[test]
    fn a_payload_is_shown_filtered() {
        let payload = Payload::encode(&json!({ "a": [{ "token": "t" }] })).unwrap();
        assert_eq!(shown(&payload), r#"{"a":[{"token":"[FILTERED]"}]}"#);
        assert_eq!(shown(&Payload::Binary("secret".into())), "6 bytes");
        let deep = "[".repeat(500) + r#"{"token":"t"}"# + &"]".repeat(500);
        assert_eq!(shown(&Payload::Json(deep.into())), "1013 bytes of JSON");
    }

    #[test]
    fn a_long_payload_is_cut_at_a_character() {
        let payload = Payload::encode(&"\u{e9}".repeat(2000)).unwrap();
        let shown = shown(&payload);
        assert!(shown.len() < 2100, "{}", shown.len());
        assert!(shown.ends_with("... and 1955 bytes more"), "{shown}");
    }

    #[test]
    fn parameters_are_shown_filtered() {
        let filter = FilterParameters::default();
        let params = Params::from_query("user=ann&user%5Bpassword%5D=x&vsn=2.0.0");
        assert_eq!(
            ShownParams(&filter, &params).to_string(),
            r#"{"user": "ann", "user[password]": "[FILTERED]", "vsn": "2.0.0"}"#
        );
    }
}
