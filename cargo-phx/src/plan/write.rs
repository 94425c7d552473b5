//! Writing files, all or none: checks all, writes all beside their places, then moves them there.
//!
//! Until the last file is in its place, each replaced file has a second name beside it. A failure
//! or ctrl-c moves the replaced files back.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::{NamedTempFile, TempPath};

use super::interrupt::{self, Interrupted};
use super::{Change, target};
use crate::hint::hinted;

/// Writes all changes below `root`, or nothing.
pub(super) fn all(root: &Path, changes: &[&Change]) -> anyhow::Result<()> {
    interrupt::guarded(|interrupted| commit(root, changes, interrupted))
}

/// Writes all changes, or nothing. Stops if `interrupted` returns true at one of the steps.
fn commit(root: &Path, changes: &[&Change], interrupted: &dyn Fn() -> bool) -> anyhow::Result<()> {
    for change in changes {
        check(&target(root, &change.path))?;
    }

    let mut folders = Folders::default();
    let mut staged = Vec::new();
    for change in changes {
        proceed(interrupted)?;
        staged.push(Staged::new(root, change, &mut folders)?);
    }
    let mut replaced = Replaced::default();
    let moved = staged.into_iter().try_for_each(|file| {
        proceed(interrupted)?;
        replaced.replace(file)
    });
    if let Err(error) = moved {
        return Err(replaced.restore(error));
    }
    folders.keep();
    // The second names are in the folders that may now be empty.
    drop(replaced);
    for change in changes.iter().filter(|change| change.after.is_none()) {
        remove_empty_folders(root, &change.path);
    }
    Ok(())
}

fn proceed(interrupted: &dyn Fn() -> bool) -> anyhow::Result<()> {
    if interrupted() {
        return Err(Interrupted.into());
    }
    Ok(())
}

/// Rejects a file that cannot or should not be written: a read-only file or folder, or a file in
/// place of a folder.
fn check(target: &Path) -> anyhow::Result<()> {
    let read_only = |path: &Path| {
        hinted(
            format!(
                "cannot write {}: {} is read-only",
                target.display(),
                path.display()
            ),
            "nothing was written; make it writable and run the command again",
        )
    };
    match fs::metadata(target) {
        Ok(found) if found.is_dir() => {
            return Err(hinted(
                format!("cannot write {}: it is a folder", target.display()),
                "nothing was written; move the folder away",
            ));
        }
        // A rename would replace a read-only file without an error.
        Ok(found) if found.permissions().readonly() => return Err(read_only(target)),
        _ => {}
    }

    let existing = target.ancestors().skip(1).find(|path| path.exists());
    let existing =
        existing.with_context(|| format!("no folder above {} exists", target.display()))?;
    let found = fs::metadata(existing)
        .with_context(|| format!("cannot read the metadata of {}", existing.display()))?;
    if !found.is_dir() {
        return Err(hinted(
            format!(
                "cannot write {}: {} is a file, not a folder",
                target.display(),
                existing.display()
            ),
            "nothing was written; move that file away",
        ));
    }
    // Permissions do not stop root, but they still say what the user wants.
    if found.permissions().readonly() {
        return Err(read_only(existing));
    }
    // Only an attempt shows a read-only file system, or a folder of another user.
    match NamedTempFile::new_in(existing) {
        Ok(_) => Ok(()),
        Err(error) => Err(hinted(
            format!("cannot write {}: {error}", target.display()),
            format!(
                "nothing was written; make {} writable and run the command again",
                existing.display()
            ),
        )),
    }
}

/// A change whose files are written, but not yet in their places.
struct Staged {
    target: PathBuf,
    /// The new file, or `None` if the target is deleted.
    new: Option<TempPath>,
    /// A second name of the present file, or `None` if the target is new.
    old: Option<TempPath>,
}

impl Staged {
    /// Writes the new text beside its place, with the permissions of the file that it replaces.
    fn new(root: &Path, change: &Change, folders: &mut Folders) -> anyhow::Result<Staged> {
        let target = target(root, &change.path);
        // A link stays a link: the file that it points to is replaced.
        let target = match &change.after {
            Some(_) => fs::canonicalize(&target).unwrap_or(target),
            None => target,
        };
        let failed = || format!("cannot write {}, and nothing was written", target.display());
        let folder = target.parent().context("a file is in a folder")?;
        folders.create(folder).with_context(failed)?;
        let new = match &change.after {
            Some(text) => Some(write_beside(&target, folder, text).with_context(failed)?),
            None => None,
        };
        let old = second_name(&target, folder).with_context(failed)?;
        Ok(Staged { target, new, old })
    }
}

/// Writes `text` into a temporary file in the folder of `target`.
fn write_beside(target: &Path, folder: &Path, text: &str) -> std::io::Result<TempPath> {
    let mut builder = tempfile::Builder::new();
    let permissions = permissions(target);
    if let Some(permissions) = &permissions {
        builder.permissions(permissions.clone());
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    if let (Ok(_), Some(permissions)) = (fs::metadata(target), permissions) {
        fs::set_permissions(file.path(), permissions)?;
    }
    Ok(file.into_temp_path())
}

/// Gives a file a second name in its folder, which is removed when the returned value is dropped.
///
/// Returns `None` if the file does not exist.
fn second_name(target: &Path, folder: &Path) -> std::io::Result<Option<TempPath>> {
    if fs::symlink_metadata(target).is_err() {
        return Ok(None);
    }
    let linked = tempfile::Builder::new().make_in(folder, |path| fs::hard_link(target, path));
    let name = match linked {
        Ok(linked) => linked.into_temp_path(),
        // The file system has no hard links, so the second name gets a copy.
        Err(_) => {
            let copy = NamedTempFile::new_in(folder)?.into_temp_path();
            fs::copy(target, &copy)?;
            copy
        }
    };
    Ok(Some(name))
}

/// The files that are in their places, each with the second name of the file that it replaced.
#[derive(Default)]
struct Replaced(Vec<(PathBuf, Option<TempPath>)>);

impl Replaced {
    fn replace(&mut self, staged: Staged) -> anyhow::Result<()> {
        let Staged { target, new, old } = staged;
        let moved = match new {
            Some(new) => new.persist(&target).map_err(|error| error.error),
            None => fs::remove_file(&target),
        };
        moved.with_context(|| {
            format!("cannot write {}, and nothing was written", target.display())
        })?;
        self.0.push((target, old));
        Ok(())
    }

    /// Moves the replaced files back and removes the new ones. Returns `error`, or an error that
    /// lists the files that cannot be restored and their copies.
    fn restore(self, error: anyhow::Error) -> anyhow::Error {
        let mut lost = Vec::new();
        for (target, old) in self.0.into_iter().rev() {
            let Some(old) = old else {
                if fs::remove_file(&target).is_err() {
                    lost.push(format!("{} is left over", target.display()));
                }
                continue;
            };
            if let Err(failed) = old.persist(&target) {
                let copy = match failed.path.keep() {
                    Ok(copy) => copy.display().to_string(),
                    Err(failed) => failed.path.display().to_string(),
                };
                lost.push(format!("{} is now {copy}", target.display()));
            }
        }
        if lost.is_empty() {
            return error;
        }
        hinted(
            format!(
                "{:#}; and some changes could not be taken back",
                error.root_cause()
            ),
            format!("put these files right by hand: {}", lost.join(", ")),
        )
    }
}

/// Removes the folders of a deleted file that are empty without it, up to `root`.
fn remove_empty_folders(root: &Path, path: &Path) {
    let folders = path.ancestors().skip(1);
    for folder in folders.take_while(|folder| !folder.as_os_str().is_empty()) {
        // Fails on a folder that is not empty, and so do all above it.
        if fs::remove_dir(root.join(folder)).is_err() {
            return;
        }
    }
}

/// Returns the permissions of the present file, else those of a new file. A temporary file's own
/// permissions would let only its owner read it.
fn permissions(target: &Path) -> Option<fs::Permissions> {
    if let Ok(found) = fs::metadata(target) {
        return Some(found.permissions());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        Some(fs::Permissions::from_mode(0o666))
    }
    #[cfg(not(unix))]
    None
}

/// Folders that were made for new files. They are removed again unless [`Folders::keep`] is called.
#[derive(Default)]
struct Folders(Vec<PathBuf>);

impl Folders {
    fn create(&mut self, folder: &Path) -> std::io::Result<()> {
        let missing: Vec<&Path> = folder
            .ancestors()
            .take_while(|path| !path.exists())
            .collect();
        for path in missing.into_iter().rev() {
            fs::create_dir(path)?;
            self.0.push(path.to_path_buf());
        }
        Ok(())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            // Fails if another program has put a file there meanwhile. That file stays.
            let _ = fs::remove_dir(path);
        }
    }
}

#[cfg(test)]
mod tests;
