use std::fmt;

use presence_core::pubsub::Payload;

use super::FilterParameters;

/// The most bytes that are shown of a payload, or of an error of the app.
const MOST_SHOWN: usize = 2048;
/// The most bytes that are shown of one value that a stranger chose.
const MOST_OF_A_STRANGER: usize = 200;

/// A value that a stranger chose, as it is logged: shortened.
pub(crate) struct Cut<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Cut<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        cut(f, &text, MOST_OF_A_STRANGER)
    }
}

impl<T: fmt::Display> fmt::Debug for Cut<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

/// The text of an app's error or panic, as it is logged: shortened, but not as a stranger's value.
/// The text may be all that a developer learns of the failure.
pub(crate) struct CutError<'a>(pub(crate) &'a str);

impl fmt::Display for CutError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(f, self.0, MOST_SHOWN)
    }
}

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
                cut(f, &value.to_string(), MOST_SHOWN)
            }
            // JSON that cannot be parsed into a tree, as when it is nested too deep. Its secrets
            // cannot be found.
            Err(_) => write!(f, "{} bytes of JSON", payload.bytes().len()),
        }
    }
}

/// Writes `text`, or its first bytes and the number of those left out.
pub(crate) fn cut(f: &mut fmt::Formatter<'_>, text: &str, most: usize) -> fmt::Result {
    let end = text.floor_char_boundary(most);
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
    fn an_error_of_the_app_is_cut_where_a_payload_is() {
        let long = "x".repeat(60_000);
        let error = CutError(&long).to_string();
        assert!(error.ends_with("x... and 57952 bytes more"), "{error}");
        assert_eq!(error.matches('x').count(), MOST_SHOWN);
        assert_eq!(
            CutError(&long[..MOST_SHOWN]).to_string(),
            long[..MOST_SHOWN]
        );
    }

    #[test]
    fn a_strangers_value_is_cut() {
        let long = "x".repeat(60_000);
        let cut = Cut(&long).to_string();
        assert!(cut.ends_with("... and 59800 bytes more"), "{cut}");
    }
}
