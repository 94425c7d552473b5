//! The cluster engines, as far as `cargo test` does not try them: by themselves, and with real
//! servers.

use anyhow::{Context, Result};

use crate::debian;
use crate::process;
use crate::workspace::cargo;

/// The features, each of which a user may turn on alone; none is the default.
const ALONE: [&str; 4] = ["", "nats", "redis", "zenoh"];
/// What the tests start, by the names of Debian's packages.
const SERVERS: [&str; 2] = ["nats-server", "redis-server"];

pub(super) fn run() -> Result<()> {
    for feature in ALONE {
        let mut clippy = cargo();
        clippy.args([
            "clippy",
            "--package",
            "presence-core",
            "--features",
            feature,
        ]);
        process::run(clippy.args(["--", "-D", "warnings"]))?;
    }
    let mut folders = Vec::new();
    for server in SERVERS {
        let path = debian::find_or_install(server)
            .context("the tests of the cluster engines need a server of each")?;
        folders.extend(path.parent().map(ToOwned::to_owned));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&path).chain(folders))?;
    // With the whole workspace, and so with the same features as the step that has built it.
    let mut test = cargo();
    test.args([
        "test",
        "--workspace",
        "--all-features",
        "--test",
        "adapters",
    ]);
    test.args(["--", "--include-ignored"]).env("PATH", path);
    process::run(&mut test)
}
