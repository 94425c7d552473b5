//! Checks that no compiler makes: file sizes, names, paths of this machine, prose, and documents
//! that drift from the tree.

mod documents;
mod files;
mod invariants;
mod layers;
mod prose;
mod rules;
mod rustdoc;
mod state_machines;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::CommandFactory;

use crate::{process, steps, workspace};

pub(crate) fn run() -> Result<()> {
    let root = workspace::root();
    let tree = Tree::read(root)?;
    let members = workspace::members()?.into_iter();
    let members: Vec<_> = members.map(|member| member.folder).collect();
    let mut complaints = files::check(&tree);
    complaints.extend(prose::check(&tree));
    complaints.extend(rustdoc::check(&tree));
    complaints.extend(invariants::check(&tree));
    complaints.extend(rules::check(&tree));
    complaints.extend(layers::check(&tree));
    complaints.extend(state_machines::check(&tree));
    let subcommands: Vec<String> = crate::Cli::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    complaints.extend(documents::check(&tree, &members, &subcommands));
    if let Err(error) = steps::commands_covered() {
        complaints.push(error.to_string());
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    if !complaints.is_empty() {
        bail!("the tree is not tidy: {} complaints", complaints.len());
    }
    println!("    {} files are tidy", tree.files.len());
    Ok(())
}

/// The files that are in git, or are new and not ignored.
struct Tree {
    /// The path relative to the root, and the text, which is `None` if the file is not text.
    files: Vec<(PathBuf, Option<String>)>,
    /// The paths of this machine and of home folders. They must not occur in any file.
    private_paths: Vec<String>,
}

impl Tree {
    fn read(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root);
        let list = process::run_captured(&mut git).context("cannot list the files with git")?;
        let paths = list
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        let files = paths
            .filter(|path| root.join(path).is_file())
            .map(|path| {
                let text = std::fs::read(root.join(&path))
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok());
                (path, text)
            })
            .collect();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        Ok(Self {
            files,
            private_paths: private_paths(root, home.as_deref()),
        })
    }

    fn text(&self, path: &str) -> Option<&str> {
        let (_, text) = self
            .files
            .iter()
            .find(|(file, _)| file == Path::new(path))?;
        text.as_deref()
    }

    /// Returns whether the tree has a file with this path, or a folder with files.
    fn holds(&self, path: &Path) -> bool {
        self.files.iter().any(|(file, _)| file.starts_with(path))
    }
}

/// Returns the folder that contains the checkout, and the user's home. A folder that all machines
/// have is not private.
fn private_paths(root: &Path, home: Option<&Path>) -> Vec<String> {
    const SHARED: [&str; 8] = [
        "/", "/tmp", "/var", "/var/tmp", "/usr", "/opt", "/home", "/srv",
    ];
    root.parent()
        .into_iter()
        .chain(home)
        .filter_map(Path::to_str)
        .filter(|path| !SHARED.contains(path))
        .map(|path| format!("{}/", path.trim_end_matches('/')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a tree of these files, for the tests of the checks.
    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        let files = files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), Some((*text).to_owned())));
        Tree {
            files: files.collect(),
            private_paths: vec!["/machine/".to_owned()],
        }
    }

    #[test]
    fn private_paths_are_the_checkouts_folder_and_the_home() {
        let paths = private_paths(Path::new("/srv/ann/presence"), Some(Path::new("/home/ann")));
        assert_eq!(paths, ["/srv/ann/", "/home/ann/"]);
        assert!(private_paths(Path::new("/tmp/presence"), None).is_empty());
    }

    #[test]
    fn the_tree_knows_files_and_folders() {
        let tree = tree(&[("a/b.rs", "")]);
        assert!(
            tree.holds(Path::new("a/b.rs"))
                && tree.holds(Path::new("a"))
                && !tree.holds(Path::new("b"))
        );
    }
}
