//! Applying a plan: asks before overwriting, checks, writes, and prints what was written.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Change, Plan, Status, show, write};
use crate::commands::Options;
use crate::console::{Console, Overwrite};
use crate::hint::hinted;

impl Plan {
    /// Applies the plan, all or nothing. Unless `force` is set, first asks about each file that
    /// would be overwritten.
    ///
    /// # Errors
    ///
    /// Fails if the user quits at a question, if a question is not answered, or if a file cannot be
    /// written. All files are then as they were.
    pub(crate) fn apply(&self, options: &Options, console: &mut Console) -> anyhow::Result<()> {
        let kept = self.ask_to_overwrite(options.force, console)?;
        let by_hand = |change: &Change| options.no_wire && change.status() == Status::Injecting;
        let changed: Vec<_> = self
            .changes
            .iter()
            .filter(|change| change.status() != Status::Unchanged)
            .filter(|change| !kept.contains(change.path.as_path()) && !by_hand(change))
            .collect();
        write::all(&self.root, &changed)?;

        for change in self.listed().filter(|change| !by_hand(change)) {
            if kept.contains(change.path.as_path()) {
                console.status(format!("* keeping {}", show::slashes(change)))?;
            } else {
                console.status(show::line(change))?;
            }
        }
        for change in self.listed().filter(|change| by_hand(change)) {
            console.line(show::instructions(change))?;
        }
        for notice in &self.notices {
            console.line(format!("\n{notice}"))?;
        }
        let idle = self
            .changes
            .iter()
            .all(|change| change.status() == Status::Unchanged);
        if idle && self.notices.is_empty() {
            return console.status("\nNothing to do: everything is there already.");
        }
        // The steps after a command that has changed nothing have been taken, or were shown before.
        if !idle && !self.next_steps.is_empty() {
            console.status(format!("\n{}", self.next_steps))?;
        }
        Ok(())
    }

    /// Asks about each file that the plan would overwrite. Returns the files to keep.
    fn ask_to_overwrite(
        &self,
        force: bool,
        console: &mut Console,
    ) -> anyhow::Result<BTreeSet<&Path>> {
        let mut kept = BTreeSet::new();
        let conflicts = self
            .changes
            .iter()
            .filter(|change| change.status() == Status::Conflict && !force);
        for change in conflicts {
            let path = show::slashes(change);
            loop {
                match console.overwrite(&path)? {
                    Overwrite::Yes => {}
                    Overwrite::No => {
                        kept.insert(change.path.as_path());
                    }
                    Overwrite::Diff => {
                        console.line(show::diff(change).trim_end())?;
                        continue;
                    }
                    Overwrite::All => return Ok(kept),
                    Overwrite::Quit => {
                        return Err(hinted(
                            format!("stopped before {path}, and nothing was written"),
                            "answer n to keep your file and write the others, \
                             or use --force to overwrite all",
                        ));
                    }
                }
                break;
            }
        }
        Ok(kept)
    }
}
