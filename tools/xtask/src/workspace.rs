//! The places of things in the checkout, and cargo in it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Message, Metadata, MetadataCommand, Package};

use crate::process;

/// Returns the checkout's root.
pub(crate) fn root() -> &'static Path {
    // xtask stays in the checkout that it was built from, in the folder `tools/xtask`.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
}

/// Returns a folder for logs, screenshots or scaffolded apps.
///
/// It is in `target` even if `CARGO_TARGET_DIR` is another folder: the workspace excludes `target`,
/// so an app in it is a separate project.
pub(crate) fn scratch(name: &str) -> PathBuf {
    root().join("target").join(name)
}

/// Returns `cargo`, to be run in the checkout's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(cargo_program());
    command.current_dir(root());
    // `cargo xtask` sets these variables to xtask's name and version. The build script of `ring`
    // reads them, so `ring` and its dependents would be rebuilt at each change between `cargo` and
    // `cargo xtask`.
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with("CARGO_PKG_")) {
        command.env_remove(name);
    }
    command
}

fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Returns the folder in which cargo builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    Ok(metadata()?.target_directory.into_std_path_buf())
}

/// Returns the folders of the workspace's members, relative to the root.
pub(crate) fn members() -> Result<Vec<PathBuf>> {
    let folder = |package: &Package| {
        let manifest = package.manifest_path.as_std_path();
        Some(manifest.parent()?.strip_prefix(root()).ok()?.to_path_buf())
    };
    let metadata = metadata()?;
    let packages = metadata.packages.iter();
    packages
        .map(|package| {
            folder(package).with_context(|| format!("{} is not in the checkout", package.name))
        })
        .collect()
}

fn metadata() -> Result<Metadata> {
    let json =
        process::run_captured(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    MetadataCommand::parse(json).context("cannot read what cargo metadata prints")
}

/// Runs a `cargo build`, and returns the executables that it makes, in whichever folder the user
/// has configured.
pub(crate) fn executables(build: &mut Command) -> Result<Vec<PathBuf>> {
    let messages = process::run_captured(build.arg("--message-format=json-render-diagnostics"))?;
    executables_in(&messages)
}

fn executables_in(messages: &str) -> Result<Vec<PathBuf>> {
    let mut executables = Vec::new();
    for message in Message::parse_stream(messages.as_bytes()) {
        if let Message::CompilerArtifact(artifact) = message? {
            executables.extend(artifact.executable.map(|path| path.into_std_path_buf()));
        }
    }
    Ok(executables)
}

/// Builds these binary packages of the workspace at once, and returns their executables in the
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

/// Builds `examples/cluster` and `tools/cluster-test`, and returns their executables.
///
/// It builds a test of each package, with the features of the whole workspace. Thus cargo reuses
/// the engines that the workspace's tests have built, which would take minutes.
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

/// Makes cargo in a scaffolded app reuse what the workspace has built: the same target folder, the
/// same profile, the same versions.
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
        let artifact = r#"{"reason":"compiler-artifact","package_id":"path+file:///hello#0.1.0",
            "manifest_path":"/hello/Cargo.toml","target":{"kind":["bin"],"crate_types":["bin"],
            "name":"hello","src_path":"/hello/src/main.rs","edition":"2024","doc":true,
            "doctest":false,"test":true},"profile":{"opt_level":"0","debuginfo":0,
            "debug_assertions":true,"overflow_checks":true,"test":false},"features":[],
            "filenames":[],"executable":EXECUTABLE,"fresh":true}"#
            .replace('\n', " ");
        let messages = [
            &artifact.replace("EXECUTABLE", "null"),
            "not json",
            &artifact.replace("EXECUTABLE", r#""/t/debug/hello""#),
            r#"{"reason":"build-finished","success":true}"#,
        ];
        let executables = executables_in(&messages.join("\n")).unwrap();
        assert_eq!(executables, [PathBuf::from("/t/debug/hello")]);
    }

    #[test]
    fn xtask_is_a_member() {
        assert!(members().unwrap().contains(&PathBuf::from("tools/xtask")));
        assert!(root().join("Cargo.toml").is_file());
    }
}
