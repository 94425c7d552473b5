//! `cargo xtask features`: the libraries compile with each feature alone.

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::{self, cargo};

const LIBRARIES: [&str; 2] = ["presence-core", "presence-channels"];

/// The features that `cargo xtask test` checks: the empty one for no feature, and one engine.
const IN_TEST: [&str; 2] = ["", "nats"];

/// Compiles both libraries without features and with each alone, warnings denied.
pub(crate) fn run() -> Result<()> {
    let members = workspace::members()?;
    for name in LIBRARIES {
        let library = members.iter().find(|member| member.name == name);
        let library = library.with_context(|| format!("there is no package {name}"))?;
        alone(name, "")?;
        for feature in &library.features {
            alone(name, feature)?;
        }
    }
    Ok(())
}

/// Runs the part that belongs to `cargo xtask test`.
pub(crate) fn in_test() -> Result<()> {
    IN_TEST
        .iter()
        .try_for_each(|feature| alone(LIBRARIES[0], feature))?;
    // The server that an app has by default: with the feature `http2`, all others test the other.
    let mut hostile = cargo();
    hostile.args(["test", "--package", LIBRARIES[1], "--test", "hostile", "--"]);
    hostile.args(["half_requests", "slow_downloads"]);
    process::run(&mut hostile)
}

/// Lints a library with no feature but this one; an empty name is no feature.
fn alone(package: &str, feature: &str) -> Result<()> {
    let mut clippy = cargo();
    clippy.args(["clippy", "--package", package, "--no-default-features"]);
    clippy.args(["--features", feature, "--", "-D", "warnings"]);
    process::run(&mut clippy)
}
