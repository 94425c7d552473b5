//! The end-to-end tests of `tools/e2e/`: real clients against real servers.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::apps::Apps;
use crate::{chromium, npm, process, workspace};

/// Runs npm's phoenix in Node against both example apps.
pub(super) fn node() -> Result<()> {
    npm::ci(&folder())?;
    let apps = Apps::build()?;
    let (hello, conformance) = (apps.start_hello()?, apps.start_conformance()?);
    let mut tests = node_test(test_files("node")?);
    tests
        .env("HELLO_URL", hello.url())
        .env("HELLO_BIN", &apps.hello)
        .env("CONFORMANCE_URL", conformance.url());
    process::run(&mut tests)
        .inspect_err(|_| println!("{}{}", hello.log_tail(), conformance.log_tail()))
}

/// Runs phoenix.js in Chromium. The tests start the hello app themselves, because they also stop
/// it.
pub(super) fn browser() -> Result<()> {
    npm::ci(&folder())?;
    let chromium = chromium::find_or_install()?;
    let apps = Apps::build()?;
    apps.install_phoenix()?;
    let conformance = apps.start_conformance()?;
    let mut tests = node_test(test_files("browser")?);
    tests
        .env("CHROMIUM", chromium)
        .env("CONFORMANCE_URL", conformance.url())
        .env("HELLO_BIN", &apps.hello);
    tests.env(
        "HELLO_ASSETS",
        workspace::root().join("examples/hello/assets"),
    );
    process::run(&mut tests)
}

/// Runs the test of the guide's three tabs against a running app.
pub(super) fn three_tabs(url: &str) -> Result<()> {
    npm::ci(&folder())?;
    let mut tests = node_test(vec![folder().join("browser/presence.test.mjs")]);
    tests
        .env("CHROMIUM", chromium::find_or_install()?)
        .env("HELLO_URL", url);
    process::run(&mut tests)
}

fn folder() -> PathBuf {
    workspace::root().join("tools/e2e")
}

/// Returns the command `node --test` for these files. It runs one file at a time: on a small
/// machine, two at once would exceed their timeouts.
fn node_test(files: Vec<PathBuf>) -> Command {
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
        .args(files);
    command
        .env("SCREENSHOTS", workspace::scratch("screenshots"))
        .current_dir(folder());
    command
}

/// Returns the test files in a folder. Node 20 takes no patterns, and newer versions no folders.
fn test_files(name: &str) -> Result<Vec<PathBuf>> {
    let folder = folder().join(name);
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_tests_of_both_kinds() {
        assert!(!test_files("node").unwrap().is_empty());
        assert!(!test_files("browser").unwrap().is_empty());
    }
}
