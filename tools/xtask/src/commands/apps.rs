//! `cargo xtask apps`: every generated app compiles, passes clippy and its own tests, and runs. So
//! does the app of loco that the book shows.

use anyhow::Result;

use crate::workspace::{cargo, root};
use crate::{chromium, npm, process};

/// Runs the tests of generated apps, with those that `cargo xtask test` leaves out.
pub(crate) fn run() -> Result<()> {
    // phoenix.js joins the apps that can run, and Chromium opens the page of one.
    npm::ci(&root().join("tools/e2e"))?;
    let mut test = cargo();
    test.args(["test", "--package", "cargo-phx", "--test", "generated_apps"]);
    test.env("CHROMIUM", chromium::find_or_install()?);
    process::run(test.args(["--", "--include-ignored"]))?;
    // A workspace of its own, with its own builds.
    let mut loco = cargo();
    loco.current_dir(root().join("tools/loco-app"))
        .env("CARGO_TARGET_DIR", root().join("target/loco"));
    process::run(loco.args(["test", "--locked"]))
}
