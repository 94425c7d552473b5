//! Finds the browser for the browser tests.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::debian;

/// The names of the browser on the search path.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// Returns the browser's executable: the one that `CHROMIUM` names, otherwise an installed one.
/// Otherwise, as root on Debian, installs the system's package.
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
    if !debian::can_install() {
        bail!(
            "the browser tests need Chromium, which is not installed\n\
             hint: install it (Debian: apt-get install chromium), \
             or name a Chrome or Chromium: CHROMIUM=<path> cargo xtask test"
        );
    }
    debian::install("chromium")
        .context("cannot install Debian's chromium; install it by hand, or set CHROMIUM=<path>")?;
    on_search_path().context("Debian's chromium is installed, but is not on the search path")
}

fn on_search_path() -> Option<PathBuf> {
    NAMES.into_iter().find_map(debian::on_search_path)
}
