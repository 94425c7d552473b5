//! `cargo xtask book`: builds the book of `docs/`.

use std::process::Command;

use anyhow::Result;

use crate::installed::Program;
use crate::{process, workspace};

const MDBOOK: Program = Program {
    name: "mdbook",
    version: "0.5.4",
    purpose: "which builds the book",
};

/// The arguments of `cargo xtask book`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Open the book in a browser
    #[arg(long)]
    open: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut build = Command::new(MDBOOK.find_or_install()?);
    build.arg("build").current_dir(workspace::root());
    if args.open {
        build.arg("--open");
    }
    process::run(build.arg("docs"))?;
    println!("    the book is in target/book/index.html");
    Ok(())
}
