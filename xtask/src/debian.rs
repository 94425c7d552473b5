//! Programs that Debian has, for steps that need them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// May packages be installed here? As root, on Debian and what is made from it.
pub(crate) fn can_install() -> bool {
    rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists()
}

/// Installs the package `name`.
pub(crate) fn install(name: &str) -> Result<()> {
    println!("    installing Debian's {name}");
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    process::run(apt().arg("update"))?;
    process::run_captured(apt().args(["install", "-y", "--no-install-recommends", name]))
        .map(drop)
        .with_context(|| format!("cannot install Debian's {name}"))
}
