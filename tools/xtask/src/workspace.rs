//! Where things stand in the checkout, and cargo run in it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The checkout's root.
pub(crate) fn root() -> &'static Path {
    // xtask never leaves the checkout that it was built from, in which it stands in `tools/xtask`.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
}

/// Logs, screenshots and scaffolded apps go below this folder, whatever CARGO_TARGET_DIR says: the
/// workspace excludes it, so that an app in it is a project of its own.
pub(crate) fn scratch(name: &str) -> PathBuf {
    root().join("target").join(name)
}

/// `cargo`, in the checkout's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(cargo_program());
    command.current_dir(root());
    // `cargo xtask` tells xtask its own name and version, and build scripts that look at these
    // (ring's) would run anew at each change between `cargo` and `cargo xtask`, and with them all
    // that stands on them.
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with("CARGO_PKG_")) {
        command.env_remove(name);
    }
    command
}

fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = metadata()?;
    let path = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target directory")?;
    Ok(path.into())
}

/// Folders of the workspace's members, relative to the root.
pub(crate) fn members() -> Result<Vec<PathBuf>> {
    let metadata = metadata()?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata names no packages")?;
    let folder = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some(manifest.parent()?.strip_prefix(root()).ok()?.to_path_buf())
    };
    packages
        .iter()
        .map(|package| {
            folder(package).context("cargo metadata names a package outside the checkout")
        })
        .collect()
}

fn metadata() -> Result<Value> {
    let json =
        process::run_captured(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&json).context("cargo metadata is not JSON")
}

/// Runs a `cargo build` and returns the executables it made, wherever the user's configuration puts
/// them.
pub(crate) fn executables(build: &mut Command) -> Result<Vec<PathBuf>> {
    let messages = process::run_captured(build.arg("--message-format=json-render-diagnostics"))?;
    Ok(executables_in(&messages))
}

fn executables_in(messages: &str) -> Vec<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect()
}

/// Builds these binary packages of the workspace, in one go, and returns their executables in the
/// same order.
pub(crate) fn build(packages: &[&str]) -> Result<Vec<PathBuf>> {
    let mut command = cargo();
    command.arg("build");
    for package in packages {
        command.args(["--package", package]);
    }
    let built = executables(&mut command)?;
    packages
        .iter()
        .map(|name| {
            let executable = built
                .iter()
                .find(|path| path.file_stem().is_some_and(|stem| stem == *name));
            executable
                .cloned()
                .with_context(|| format!("package {name} made no executable of its name"))
        })
        .collect()
}

/// Builds `examples/cluster` and what tests it; returns the executables of both.
///
/// By building tests of theirs, of which they are a part, with the features of the whole workspace:
/// so the engines, which take minutes, are those that the workspace's tests have built.
pub(crate) fn build_cluster(release: bool) -> Result<[PathBuf; 2]> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--all-features", "--no-run"]);
    command.args(["--test", "settings", "--test", "arguments"]);
    if release {
        command.arg("--release");
    }
    let built = executables(&mut command)?;
    let executable = |name: &str| {
        let found = built
            .iter()
            .find(|path| path.file_stem().is_some_and(|stem| stem == name));
        found
            .cloned()
            .with_context(|| format!("cargo built no {name}"))
    };
    Ok([executable("cluster")?, executable("cluster-test")?])
}

/// Lets cargo in a scaffolded app use what the workspace has built: its target directory, its
/// profile, its versions.
pub(crate) fn share_builds(command: &mut Command, app: &Path) -> Result<()> {
    command
        .env("CARGO_TARGET_DIR", target_directory()?)
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    let lock = app.join("Cargo.lock");
    if !lock.exists() {
        fs::copy(root().join("Cargo.lock"), &lock)
            .with_context(|| format!("cannot write {}", lock.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargo_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","executable":"/t/debug/hello"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executables_in(messages), [PathBuf::from("/t/debug/hello")]);
    }

    #[test]
    fn xtask_is_a_member() {
        assert!(members().unwrap().contains(&PathBuf::from("tools/xtask")));
        assert!(root().join("Cargo.toml").is_file());
    }
}
