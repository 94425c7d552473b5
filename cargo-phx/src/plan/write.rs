//! Writing files so that nothing is left half-written: all are checked, then all written beside
//! their places, then moved there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

use super::Change;
use crate::hint::hinted;

/// Writes all changes below `root`, or none: only a failing rename, after all checks, can leave
/// some.
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
    for (change, target) in changes.iter().zip(targets) {
        staged.push(stage(&target, &change.after, &mut folders)?);
    }
    for (file, target) in staged {
        file.persist(&target)
            .map_err(|error| error.error)
            .with_context(|| format!("cannot write {}", target.display()))?;
    }
    folders.keep();
    Ok(())
}

/// Refuses what cannot or should not be written: a read-only file or folder, a file in place of a
/// folder.
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
                format!("cannot write {}: a folder stands there", target.display()),
                "nothing was written; move the folder away",
            ));
        }
        // Moving a file into its place would not mind.
        Ok(found) if found.permissions().readonly() => return Err(read_only(target)),
        _ => {}
    }

    let existing = target.ancestors().skip(1).find(|path| path.exists());
    let existing = existing.context("no folder above it exists")?;
    let found =
        fs::metadata(existing).with_context(|| format!("cannot look at {}", existing.display()))?;
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
    // For root the permissions alone forbid nothing; they still say what the user wants.
    if found.permissions().readonly() {
        return Err(read_only(existing));
    }
    // A read-only file system, or a folder of someone else, shows only when one tries.
    match NamedTempFile::new_in(existing) {
        Ok(_) => Ok(()),
        Err(error) => Err(hinted(
            format!("cannot write {}: {error}", target.display()),
            format!(
                "nothing was written; see that {} can be written to",
                existing.display()
            ),
        )),
    }
}

/// Writes the text beside its place, with the permissions of the file that it will replace.
fn stage(
    target: &Path,
    text: &str,
    folders: &mut Folders,
) -> anyhow::Result<(NamedTempFile, PathBuf)> {
    // A link stays a link: the file it points to is replaced.
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

/// Those of the file that is there, else a new file's (a temporary file's own are for its owner
/// only).
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

/// Folders that were made for new files: removed again unless all goes well.
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
            // It may hold what another program has put there in the meantime.
            let _ = fs::remove_dir(path);
        }
    }
}
