//! What is in a sandbox, and the golden files that it is compared with.

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

use crate::sandbox::{Ran, Sandbox, checkout};

impl Sandbox {
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All files and their texts, by path. The checkout's place on this machine is left out.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let texts = texts(&self.root).into_iter();
        texts
            .map(|(path, text)| (path, without_checkout(&text)))
            .collect()
    }
}

impl Ran {
    /// What it said on standard error.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.code, 1, "{}{}", self.stdout, self.stderr);
        self.stderr
    }
}

/// The texts of all files below a folder, but what building and installing put there.
pub(crate) fn texts(root: &Path) -> Vec<(String, String)> {
    let skipped = ["node_modules", "target", "Cargo.lock", "package-lock.json"];
    WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !skipped.contains(&&*entry.file_name().to_string_lossy()))
        .map(|entry| entry.expect("the folder is readable"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(root).expect("it is below");
            let text = fs::read_to_string(entry.path()).expect("it is text");
            (path.display().to_string().replace('\\', "/"), text)
        })
        .collect()
}

/// The text without the checkout's place on this machine.
fn without_checkout(text: &str) -> String {
    text.replace(&checkout().display().to_string(), "[checkout]")
}

/// Whether golden files are to be rewritten instead of compared.
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// What to run when a golden file is outdated.
pub(crate) const HOW_TO_UPDATE: &str =
    "if that is intended, rewrite it: UPDATE_GOLDEN=1 cargo test --package cargo-phx";

/// Compares with `tests/golden/<name>`.
#[track_caller]
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let actual = without_checkout(actual);
    if updating() {
        fs::write(&path, actual).expect("the golden file is written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected != actual {
        let diff = similar::TextDiff::from_lines(&expected, &actual);
        let diff = diff.unified_diff().header("expected", "now").to_string();
        panic!("{} differs:\n{diff}\n{HOW_TO_UPDATE}", path.display());
    }
}

/// Files as one text, for a golden file.
pub(crate) fn listing(files: &[(String, String)]) -> String {
    let texts = files
        .iter()
        .map(|(path, text)| format!("==== {path}\n{text}"));
    texts.collect::<Vec<_>>().join("\n")
}

/// What an edit of a project changed: files that are new or other than before.
pub(crate) fn changed(
    before: &[(String, String)],
    after: Vec<(String, String)>,
) -> Vec<(String, String)> {
    after
        .into_iter()
        .filter(|file| !before.contains(file))
        .collect()
}
