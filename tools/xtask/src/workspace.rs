//! The places of things in the checkout, and cargo in it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Artifact, Message, Metadata, MetadataCommand, Package, Target};

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

/// A package of the workspace.
pub(crate) struct Member {
    pub(crate) name: String,
    /// Relative to the root.
    pub(crate) folder: PathBuf,
    pub(crate) has_library: bool,
    /// The names of its programs.
    pub(crate) binaries: Vec<String>,
    pub(crate) features: Vec<String>,
}

/// Returns the packages of the workspace.
pub(crate) fn members() -> Result<Vec<Member>> {
    metadata()?.packages.iter().map(member).collect()
}

/// Returns the packages of the workspace, as cargo describes them.
pub(crate) fn packages() -> Result<Vec<Package>> {
    Ok(metadata()?.packages)
}

fn member(package: &Package) -> Result<Member> {
    let folder = folder(package.manifest_path.as_std_path())
        .with_context(|| format!("{} is not in the checkout", package.name))?;
    let binaries = package.targets.iter().filter(|target| target.is_bin());
    Ok(Member {
        name: package.name.to_string(),
        folder,
        has_library: package.targets.iter().any(Target::is_lib),
        binaries: binaries.map(|target| target.name.clone()).collect(),
        features: package.features.keys().cloned().collect(),
    })
}

/// Returns the folder of a manifest relative to the root, or `None` if it is not in the checkout.
fn folder(manifest: &Path) -> Option<PathBuf> {
    Some(manifest.parent()?.strip_prefix(root()).ok()?.to_path_buf())
}

fn metadata() -> Result<Metadata> {
    let json =
        process::run_captured(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    MetadataCommand::parse(json).context("cannot read what cargo metadata prints")
}

/// Runs a `cargo build`, and returns the executables that it makes, in whichever folder the user
/// has configured.
pub(crate) fn executables(build: &mut Command) -> Result<Vec<PathBuf>> {
    let built = built(build)?;
    Ok(built.into_iter().map(|built| built.executable).collect())
}

/// An executable, and the package of the workspace that it belongs to.
pub(crate) struct Built {
    pub(crate) executable: PathBuf,
    /// Relative to the root; empty if the package is not in the checkout.
    pub(crate) folder: PathBuf,
}

/// Runs a `cargo build`, and returns the executables that it makes with their packages.
pub(crate) fn built(build: &mut Command) -> Result<Vec<Built>> {
    let messages = process::run_captured(build.arg("--message-format=json-render-diagnostics"))?;
    built_in(&messages)
}

fn built_in(messages: &str) -> Result<Vec<Built>> {
    let mut built = Vec::new();
    for message in Message::parse_stream(messages.as_bytes()) {
        let Message::CompilerArtifact(Artifact {
            executable: Some(executable),
            manifest_path,
            ..
        }) = message?
        else {
            continue;
        };
        built.push(Built {
            executable: executable.into_std_path_buf(),
            folder: folder(manifest_path.as_std_path()).unwrap_or_default(),
        });
    }
    Ok(built)
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
    // As the workspace's manifest has it, unless the caller's environment says otherwise.
    let debug = std::env::var_os("CARGO_PROFILE_DEV_DEBUG");
    let debug = debug.unwrap_or_else(|| "line-tables-only".into());
    command
        .env("CARGO_TARGET_DIR", target_directory()?)
        .env("CARGO_PROFILE_DEV_DEBUG", debug);
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
        let built = built_in(&messages.join("\n")).unwrap();
        let executables: Vec<_> = built.iter().map(|built| &built.executable).collect();
        assert_eq!(executables, [Path::new("/t/debug/hello")]);
    }

    #[test]
    fn xtask_is_a_member() {
        let members = members().unwrap();
        let xtask = members
            .iter()
            .find(|member| member.name == "xtask")
            .unwrap();
        assert_eq!(xtask.folder, Path::new("tools/xtask"));
        assert_eq!(xtask.binaries, ["xtask"]);
        assert!(root().join("Cargo.toml").is_file());
    }
}
