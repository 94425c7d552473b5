//! `cargo xtask check`: the fast part of `cargo xtask test`, for the time between two edits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::steps::Step;
use crate::workspace::{self, Built, Member, cargo};

/// The arguments of `cargo xtask check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Test the packages that differ from this commit. By default from the branch's upstream, or
    /// from the last commit if the branch has no upstream
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
}

/// Checks format, tidiness and lints of the workspace, and runs the unit tests of each package in
/// which a file has changed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let members = workspace::members()?;
    let changed = changed(&changed_files(args.since.as_deref())?, &members);
    Step::Fmt.run()?;
    Step::Tidy.run()?;
    Step::Clippy.run()?;
    if changed.is_empty() {
        println!("    no package has changed, so no unit test runs");
        return Ok(());
    }
    let names = changed.iter().map(|member| &*member.name);
    println!("    unit tests of {}", Vec::from_iter(names).join(", "));
    for test in unit_tests(&changed)? {
        let folder = workspace::root().join(&test.folder);
        process::run(Command::new(&test.executable).current_dir(folder))?;
    }
    Ok(())
}

/// Builds the unit tests of `packages` with the features of the whole workspace, so that this
/// command and `cargo test` share their builds.
fn unit_tests(packages: &[&Member]) -> Result<Vec<Built>> {
    let mut build = cargo();
    build.args(["test", "--workspace", "--all-features", "--no-run"]);
    if packages.iter().any(|package| package.has_library) {
        build.arg("--lib");
    }
    for binary in packages.iter().flat_map(|package| &package.binaries) {
        build.args(["--bin", binary]);
    }
    let mut tests = workspace::built(&mut build)?;
    tests.retain(|test| packages.iter().any(|package| package.folder == test.folder));
    Ok(tests)
}

/// Returns the paths of the files that differ from `since`, and of those that git does not know.
fn changed_files(since: Option<&str>) -> Result<Vec<PathBuf>> {
    let since = match since {
        Some(commit) => commit.to_owned(),
        None => git(&["merge-base", "HEAD", "@{upstream}"]).unwrap_or_else(|_| "HEAD".to_owned()),
    };
    let since = since.trim();
    let differ = git(&["diff", "--name-only", "-z", since])
        .with_context(|| format!("cannot compare the files with commit {since}"))?;
    let unknown = git(&["ls-files", "-z", "--others", "--exclude-standard"])?;
    let paths = differ.split('\0').chain(unknown.split('\0'));
    Ok(paths
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect())
}

fn git(args: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    // `ls-files` lists what is below the current folder.
    git.args(args).current_dir(workspace::root());
    process::run_captured(git.stderr(std::process::Stdio::null()))
}

/// Returns the packages that hold a changed file. A manifest at the root changes all.
fn changed<'a>(files: &[PathBuf], members: &'a [Member]) -> Vec<&'a Member> {
    let of_all = [Path::new("Cargo.toml"), Path::new("Cargo.lock")];
    if files.iter().any(|file| of_all.contains(&&**file)) {
        return members.iter().collect();
    }
    let holder = |file: &PathBuf| {
        let holding = members
            .iter()
            .filter(|member| file.starts_with(&member.folder));
        let innermost = holding.max_by_key(|member| member.folder.components().count());
        innermost.map(|member| &member.folder)
    };
    let holders: BTreeSet<_> = files.iter().filter_map(holder).collect();
    members
        .iter()
        .filter(|member| holders.contains(&member.folder))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str]) -> Vec<String> {
        let member = |name: &str, folder: &str| Member {
            name: name.to_owned(),
            folder: PathBuf::from(folder),
            has_library: true,
            binaries: Vec::new(),
            features: Vec::new(),
        };
        let members = [
            member("core", "core"),
            member("nested", "core/nested"),
            member("xtask", "tools/xtask"),
        ];
        let files: Vec<_> = files.iter().map(PathBuf::from).collect();
        changed(&files, &members)
            .into_iter()
            .map(|member| member.name.clone())
            .collect()
    }

    #[test]
    fn a_file_changes_the_innermost_package_that_holds_it() {
        assert_eq!(names(&["core/src/lib.rs"]), ["core"]);
        assert_eq!(names(&["core/nested/src/lib.rs"]), ["nested"]);
        assert_eq!(
            names(&["tools/xtask/src/main.rs", "core/x"]),
            ["core", "xtask"]
        );
        assert!(names(&["README.md", "core2/x"]).is_empty());
    }

    #[test]
    fn a_manifest_at_the_root_changes_every_package() {
        assert_eq!(names(&["Cargo.lock"]).len(), 3);
    }
}
