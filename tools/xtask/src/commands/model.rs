//! `cargo xtask model`: the search for lost wake-ups, by a scheduler that tries one order of events
//! after another.

use anyhow::Result;

use crate::{process, workspace::cargo};

/// Has the transport of presence-channels use the scheduler's locks, and runs its model. It has a
/// target folder of its own, because every dependency is built with that flag.
pub(crate) fn run() -> Result<()> {
    let mut test = cargo();
    test.args(["test", "--package", "presence-channels", "--lib"]);
    test.args(["--target-dir", "target/model", "transport::model"]);
    test.env("RUSTFLAGS", "--cfg shuttle");
    process::run(&mut test)
}
