//! Programs of crates.io that a command needs, installed into the scratch folder if the user has
//! none.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, workspace};

/// A program that `cargo install` builds.
pub(crate) struct Program {
    /// The name of the crate and of its executable.
    pub(crate) name: &'static str,
    /// The version to install. Another version that is already installed is used as it is.
    pub(crate) version: &'static str,
    /// The purpose, for the error message: "which checks licences".
    pub(crate) purpose: &'static str,
}

impl Program {
    /// Returns the executable: the user's, the one of an earlier run, or one that is built now.
    ///
    /// # Errors
    ///
    /// Fails if cargo cannot install the program.
    pub(crate) fn find_or_install(&self) -> Result<PathBuf> {
        let Self {
            name,
            version,
            purpose,
        } = self;
        let root = workspace::scratch("installed");
        let ours = root.join("bin").join(name);
        for program in [PathBuf::from(name), ours.clone()] {
            if process::run_captured(Command::new(&program).arg("--version")).is_ok() {
                return Ok(program);
            }
        }
        println!("    building {name} {version}, once: some minutes");
        let mut install = workspace::cargo();
        install
            .args(["install", name, "--version", version])
            .args(["--locked", "--debug", "--quiet", "--root"])
            .arg(&root);
        process::run(&mut install).with_context(|| {
            format!(
                "cannot install {name}, {purpose}\n\
                 hint: cargo install {name} --locked --version {version}"
            )
        })?;
        Ok(ours)
    }
}
