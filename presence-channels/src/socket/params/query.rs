//! Decodes a URL's query, as Plug does.

use super::tree;

/// A query that is not decoded. A value that were decoded with loss could make two users one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadQuery {
    #[error("an escape of the query is malformed")]
    Escape,
    #[error("the query is not UTF-8")]
    NotUtf8,
    #[error(
        "a parameter of the query is nested too deep: over {} names",
        tree::MAX_DEPTH
    )]
    TooDeep,
}

/// Returns the names and values of a query, in its order. A name without a `=` has an empty value.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, BadQuery> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let pairs = parts.map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = decode(name)?;
        match tree::is_too_deep(&name) {
            true => Err(BadQuery::TooDeep),
            false => Ok((name, decode(value)?)),
        }
    });
    pairs.collect()
}

fn decode(text: &str) -> Result<String, BadQuery> {
    // Most texts have no escape.
    if !text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return Ok(text.to_owned());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = bytes.next().zip(bytes.next());
                let digits = digits.and_then(|(high, low)| Some((hex(high)?, hex(low)?)));
                let (high, low) = digits.ok_or(BadQuery::Escape)?;
                high << 4 | low
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| BadQuery::NotUtf8)
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    Some(digit as u8)
}
