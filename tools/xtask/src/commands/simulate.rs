//! `cargo xtask simulate`: the replicated set on a simulated network, seed after seed.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::{process, workspace};

/// The profile that it is built with: optimised, every assertion checked.
pub(crate) const PROFILE: &str = "simulation";

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// As `--help` lists them: `--seeds N`, `--from SEED`, `--replay FILE|SEED`, `--traffic` and
    /// more
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

/// The part of `cargo xtask test`: seeds that every change is run against.
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

/// The commit that is checked out, with a `+` if files differ from it.
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
