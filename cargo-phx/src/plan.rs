//! What a command is going to do, as data: computed first, then shown or applied.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::format::Format;

pub(crate) mod apply;
pub(crate) mod show;
mod write;

/// The changes below one folder, and what to tell the user.
#[derive(Debug)]
pub(crate) struct Plan {
    root: PathBuf,
    changes: Vec<Change>,
    notices: Vec<String>,
    next_steps: String,
}

/// One file, and its text before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Relative to the plan's folder.
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    /// `None` if there is no such file.
    pub(crate) before: Option<String>,
    pub(crate) after: String,
}

/// Whether a file is the generator's or the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The whole file comes from a template. If another one stands there, the user is asked.
    Create,
    /// Some lines go into the user's file.
    Inject,
}

/// What applying a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Injecting,
    Unchanged,
    /// A file of other content stands where one is to be created.
    Conflict,
}

impl Change {
    pub(crate) fn status(&self) -> Status {
        match (&self.before, self.kind) {
            (Some(before), _) if *before == self.after => Status::Unchanged,
            (None, _) => Status::Creating,
            (Some(_), Kind::Create) => Status::Conflict,
            (Some(_), Kind::Inject) => Status::Injecting,
        }
    }
}

impl Plan {
    /// An empty plan for `root`, which need not exist yet.
    pub(crate) fn new(root: &Path) -> Plan {
        Plan {
            root: root.to_path_buf(),
            changes: Vec::new(),
            notices: Vec::new(),
            next_steps: String::new(),
        }
    }

    /// The text of a file as it will be, or as it is on the disk; `None` if there is none.
    pub(crate) fn read(&self, path: &Path) -> anyhow::Result<Option<String>> {
        match self.changes.iter().find(|change| change.path == path) {
            Some(change) => Ok(Some(change.after.clone())),
            None => self.on_disk(path),
        }
    }

    fn on_disk(&self, path: &Path) -> anyhow::Result<Option<String>> {
        match std::fs::read_to_string(self.root.join(path)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            // The parent is a file: nothing can be there. Writing will say so.
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Plans a file from a template.
    pub(crate) fn create(&mut self, path: &Path, text: String) -> anyhow::Result<()> {
        let before = self.on_disk(path)?;
        self.changes.push(Change {
            path: path.to_path_buf(),
            kind: Kind::Create,
            before,
            after: text,
        });
        Ok(())
    }

    /// Plans new text for a file of the user, or for one that this plan creates. The same text is
    /// shown as unchanged.
    pub(crate) fn inject(&mut self, path: &Path, text: String) -> anyhow::Result<()> {
        if let Some(change) = self.changes.iter_mut().find(|change| change.path == path) {
            change.after = text;
            return Ok(());
        }
        let before = self.on_disk(path)?;
        self.changes.push(Change {
            path: path.to_path_buf(),
            kind: Kind::Inject,
            before,
            after: text,
        });
        Ok(())
    }

    /// The changes worth a line: new files first, then edits. An edit that is not needed is of
    /// interest only if the command has nothing to do at all.
    fn listed(&self) -> impl Iterator<Item = &Change> {
        let idle = self
            .changes
            .iter()
            .all(|change| change.status() == Status::Unchanged);
        let of = |kind: Kind| {
            self.changes
                .iter()
                .filter(move |change| change.kind == kind)
        };
        let edits = of(Kind::Inject);
        of(Kind::Create)
            .chain(edits.filter(move |change| idle || change.status() != Status::Unchanged))
    }

    /// Plans something that only the user can do: it is printed at the end.
    pub(crate) fn notice(&mut self, text: impl Into<String>) {
        self.notices.push(text.into());
    }

    /// What to do when the plan has been applied, in the user's own words of the guide.
    pub(crate) fn next_steps(&mut self, text: impl Into<String>) {
        self.next_steps = text.into();
    }

    /// Brings the Rust files into the project's format.
    pub(crate) fn format(&mut self, format: &Format) {
        let is_rust = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
        for change in self
            .changes
            .iter_mut()
            .filter(|change| is_rust(&change.path))
        {
            match (&change.before, change.kind) {
                (_, Kind::Create) => change.after = format.created(&change.after),
                (Some(before), _) if *before == change.after => {}
                (Some(before), _) => change.after = format.edited(before, &change.after),
                (None, _) => change.after = format.created(&change.after),
            }
        }
    }
}

#[cfg(test)]
mod tests;
