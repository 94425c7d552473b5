//! The tests of the cluster engines that need a real server.

use anyhow::{Context, Result};

use crate::debian;
use crate::process;
use crate::workspace::cargo;

/// The programs that the tests start. Debian's packages have the same names.
const SERVERS: [&str; 2] = ["nats-server", "redis-server"];

pub(super) fn run() -> Result<()> {
    let mut folders = Vec::new();
    for server in SERVERS {
        let path = debian::find_or_install(server)
            .context("the tests of the cluster engines need nats-server and redis-server")?;
        folders.extend(path.parent().map(ToOwned::to_owned));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&path).chain(folders))?;
    // Names the whole workspace, to use the builds of the other steps with the same features.
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
