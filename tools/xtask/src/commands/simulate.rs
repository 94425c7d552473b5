//! `cargo xtask simulate`: the replicated set on a simulated network, one seed after another.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::{process, workspace};

/// The profile of the build: optimised, with all assertions.
pub(crate) const PROFILE: &str = "simulation";

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// `--seeds N`, `--from SEED`, `--replay FILE|SEED`, `--traffic` and more: `--help` lists them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "OPTIONS"
    )]
    options: Vec<OsString>,
}

/// Builds the simulation and runs it with these options. The last line is one JSON object.
pub(crate) fn run(args: &Args) -> Result<()> {
    with_options(&args.options)
}

/// Runs the seeds of `cargo xtask test`.
pub(crate) fn in_test() -> Result<()> {
    with_options(&["--seeds".into(), "20000".into()])
}

fn with_options(options: &[OsString]) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--profile", PROFILE, "--package"]);
    command.args(["simulate", "--", "--commit", &commit()?]);
    command.args(options);
    process::run(&mut command)
}

/// Returns the commit that is checked out, with a `+` if files differ from it.
pub(crate) fn commit() -> Result<String> {
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(args).current_dir(workspace::root());
        process::run_captured(&mut git)
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = !git(&["status", "--porcelain"])?.trim().is_empty();
    Ok(commit.trim().to_owned() + if changed { "+" } else { "" })
}
