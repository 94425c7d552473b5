//! `cargo deny check`: the licences, sources, duplicates and advisories of the dependencies.
//! `deny.toml` says which are allowed.

use std::process::Command;

use anyhow::Result;

use crate::installed::Program;
use crate::{process, workspace};

const CARGO_DENY: Program = Program {
    name: "cargo-deny",
    version: "0.20.2",
    purpose: "which checks licences, duplicates and advisories",
};

pub(super) fn run() -> Result<()> {
    let program = CARGO_DENY.find_or_install()?;
    let deny = || {
        let mut command = Command::new(&program);
        command.current_dir(workspace::root());
        command
    };
    process::run(deny().args(["check", "licenses", "bans", "sources"]))?;
    let (fetched, _) = process::run_captured_any(deny().args(["fetch", "db"]))?;
    if !fetched.success() {
        println!(
            "    SKIPPED: `cargo deny check advisories`, because the database of advisories \
             cannot be fetched from https://github.com/RustSec/advisory-db"
        );
        return Ok(());
    }
    process::run(deny().args(["check", "--disable-fetch", "advisories"]))
}
