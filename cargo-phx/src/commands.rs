//! The commands, a file each. A command makes a plan, which [`Options`] shows or applies.

use std::path::PathBuf;

use crate::console::Console;
use crate::plan::Plan;
use crate::project::Project;

pub(crate) mod gen_channel;
pub(crate) mod gen_presence;
pub(crate) mod gen_socket;
pub(crate) mod new;

/// The options that all commands take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) dry_run: bool,
    pub(crate) force: bool,
    pub(crate) manifest_path: Option<PathBuf>,
}

impl Options {
    /// Finds the project that a generator works on.
    pub(crate) fn project(&self) -> anyhow::Result<Project> {
        Project::find(self.manifest_path.as_deref(), &std::env::current_dir()?)
    }

    /// Applies the plan, or shows it in a dry run.
    pub(crate) fn carry_out(&self, plan: &Plan, console: &mut Console) -> anyhow::Result<()> {
        if self.dry_run {
            plan.show(console)
        } else {
            plan.apply(self.force, console)
        }
    }
}
