//! The order in which rustfmt (style edition 2024) sorts imports. An inserted import stands where
//! `cargo fmt` would put it.

use std::cmp::Ordering;

/// Compares two identifiers as rustfmt does: numbers by value, and `_` before letters and digits.
fn version(left: &str, right: &str) -> Ordering {
    let mut left_chunks = chunks(left);
    let mut right_chunks = chunks(right);
    loop {
        let order = match (left_chunks.next(), right_chunks.next()) {
            (None, None) => return left.cmp(right),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => compare_chunks(left, right),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Splits `text` into runs of digits, single `_`, and runs of other characters.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let same = |c: char| class(c) == class(first);
        let end = if first == '_' {
            1
        } else {
            rest.find(|c| !same(c)).unwrap_or(rest.len())
        };
        let (chunk, after) = rest.split_at(end);
        rest = after;
        Some(chunk)
    })
}

#[derive(PartialEq, Eq)]
enum Class {
    Underscore,
    Digit,
    Other,
}

fn class(c: char) -> Class {
    match c {
        '_' => Class::Underscore,
        '0'..='9' => Class::Digit,
        _ => Class::Other,
    }
}

fn compare_chunks(left: &str, right: &str) -> Ordering {
    let value = |chunk: &str| chunk.trim_start_matches('0').to_owned();
    let digits = |chunk: &str| chunk.starts_with(|c: char| c.is_ascii_digit());
    match (left == "_", right == "_") {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) if digits(left) && digits(right) => {
            let (left, right) = (value(left), value(right));
            left.len().cmp(&right.len()).then_with(|| left.cmp(&right))
        }
        (false, false) => left.cmp(right),
    }
}

/// Compares two segments of import paths: `self`, `super`, `crate`, then names, `*` and lists in
/// braces.
pub(crate) fn segment(left: &str, right: &str) -> Ordering {
    let rank = |segment: &str| match segment {
        "self" => 0,
        "super" => 1,
        "crate" => 2,
        "*" => 4,
        _ if segment.starts_with('{') => 5,
        _ => 3,
    };
    rank(left)
        .cmp(&rank(right))
        .then_with(|| version(left, right))
}

/// Compares two import paths, segment by segment. If one begins with the other, the shorter is
/// less.
pub(crate) fn path(left: &[String], right: &[String]) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| segment(left, right))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| left.len().cmp(&right.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::rustfmt;

    /// rustfmt is the oracle: it leaves imports alone that these functions have sorted.
    #[test]
    fn rustfmt_leaves_our_order_alone() {
        let mut paths: Vec<Vec<String>> = "crate::application::AppState crate::channels::room_channel::RoomChannel \
             super::user_socket::UserSocket crate::channels::room2_channel::Room2Channel \
             crate::channels::room10_channel::Room10Channel presence_channels::Tracker \
             presence_channels::testing presence_channels::MAX serde_json::json self::a::B \
             crate::channels super::room_channel::RoomChannel std::io presence_channels::Config \
             presence_channels::PubSub presence_channels::Endpoint presence_channels::no_reply \
             crate::x9::A crate::x10::A crate::x09::A crate::a_1::A crate::a1::A crate::* crate::AB crate::Ab"
            .split_whitespace()
            .map(|path| path.split("::").map(str::to_owned).collect())
            .collect();
        paths.sort_by(|left, right| path(left, right));
        let text: String = paths
            .iter()
            .map(|path| format!("use {};\n", path.join("::")))
            .collect();
        assert_eq!(rustfmt(&text), text);
    }
}
