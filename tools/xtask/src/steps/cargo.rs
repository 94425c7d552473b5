//! The checks that cargo itself makes. No step sets RUSTFLAGS, and all use the same features, so
//! that each step can use the builds of the others.

use anyhow::Result;

use crate::process;
use crate::workspace::cargo;

pub(super) fn fmt() -> Result<()> {
    process::run(cargo().args(["fmt", "--all", "--check"]))
}

pub(super) fn clippy() -> Result<()> {
    let mut command = cargo();
    command.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]);
    process::run(&mut command)
}

pub(super) fn doc() -> Result<()> {
    let mut command = cargo();
    command
        .args(["doc", "--workspace", "--no-deps", "--all-features"])
        .env("RUSTDOCFLAGS", "-D warnings");
    process::run(&mut command)
}

pub(super) fn test() -> Result<()> {
    process::run(cargo().args(["test", "--workspace", "--all-features", "--no-fail-fast"]))
}
