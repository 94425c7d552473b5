//! Finds Node and npm, and installs npm packages.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{process, workspace};

/// The oldest Node that the tests are written for.
const OLDEST_NODE: (u32, u32) = (20, 11);

const HOW_TO_GET: &str = "hint: install Node.js 20.11 or newer with npm, from https://nodejs.org \
                          or your system's packages (Debian: apt-get install nodejs npm)";

/// Returns an error that names what is missing, unless Node and npm are installed.
pub(crate) fn expect_installed() -> Result<()> {
    let node = version_of("node")?;
    if numbers(&node).is_none_or(|version| version < OLDEST_NODE) {
        bail!("node {node} is too old\n{HOW_TO_GET}");
    }
    version_of("npm")?;
    Ok(())
}

fn version_of(program: &str) -> Result<String> {
    match process::run_captured(Command::new(program).arg("--version")) {
        Ok(version) => Ok(version.trim().to_owned()),
        Err(error) if error.is::<process::Interrupted>() => Err(error),
        Err(error) => bail!("{program} does not run: {error:#}\n{HOW_TO_GET}"),
    }
}

/// Returns `(20, 11)` for `v20.11.2`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

/// Runs `npm ci` in `folder`, unless the packages of its lock file are installed.
pub(crate) fn ci(folder: &Path) -> Result<()> {
    expect_installed()?;
    if is_fresh(folder) {
        return Ok(());
    }
    println!("    npm ci in {}", shown(folder));
    process::run(
        Command::new("npm")
            .args(["ci", "--no-fund", "--no-audit"])
            .current_dir(folder),
    )
    .with_context(|| format!("cannot install the npm packages of {}", shown(folder)))
}

/// Returns whether the packages of the lock file are installed. npm writes its hidden lock file
/// last, so that file is newer than the lock file that npm has read.
fn is_fresh(folder: &Path) -> bool {
    let modified = |name: &str| fs::metadata(folder.join(name)).and_then(|file| file.modified());
    match (
        modified("package-lock.json"),
        modified("node_modules/.package-lock.json"),
    ) {
        (Ok(wanted), Ok(installed)) => installed >= wanted,
        _ => false,
    }
}

/// Installs the tested version of phoenix.js into an app's `assets` folder. Does not change its
/// package files.
pub(crate) fn install_phoenix(assets: &Path) -> Result<()> {
    expect_installed()?;
    let version = phoenix_version()?;
    if installed_phoenix(assets).as_deref() == Some(version.as_str()) {
        return Ok(());
    }
    println!("    phoenix.js {version} into {}", shown(assets));
    let mut install = Command::new("npm");
    install.args([
        "install",
        "--no-save",
        "--no-package-lock",
        "--no-fund",
        "--no-audit",
        "--loglevel=error",
    ]);
    install
        .arg("--prefix")
        .arg(assets)
        .arg(format!("phoenix@{version}"));
    process::run(&mut install).context("cannot install phoenix.js from npm")
}

/// Returns the version of phoenix.js that the tests pin.
fn phoenix_version() -> Result<String> {
    let path = workspace::root().join("tools/e2e/package.json");
    let version = json(&path)?["dependencies"]["phoenix"]
        .as_str()
        .map(str::to_owned);
    version.with_context(|| format!("{} names no version of phoenix", path.display()))
}

fn installed_phoenix(assets: &Path) -> Option<String> {
    let package = json(&assets.join("node_modules/phoenix/package.json")).ok()?;
    Some(package["version"].as_str()?.to_owned())
}

fn json(path: &Path) -> Result<Value> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn shown(folder: &Path) -> String {
    folder
        .strip_prefix(workspace::root())
        .unwrap_or(folder)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read() {
        assert_eq!(numbers("v20.11.2"), Some((20, 11)));
        assert!(
            numbers("v20.9.0").unwrap() < OLDEST_NODE && numbers("v100.0.0").unwrap() > OLDEST_NODE
        );
        assert_eq!(numbers("nonsense"), None);
    }

    #[test]
    fn the_tested_phoenix_is_an_exact_version() {
        let version = phoenix_version().unwrap();
        assert!(
            version.starts_with(|first: char| first.is_ascii_digit()),
            "{version}"
        );
    }

    #[test]
    fn packages_are_installed_anew_when_the_lock_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_fresh(folder.path()));
        fs::create_dir(folder.path().join("node_modules")).unwrap();
        let lock = fs::File::create(folder.path().join("package-lock.json")).unwrap();
        assert!(!is_fresh(folder.path()));
        fs::File::create(folder.path().join("node_modules/.package-lock.json")).unwrap();
        assert!(is_fresh(folder.path()));
        lock.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(60))
            .unwrap();
        assert!(!is_fresh(folder.path()));
    }
}
