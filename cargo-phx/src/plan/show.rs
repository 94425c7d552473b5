//! Showing a plan: lines like Mix's, and for `--dry-run` the lines that would be inserted.

use similar::TextDiff;

use super::{Change, Plan, Status};
use crate::console::Console;

/// Returns the line that is printed for a change.
pub(super) fn line(change: &Change) -> String {
    let verb = match change.status() {
        Status::Creating => "creating",
        Status::Injecting => "injecting",
        Status::Deleting => "deleting",
        Status::Unchanged => "unchanged",
        Status::Conflict => "overwriting",
    };
    format!("* {verb} {}", slashes(change))
}

/// Returns the path with `/` on every platform, as code and documentation write it.
pub(super) fn slashes(change: &Change) -> String {
    change.path.display().to_string().replace('\\', "/")
}

impl Plan {
    /// Prints what applying would do. Asks nothing and writes nothing.
    pub(crate) fn show(&self, console: &mut Console) -> anyhow::Result<()> {
        for change in self.listed() {
            match change.status() {
                Status::Conflict => {
                    let path = slashes(change);
                    console.line(format!("* asking to overwrite {path}"))?;
                }
                Status::Injecting => {
                    console.line(line(change))?;
                    let before = change.before.as_deref().unwrap_or_default();
                    for line in inserted(before, &change.after).lines() {
                        console.line(format!("    {line}").trim_end())?;
                    }
                }
                Status::Creating | Status::Deleting | Status::Unchanged => {
                    console.line(line(change))?
                }
            }
        }
        for notice in &self.notices {
            console.line(format!("\n{notice}"))?;
        }
        console.line("\nNothing was written: this was a dry run.")
    }
}

/// Returns the changed lines as a patch with one line of context.
fn inserted(before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(1)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_shows_only_what_changes() {
        let text = inserted("a\nb\nc\nd\n", "a\nb\nx\nc\nd\n");
        assert_eq!(text, "@@ -2,2 +2,3 @@\n b\n+x\n c\n");
    }
}
