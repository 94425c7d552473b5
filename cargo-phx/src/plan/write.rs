//! Writing files so that none is left half-written: checks all, writes all beside their places,
//! then moves them there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

use super::{Action, Change};
use crate::hint::hinted;

/// Writes all changes below `root`, or nothing. Only a rename that fails after all checks can leave
/// some of the files written.
pub(super) fn all(root: &Path, changes: &[&Change]) -> anyhow::Result<()> {
    let targets: Vec<PathBuf> = changes
        .iter()
        .map(|change| root.join(&change.path))
        .collect();
    for target in &targets {
        check(target)?;
    }

    let mut folders = Folders::default();
    let mut staged = Vec::new();
    let mut deleted = Vec::new();
    for (change, target) in changes.iter().zip(targets) {
        if change.action == Action::Delete {
            deleted.push(target);
        } else {
            staged.push(stage(&target, &change.after, &mut folders)?);
        }
    }
    for (file, target) in staged {
        file.persist(&target)
            .map_err(|error| error.error)
            .with_context(|| format!("cannot write {}", target.display()))?;
    }
    folders.keep();
    for target in deleted {
        delete(root, &target)?;
    }
    Ok(())
}

/// Deletes a file, and each folder above it that is empty then, up to `root`.
fn delete(root: &Path, target: &Path) -> anyhow::Result<()> {
    fs::remove_file(target).with_context(|| format!("cannot delete {}", target.display()))?;
    let folders = target.ancestors().skip(1);
    for folder in folders.take_while(|folder| folder.starts_with(root) && *folder != root) {
        // A folder that is not empty stays.
        if fs::remove_dir(folder).is_err() {
            break;
        }
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

/// Writes the text beside its place, with the permissions of the file that it replaces. Returns the
/// temporary file and its final path.
fn stage(
    target: &Path,
    text: &str,
    folders: &mut Folders,
) -> anyhow::Result<(NamedTempFile, PathBuf)> {
    // A link stays a link: the file that it points to is replaced.
    let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_path_buf());
    let folder = target.parent().context("a file is in a folder")?;
    let failed = || format!("cannot write {}", target.display());
    folders.create(folder).with_context(failed)?;
    let mut builder = tempfile::Builder::new();
    let permissions = permissions(&target);
    if let Some(permissions) = &permissions {
        builder.permissions(permissions.clone());
    }
    let mut file = builder.tempfile_in(folder).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    file.flush().with_context(failed)?;
    if let (Ok(_), Some(permissions)) = (fs::metadata(&target), permissions) {
        fs::set_permissions(file.path(), permissions).with_context(failed)?;
    }
    Ok((file, target))
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
