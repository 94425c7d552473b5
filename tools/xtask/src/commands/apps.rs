//! `cargo xtask apps`: every generated app compiles, passes clippy and its own tests, and runs.

use anyhow::Result;

use crate::process;
use crate::workspace::cargo;

/// Runs the tests of generated apps, with those that `cargo xtask test` leaves out.
pub(crate) fn run() -> Result<()> {
    let mut test = cargo();
    test.args(["test", "--package", "cargo-phx", "--test", "generated_apps"]);
    process::run(test.args(["--", "--include-ignored"]))
}
