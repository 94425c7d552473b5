//! A check that every strict parser reads a JSON text.
//!
//! A text that one client sends is copied into the frames of others, whose parsers may be stricter
//! than the parser of this node. The check accepts the grammar of RFC 8259, and no more. It also
//! rejects two texts that fit the grammar: an escape of half a surrogate pair, which is no Unicode
//! character, and a number too large for a double. Both end the parsers of most languages.
//!
//! One pass checks a text. It allocates nothing up to a depth of 64, does not recurse, and looks at
//! the value of an escape or a number only where the text has one that could be wrong. The depth of
//! a text has no limit of its own.

mod cursor;
mod string;
#[cfg(test)]
mod tests;

use cursor::Cursor;

/// A text is not JSON that every strict parser reads. The error has a position, and no part of the
/// text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at byte {at}")]
pub struct InvalidJson {
    /// The position of the fault, in bytes from the start of the text.
    pub at: usize,
    /// The kind of the fault.
    pub fault: Fault,
}

/// The reason for which a text is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The text does not fit the grammar of JSON.
    #[error("not JSON")]
    Syntax,
    /// A string has an escape of half a surrogate pair.
    #[error("half a surrogate pair")]
    Surrogate,
    /// A number is too large for a double.
    #[error("a number out of range")]
    Number,
    /// The text is JSON, and not of the expected type.
    #[error("another type of JSON value than expected")]
    Type,
}

/// Checks that `text` is one JSON value.
///
/// # Errors
/// [`InvalidJson`] with the first fault.
///
/// # Examples
/// ```
/// use presence_core::strict_json::check;
///
/// assert!(check(r#"{"body": "hi \ud83d\ude00", "n": 1e300}"#).is_ok());
/// assert!(check(r#"{"body": "hi \ud83d"}"#).is_err());
/// assert!(check(r#"{"n": 1e999}"#).is_err());
/// ```
pub fn check(text: &str) -> Result<(), InvalidJson> {
    let mut cursor = Cursor::new(text);
    cursor.value()?;
    cursor.end()
}

/// Checks that `text` is an array. Calls `element` with the number and the text of each element.
///
/// # Errors
/// [`InvalidJson`] with the first fault. `element` has then been called for the elements before it.
///
/// # Examples
/// ```
/// use presence_core::strict_json::array;
///
/// let mut elements = Vec::new();
/// array(r#"[null, {"a": 1}]"#, |_, element| elements.push(element))?;
/// assert_eq!(elements, ["null", r#"{"a": 1}"#]);
/// # Ok::<(), presence_core::strict_json::InvalidJson>(())
/// ```
pub fn array<'a>(
    text: &'a str,
    mut element: impl FnMut(usize, &'a str),
) -> Result<(), InvalidJson> {
    let mut cursor = Cursor::new(text);
    cursor.open(b'[')?;
    if !cursor.closes(b']') {
        for number in 0.. {
            element(number, cursor.value()?);
            if !cursor.continues(b']')? {
                break;
            }
        }
    }
    cursor.end()
}

/// Checks that `text` is an object. Calls `member` with the name and the value of each member, in
/// the order of the text. The name is the text of a string: it has quotes, and may have escapes.
/// A name may occur more than once.
///
/// # Errors
/// [`InvalidJson`] with the first fault. `member` has then been called for the members before it.
///
/// # Examples
/// ```
/// use presence_core::strict_json::object;
///
/// let mut names = Vec::new();
/// object(r#"{"a": 1, "\u0062": 2}"#, |name, _| names.push(name))?;
/// assert_eq!(names, [r#""a""#, r#""\u0062""#]);
/// # Ok::<(), presence_core::strict_json::InvalidJson>(())
/// ```
pub fn object<'a>(
    text: &'a str,
    mut member: impl FnMut(&'a str, &'a str),
) -> Result<(), InvalidJson> {
    let mut cursor = Cursor::new(text);
    cursor.open(b'{')?;
    if !cursor.closes(b'}') {
        loop {
            let name = cursor.name()?;
            member(name, cursor.value()?);
            if !cursor.continues(b'}')? {
                break;
            }
        }
    }
    cursor.end()
}
