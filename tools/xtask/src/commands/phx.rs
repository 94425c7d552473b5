//! `cargo xtask phx ...`: the checkout's generator, without installing it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace;

/// The arguments that are passed on to `cargo phx`.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// For example `gen channel Room`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Replaces this process by the generator, so that its questions reach the terminal and its exit
/// code reaches the shell.
pub(crate) fn run(args: &Args) -> Result<()> {
    let built = workspace::build(&["cargo-phx"]).context("cannot build cargo-phx")?;
    let generator = built.first().context("cargo built no cargo-phx")?;
    let error = Command::new(generator).args(&args.arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", generator.display()))
}
