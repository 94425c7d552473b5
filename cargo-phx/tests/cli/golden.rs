//! The files of a sandbox, and the golden files that they are compared with.
//!
//! `SNAPSHOTS=overwrite cargo test --package cargo-phx --test cli` writes the golden files anew.

use std::fs;
use std::path::Path;

use crate::sandbox::{Ran, Sandbox, checkout};
use crate::snapshot::{assert_snapshot, texts};

impl Sandbox {
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Returns the paths and the texts of all files, as they are on every machine.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let texts = texts(&self.root).into_iter();
        texts.map(|(path, text)| (path, portable(&text))).collect()
    }
}

impl Ran {
    /// Returns what a command that failed printed on standard error.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.code, 1, "{}{}", self.stdout, self.stderr);
        self.stderr
    }
}

/// The dependency of a generated app on the library, in golden files.
const LIBRARY: &str = r#"presence-channels = { path = "[checkout]/presence-channels" }"#;

/// Returns the text as it is on every machine, and in the packed crate.
fn portable(text: &str) -> String {
    // In the packed crate, the generator has no checkout, and writes the library's version.
    let version = concat!("presence-channels = \"", env!("CARGO_PKG_VERSION"), "\"");
    let with_features = concat!(
        "presence-channels = { version = \"",
        env!("CARGO_PKG_VERSION"),
        "\","
    );
    text.replace(&checkout().display().to_string(), "[checkout]")
        .replace(version, LIBRARY)
        .replace(with_features, &LIBRARY.replace(" }", ","))
}

/// Compares `actual` with `tests/golden/<name>`.
#[track_caller]
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    assert_snapshot(&folder.join(name), portable(actual));
}

/// Returns files as one text, for a golden file.
pub(crate) fn listing(files: &[(String, String)]) -> String {
    let texts = files
        .iter()
        .map(|(path, text)| format!("==== {path}\n{text}"));
    texts.collect::<Vec<_>>().join("\n")
}

/// Returns the files that are new or differ from `before`.
pub(crate) fn changed(
    before: &[(String, String)],
    after: Vec<(String, String)>,
) -> Vec<(String, String)> {
    after
        .into_iter()
        .filter(|file| !before.contains(file))
        .collect()
}
