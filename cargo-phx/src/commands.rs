//! The commands, a file each. A command makes a plan, which [`Options`] shows or applies.

use std::path::PathBuf;

use crate::console::Console;
use crate::hint::hinted;
use crate::plan::Plan;
use crate::project::Project;

pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod gen_auth;
pub(crate) mod gen_channel;
pub(crate) mod gen_presence;
pub(crate) mod gen_secret;
pub(crate) mod gen_socket;
pub(crate) mod new;
pub(crate) mod override_template;
pub(crate) mod routes;

/// The options that all commands take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Shows the plan, and writes nothing.
    pub(crate) dry_run: bool,
    /// Overwrites files that differ, without a question.
    pub(crate) force: bool,
    /// Answers every question with yes. A file that differs is an error.
    pub(crate) yes: bool,
    /// Prints only questions, errors and notices.
    pub(crate) quiet: bool,
    /// Writes new files only. For the user's files, prints the changes.
    pub(crate) no_wire: bool,
    /// The binary that serves the app.
    pub(crate) bin: Option<String>,
    pub(crate) manifest_path: Option<PathBuf>,
}

impl Options {
    /// Makes the console answer and print as the options say. A dry run shows what the answer yes
    /// would do.
    pub(crate) fn prepare(&self, console: &mut Console) {
        if self.yes || self.dry_run {
            console.assume_yes();
        }
        if self.quiet {
            console.be_quiet();
        }
    }

    /// Finds the project that a generator works on. Asks which binary serves, if several might.
    pub(crate) fn project(&self, console: &mut Console) -> anyhow::Result<Project> {
        let folder = std::env::current_dir()?;
        let manifest = self.manifest_path.as_deref();
        Project::find(manifest, &folder, self.bin.as_deref(), console)
    }

    /// Applies the plan, or shows it in a dry run.
    pub(crate) fn carry_out(&self, plan: &Plan, console: &mut Console) -> anyhow::Result<()> {
        if self.dry_run {
            return plan.show(console);
        }
        if let Some(question) = plan.offered().filter(|_| !self.no_wire)
            && !console.offer(question)?
        {
            return Err(hinted(
                "the server was not changed, and nothing was written",
                "add --no-wire: it writes the new files, and prints the lines for the server",
            ));
        }
        plan.apply(self, console)
    }
}
