//! The places that still use a component, and the files that stay beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use similar::{DiffOp, TextDiff};
use walkdir::{DirEntry, WalkDir};

use super::super::Wiring;
use super::super::application::rust_files;
use crate::names::{Component, Name};
use crate::source::Source;
use crate::source::remove::application;
use crate::source::uses::{self, Item};

/// A place in the user's code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
    /// The text of the line.
    pub(crate) text: String,
}

impl Wiring {
    /// Returns the places that use a component after this plan, as they are on disk.
    pub(crate) fn uses_of(&self, component: Component, name: &Name) -> anyhow::Result<Vec<Place>> {
        let modules = name.modules();
        let above = modules[..modules.len() - 1].iter().rev().cloned();
        let field = (component == Component::Presence).then(|| name.module());
        let mut places = self.uses(&Item {
            module: name.module(),
            above: above.chain(["channels".to_owned()]).collect(),
            name: Some(name.type_name()),
            field: field.clone(),
        })?;
        let path = self.application_path();
        if let (Some(field), Some(text)) = (field, self.plan.read(&path)?) {
            let lines = application::variable_uses(&Source::parse(&path, &text)?, &field);
            places.extend(self.places(&path, &text, lines.into_iter().collect())?);
        }
        places.sort();
        places.dedup();
        Ok(places)
    }

    pub(super) fn uses(&self, item: &Item) -> anyhow::Result<Vec<Place>> {
        let mut places = Vec::new();
        for path in code_files(&self.project.root) {
            let Some(text) = self.plan.read(&path)? else {
                continue;
            };
            let words = [Some(&item.module), item.name.as_ref(), item.field.as_ref()];
            if !words.into_iter().flatten().any(|word| text.contains(word)) {
                continue;
            }
            let before = std::fs::read_to_string(self.project.root.join(&path))?;
            let lines = uses::find(&text, &before, item);
            places.extend(self.places(&path, &text, lines)?);
        }
        Ok(places)
    }

    /// Returns lines of the planned text as places of the file on disk.
    pub(super) fn places(
        &self,
        path: &Path,
        planned: &str,
        lines: BTreeSet<usize>,
    ) -> anyhow::Result<Vec<Place>> {
        let disk = std::fs::read_to_string(self.project.root.join(path))?;
        let diff = TextDiff::from_lines(&*disk, planned);
        let place = |line: usize| {
            let on_disk = diff.ops().iter().find_map(|op| match *op {
                DiffOp::Equal {
                    old_index,
                    new_index,
                    len,
                } if (new_index..new_index + len).contains(&(line - 1)) => {
                    Some(old_index + line - 1 - new_index)
                }
                DiffOp::Replace {
                    old_index,
                    new_index,
                    new_len,
                    ..
                } if (new_index..new_index + new_len).contains(&(line - 1)) => Some(old_index),
                _ => None,
            });
            let at = on_disk.unwrap_or(line - 1);
            Place {
                path: path.to_path_buf(),
                line: at + 1,
                text: disk.lines().nth(at).unwrap_or_default().trim().to_owned(),
            }
        };
        Ok(lines.into_iter().map(place).collect())
    }

    /// Returns the files that stay in the folder of a deleted module.
    pub(crate) fn left_beside(&self, name: &Name) -> anyhow::Result<Vec<PathBuf>> {
        let file = self.source_path(&name.file());
        let mut left = Vec::new();
        for path in rust_files(&self.project.root, &file.with_extension("")) {
            if self.plan.read(&path)?.is_some() {
                left.push(path);
            }
        }
        Ok(left)
    }
}

/// Returns the Rust files of the project, without those that cargo builds or that other tools
/// install. The paths are relative to `root`.
pub(crate) fn code_files(root: &Path) -> Vec<PathBuf> {
    let is_code = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name == "target" || name == "node_modules")
    };
    WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(is_code)
        .filter_map(Result::ok)
        .map(DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| path.strip_prefix(root).map(Path::to_path_buf).ok())
        .collect()
}
