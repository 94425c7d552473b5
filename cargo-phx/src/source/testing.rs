//! Helpers for the tests of the edits.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Outcome, Source};

/// Returns `text` as `cargo fmt` would leave it.
pub(crate) fn rustfmt(text: &str) -> String {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "skip_children=true"])
        .args(["--emit", "stdout", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("rustfmt is installed");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(text.as_bytes()).expect("rustfmt reads");
    drop(stdin);
    let output = child.wait_with_output().expect("rustfmt ends");
    let formatted = String::from_utf8(output.stdout).expect("rustfmt prints UTF-8");
    assert!(
        !formatted.is_empty(),
        "rustfmt refuses:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    formatted
}

/// Returns the edited text. Panics unless the edit finds its place, keeps rustfmt's format, and
/// does nothing the second time.
#[track_caller]
pub(crate) fn edited(text: &str, edit: impl Fn(&Source) -> Outcome) -> String {
    let path = Path::new("src/test.rs");
    let Outcome::Edited(result) = edit(&Source::parse(path, text).expect("it parses")) else {
        panic!("nothing was edited in:\n{text}");
    };
    let again = Source::parse(path, &result).unwrap_or_else(|error| panic!("{error}:\n{result}"));
    assert_eq!(edit(&again), Outcome::Unchanged, "a second time:\n{result}");
    if rustfmt(text) == text {
        assert_eq!(rustfmt(&result), result, "it was formatted before");
    }
    result
}

/// Returns the outcome of an edit of `text`.
#[track_caller]
pub(crate) fn outcome(text: &str, edit: impl Fn(&Source) -> Outcome) -> Outcome {
    edit(&Source::parse(Path::new("src/test.rs"), text).expect("it parses"))
}
