//! Applying a plan: asks before overwriting, checks, writes, and prints what was written.

use super::{Plan, Status, show, write};
use crate::console::Console;
use crate::hint::hinted;

impl Plan {
    /// Applies the plan. Unless `force` is set, first asks about each file that would be
    /// overwritten.
    ///
    /// # Errors
    ///
    /// Fails if an answer is no, or if a file cannot be written. A no, and every failed check,
    /// leaves all files as they were.
    pub(crate) fn apply(&self, force: bool, console: &mut Console) -> anyhow::Result<()> {
        for change in &self.changes {
            if change.status() != Status::Conflict || force {
                continue;
            }
            let path = show::slashes(change);
            let question = format!("{path} exists and differs. Overwrite it?");
            if !console.confirm(&question, false)? {
                return Err(hinted(
                    format!("{path} was not overwritten, and nothing else was written"),
                    "move your changes elsewhere and answer y, or use --force",
                ));
            }
        }

        let changed: Vec<_> = self
            .changes
            .iter()
            .filter(|change| change.status() != Status::Unchanged)
            .collect();
        write::all(&self.root, &changed)?;

        for change in self.listed() {
            console.line(show::line(change))?;
        }
        for notice in &self.notices {
            console.line(format!("\n{notice}"))?;
        }
        if changed.is_empty() && self.notices.is_empty() {
            return console.line("\nNothing to do: everything is there already.");
        }
        if !self.next_steps.is_empty() {
            console.line(format!("\n{}", self.next_steps))?;
        }
        Ok(())
    }
}
