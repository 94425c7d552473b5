//! Helpers for the tests of the removals.

use std::path::Path;

use crate::source::{Outcome, Source};

/// Returns the text that a removal leaves. Panics unless the removal finds something, and finds
/// nothing the second time.
#[track_caller]
pub(crate) fn removed(text: &str, remove: impl Fn(&Source) -> Outcome) -> String {
    let path = Path::new("src/test.rs");
    let Outcome::Edited(result) = remove(&Source::parse(path, text).expect("it parses")) else {
        panic!("nothing was removed from:\n{text}");
    };
    let again = Source::parse(path, &result).unwrap_or_else(|error| panic!("{error}:\n{result}"));
    assert_eq!(
        remove(&again),
        Outcome::Unchanged,
        "a second time:\n{result}"
    );
    result
}

/// Asserts that `remove` takes back what `insert` does to `text`.
#[track_caller]
pub(crate) fn undone(
    text: &str,
    insert: impl Fn(&Source) -> Outcome,
    remove: impl Fn(&Source) -> Outcome,
) {
    let path = Path::new("src/test.rs");
    let Outcome::Edited(inserted) = insert(&Source::parse(path, text).expect("it parses")) else {
        panic!("nothing was inserted into:\n{text}");
    };
    assert_eq!(removed(&inserted, remove), text, "after:\n{inserted}");
}
