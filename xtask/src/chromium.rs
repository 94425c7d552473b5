//! The browser of the browser tests.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::debian;

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
    if !debian::can_install() {
        bail!(
            "the browser tests need Chromium, and none is installed\n\
             hint: install it (Debian: apt-get install chromium), or name a Chrome or Chromium: CHROMIUM=<path> \
             cargo xtask test"
        );
    }
    debian::install("chromium").context("install it by hand, or set CHROMIUM=<path>")?;
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
