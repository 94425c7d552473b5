//! `cargo xtask model`: the search for lost wake-ups, and for other faulty orders of events, by a
//! scheduler that tries one order after another.

use anyhow::Result;

use crate::{process, workspace::cargo};

/// The packages with models, and the modules that these stand in.
const MODELS: [(&str, &str); 3] = [
    ("presence-core", "node::model"),
    ("presence-core", "tracker::model"),
    ("presence-channels", "outgoing::model"),
];

/// The flag of a build that uses the scheduler's locks.
pub(super) const FLAG: &str = "--cfg shuttle";

/// Has a node, its tracker and the queues of outgoing frames use the scheduler's locks, and runs
/// their models. They have a target folder of their own, because every dependency is built with
/// that flag.
pub(crate) fn run() -> Result<()> {
    for (package, module) in MODELS {
        let mut test = cargo();
        test.args(["test", "--package", package, "--lib"]);
        test.args(["--target-dir", "target/model", module]);
        test.env("RUSTFLAGS", FLAG);
        process::run(&mut test)?;
    }
    Ok(())
}
