//! Showing a plan: lines like Mix's, a unified diff for `--dry-run`, and instructions for
//! `--no-wire`.

use similar::{DiffOp, TextDiff};

use super::{Change, Plan, Status};
use crate::console::Console;

/// Returns the line that is printed for a change.
pub(super) fn line(change: &Change) -> String {
    let verb = match change.status() {
        Status::Creating => "creating",
        Status::Injecting if shrinks(change) => "editing",
        Status::Injecting => "injecting",
        Status::Deleting => "deleting",
        Status::Unchanged => "unchanged",
        Status::Conflict => "overwriting",
    };
    format!("* {verb} {}", slashes(change))
}

/// Returns whether the change takes more away than it adds.
fn shrinks(change: &Change) -> bool {
    let length = |text: &Option<String>| text.as_deref().map_or(0, str::len);
    length(&change.after) < length(&change.before)
}

/// Returns the path with `/` on every platform, as code and documentation write it.
pub(super) fn slashes(change: &Change) -> String {
    change.path.display().to_string().replace('\\', "/")
}

impl Plan {
    /// Prints what applying would do, as lines and as a patch. Asks nothing and writes nothing.
    pub(crate) fn show(&self, console: &mut Console) -> anyhow::Result<()> {
        for change in self.listed() {
            match change.status() {
                Status::Conflict => {
                    let path = slashes(change);
                    console.status(format!("* asking to overwrite {path}"))?;
                }
                _ => console.status(line(change))?,
            }
        }
        let changed = self
            .listed()
            .filter(|change| change.status() != Status::Unchanged);
        for (index, change) in changed.enumerate() {
            if index == 0 {
                console.status("")?;
            }
            console.line(diff(change).trim_end_matches('\n'))?;
        }
        for notice in &self.notices {
            console.line(format!("\n{notice}"))?;
        }
        console.status("\nNothing was written: this was a dry run.")
    }
}

impl Plan {
    /// Returns the plan as one patch that `git apply` reads.
    pub(crate) fn patch(&self) -> String {
        let changed = self.listed();
        let changed = changed.filter(|change| change.status() != Status::Unchanged);
        changed.map(diff).collect()
    }
}

/// Returns the change as a patch that `git apply` reads.
pub(super) fn diff(change: &Change) -> String {
    let path = slashes(change);
    let (mut old, mut new) = (format!("a/{path}"), format!("b/{path}"));
    let mut text = format!("diff --git {old} {new}\n");
    if change.before.is_none() {
        text.push_str("new file mode 100644\n");
        old = "/dev/null".to_owned();
    }
    if change.after.is_none() {
        text.push_str("deleted file mode 100644\n");
        new = "/dev/null".to_owned();
    }
    let before = change.before.as_deref().unwrap_or_default();
    let after = change.after.as_deref().unwrap_or_default();
    let diff = TextDiff::from_lines(before, after);
    text.push_str(&diff.unified_diff().header(&old, &new).to_string());
    text
}

/// Returns the lines to change by hand, each group with its place in the file.
pub(super) fn instructions(change: &Change) -> String {
    let path = slashes(change);
    let before = change.before.as_deref().unwrap_or_default();
    let after = change.after.as_deref().unwrap_or_default();
    let diff = TextDiff::from_lines(before, after);
    let mut text = String::new();
    for op in diff.ops() {
        let place = match *op {
            DiffOp::Equal { .. } => continue,
            DiffOp::Insert { old_index: 0, .. } => format!("Add to the top of {path}:"),
            DiffOp::Insert { old_index, .. } => format!("Add to {path}, below line {old_index}:"),
            DiffOp::Delete { .. } => format!("Remove {} of {path}:", lines(op)),
            DiffOp::Replace { .. } => format!("Replace {} of {path} with:", lines(op)),
        };
        let shown: String = match *op {
            DiffOp::Delete { .. } => op.old_range().filter_map(|at| diff.old_slice(at)).collect(),
            _ => op.new_range().filter_map(|at| diff.new_slice(at)).collect(),
        };
        text.push_str(&format!("\n{place}\n\n"));
        for line in shown.trim_matches(['\r', '\n']).lines() {
            text.push_str(format!("    {line}").trim_end());
            text.push('\n');
        }
    }
    text.trim_end().to_owned()
}

/// Names the old lines of an operation, counted from 1.
fn lines(op: &DiffOp) -> String {
    let range = op.old_range();
    match range.len() {
        1 => format!("line {}", range.end),
        _ => format!("lines {} to {}", range.start + 1, range.end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;

    fn change(before: Option<&str>, after: Option<&str>) -> Change {
        Change {
            path: "src/a.rs".into(),
            action: Action::Inject,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        }
    }

    #[test]
    fn a_patch_names_files_that_come_and_go() {
        let edit = change(Some("a\nb\n"), Some("a\nx\nb"));
        let expected = "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n\
                        @@ -1,2 +1,3 @@\n a\n-b\n+x\n+b\n\\ No newline at end of file\n";
        assert_eq!(diff(&edit), expected);

        let created = diff(&change(None, Some("a\n")));
        assert!(created.contains("new file mode 100644\n--- /dev/null\n+++ b/src/a.rs\n"));
        let removed = diff(&change(Some("a\n"), None));
        assert!(removed.contains("deleted file mode 100644\n--- a/src/a.rs\n+++ /dev/null\n"));
        assert_eq!(
            diff(&change(None, Some(""))),
            "diff --git a/src/a.rs b/src/a.rs\nnew file mode 100644\n"
        );
    }

    #[test]
    fn instructions_name_the_place_of_each_group_of_lines() {
        let edit = change(
            Some("a\nb\nc\nd\ne\nf\n"),
            Some("0\na\nb\n  x\n\n  y\nc\nD\ne\n"),
        );
        assert_eq!(
            instructions(&edit),
            "\nAdd to the top of src/a.rs:\n\n    0\n\
             \nAdd to src/a.rs, below line 2:\n\n      x\n\n      y\n\
             \nReplace line 4 of src/a.rs with:\n\n    D\n\
             \nRemove line 6 of src/a.rs:\n\n    f"
        );
    }
}
