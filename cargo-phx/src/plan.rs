//! The plan of a command, as data: computed first, then shown or applied.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::format::Format;
use crate::paths::normal;

pub(crate) mod apply;
mod interrupt;
pub(crate) mod show;
mod write;

pub(crate) use interrupt::Interrupted;

/// The file changes below one folder, and the messages to the user.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    root: PathBuf,
    /// The texts that files have instead of those on disk: see [`Plan::after`].
    assumed: BTreeMap<PathBuf, Option<String>>,
    changes: Vec<Change>,
    notices: Vec<String>,
    next_steps: String,
    /// A question to answer with yes before anything is written.
    offer: Option<String>,
}

/// A file, with its text before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The path, relative to the plan's folder. It begins with `..` for the manifest of a workspace
    /// above that folder.
    pub(crate) path: PathBuf,
    pub(crate) action: Action,
    /// The present text, or `None` if the file does not exist.
    pub(crate) before: Option<String>,
    /// The planned text, or `None` if the file is deleted.
    pub(crate) after: Option<String>,
}

/// The way in which a plan changes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Writes the whole file from a template. If a different file exists, the user is asked first.
    Create,
    /// Adds some lines to the user's file, or removes some.
    Inject,
    /// Deletes the file, and its folder if that is empty then.
    Delete,
}

/// The effect that applying a change has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Injecting,
    Deleting,
    Unchanged,
    /// Overwrites a file of other content.
    Conflict,
}

impl Change {
    pub(crate) fn status(&self) -> Status {
        match (&self.before, self.action) {
            (before, _) if *before == self.after => Status::Unchanged,
            (None, _) => Status::Creating,
            (Some(_), Action::Delete) => Status::Deleting,
            (Some(_), Action::Create) => Status::Conflict,
            (Some(_), Action::Inject) => Status::Injecting,
        }
    }
}

impl Change {
    fn format(&mut self, format: &Format) {
        let Some(after) = &self.after else { return };
        let formatted = match (&self.before, self.action) {
            (before, _) if before.as_ref() == Some(after) => return,
            (Some(before), Action::Inject) => format.edited(before, after),
            (Some(_) | None, _) => format.created(after),
        };
        self.after = Some(formatted);
    }
}

impl Plan {
    /// Makes an empty plan for the folder `root`, which need not exist yet.
    pub(crate) fn new(root: &Path) -> Plan {
        Plan {
            root: root.to_path_buf(),
            assumed: BTreeMap::new(),
            changes: Vec::new(),
            notices: Vec::new(),
            next_steps: String::new(),
            offer: None,
        }
    }

    /// Makes an empty plan for the files as `plan` would leave them. It is never applied.
    pub(crate) fn after(plan: &Plan) -> Plan {
        let mut next = Plan::new(&plan.root);
        let changes = plan.changes.iter();
        next.assumed = changes
            .map(|change| (change.path.clone(), change.after.clone()))
            .collect();
        next
    }

    /// Returns the changes that change something.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        let changes = self.changes.iter();
        changes.filter(|change| change.status() != Status::Unchanged)
    }

    /// Returns the text of a file as planned, else as it is on disk.
    ///
    /// Returns `None` if the file is neither planned nor on disk, or if the plan deletes it.
    pub(crate) fn read(&self, path: &Path) -> anyhow::Result<Option<String>> {
        match self.changes.iter().find(|change| change.path == path) {
            Some(change) => Ok(change.after.clone()),
            None => self.on_disk(path),
        }
    }

    fn on_disk(&self, path: &Path) -> anyhow::Result<Option<String>> {
        if let Some(text) = self.assumed.get(path) {
            return Ok(text.clone());
        }
        match std::fs::read_to_string(target(&self.root, path)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            // The parent is a file, so this file does not exist. Writing reports the parent.
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Plans a whole file with this text, from a template.
    pub(crate) fn create(&mut self, path: &Path, text: String) -> anyhow::Result<()> {
        self.change(path, Action::Create, Some(text))
    }

    /// Plans new text for a file of the user, or for a file that this plan creates. A file whose
    /// text stays the same is shown as unchanged.
    pub(crate) fn inject(&mut self, path: &Path, text: String) -> anyhow::Result<()> {
        self.change(path, Action::Inject, Some(text))
    }

    /// Plans to delete a file, and the folders that are empty without it. A file that does not
    /// exist is not listed.
    pub(crate) fn delete(&mut self, path: &Path) -> anyhow::Result<()> {
        if self.on_disk(path)?.is_none() {
            self.changes.retain(|change| change.path != path);
            return Ok(());
        }
        self.change(path, Action::Delete, None)
    }

    /// Plans a change. A file that the plan creates and then edits is created with the edit.
    fn change(&mut self, path: &Path, action: Action, after: Option<String>) -> anyhow::Result<()> {
        if let Some(change) = self.changes.iter_mut().find(|change| change.path == path) {
            if action != Action::Inject {
                change.action = action;
            }
            change.after = after;
            return Ok(());
        }
        let before = self.on_disk(path)?;
        self.changes.push(Change {
            path: path.to_path_buf(),
            action,
            before,
            after,
        });
        Ok(())
    }

    /// Returns the changes to print: first new files, then edits. Unneeded edits are printed only
    /// if the whole plan changes nothing.
    fn listed(&self) -> impl Iterator<Item = &Change> {
        let idle = self
            .changes
            .iter()
            .all(|change| change.status() == Status::Unchanged);
        let of = |action: Action| {
            self.changes
                .iter()
                .filter(move |change| change.action == action)
        };
        let edits = of(Action::Inject);
        of(Action::Create)
            .chain(of(Action::Delete))
            .chain(edits.filter(move |change| idle || change.status() != Status::Unchanged))
    }

    /// Adds a notice about something that only the user can do. It is printed at the end, once.
    pub(crate) fn notice(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notices.contains(&text) {
            self.notices.push(text);
        }
    }

    /// Asks this before anything is written, on a terminal only.
    pub(crate) fn offer(&mut self, question: impl Into<String>) {
        self.offer = Some(question.into());
    }

    /// Returns the question to ask first.
    pub(crate) fn offered(&self) -> Option<&str> {
        self.offer.as_deref()
    }

    /// Sets the next steps, printed after the plan has been applied. They use the guide's words.
    pub(crate) fn next_steps(&mut self, text: impl Into<String>) {
        self.next_steps = text.into();
    }

    /// Adds a paragraph to the next steps.
    pub(crate) fn further_step(&mut self, text: &str) {
        self.next_steps.push_str(&format!("\n\n{text}"));
    }

    /// Formats the Rust files as the project does. Each file has a rustfmt of its own, all at once.
    pub(crate) fn format(&mut self, format: &Format) {
        let is_rust = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
        let changes = self.changes.iter_mut();
        let changes: Vec<_> = changes.filter(|change| is_rust(&change.path)).collect();
        std::thread::scope(|scope| {
            for change in changes {
                scope.spawn(|| change.format(format));
            }
        });
    }
}

/// Returns the place of a path below `root`, or above it. The root need not exist yet.
fn target(root: &Path, path: &Path) -> PathBuf {
    normal(&root.join(path))
}

#[cfg(test)]
mod tests;
