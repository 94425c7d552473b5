//! Compares texts with files of the repository.
//!
//! If a difference is intended, `SNAPSHOTS=overwrite` writes the files anew instead:
//! `SNAPSHOTS=overwrite cargo test --package cargo-phx`.

use std::fs;
use std::path::Path;

use snapbox::Data;
use snapbox::assert::DEFAULT_ACTION_ENV;
use snapbox::data::DataFormat;
use walkdir::WalkDir;

/// Compares `actual` with the text of the file at `path`.
#[track_caller]
pub(crate) fn assert_snapshot(path: &Path, actual: String) {
    assert!(!actual.contains('\r'), "{}: \\r", path.display());
    // Raw: the file has no patterns, and `...` in it means just that.
    let expected = Data::read_from(path, Some(DataFormat::Text)).raw();
    snapbox::Assert::new()
        .action_env(DEFAULT_ACTION_ENV)
        .eq(actual, expected);
}

/// Returns the paths and the texts of all files below a folder. What builds and installations leave
/// there is not included.
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
