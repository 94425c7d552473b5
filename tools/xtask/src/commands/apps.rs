//! `cargo xtask apps`: every generated app compiles, passes clippy and its own tests, and runs.

use anyhow::Result;

use crate::workspace::{cargo, root};
use crate::{npm, process};

/// Runs the tests of generated apps, with those that `cargo xtask test` leaves out.
pub(crate) fn run() -> Result<()> {
    // phoenix.js joins the apps that can run.
    npm::ci(&root().join("tools/e2e"))?;
    let mut test = cargo();
    test.args(["test", "--package", "cargo-phx", "--test", "generated_apps"]);
    process::run(test.args(["--", "--include-ignored"]))
}
