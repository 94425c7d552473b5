//! The browser of the browser tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Names it goes by on the search path.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// The browser's executable: `CHROMIUM` says which, else one that is installed, else, as root on Debian, the
/// system's package is installed.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        if !path.is_file() {
            bail!("CHROMIUM names {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    if let Some(path) = on_search_path() {
        return Ok(path);
    }
    if !(rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists()) {
        bail!(
            "the browser tests need Chromium, and none is installed\n\
             hint: install it (Debian: apt-get install chromium), or name a Chrome or Chromium: CHROMIUM=<path> \
             cargo xtask test"
        );
    }
    println!("    installing Debian's chromium");
    install()
        .context("cannot install Debian's chromium; install it by hand, or set CHROMIUM=<path>")?;
    on_search_path().context(
        "Debian's chromium is installed, yet no program of that name is on the search path",
    )
}

fn on_search_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    NAMES.iter().find_map(|name| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    })
}

fn install() -> Result<()> {
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    process::run(apt().arg("update"))?;
    process::run_captured(apt().args(["install", "-y", "--no-install-recommends", "chromium"]))
        .map(drop)
}
