//! `cargo deny check`: what the dependencies are licensed under, where they come from, which come
//! twice, and what is known against them. `deny.toml` says what is let through.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, workspace};

/// What is installed where there is none. Any other that is there already will do.
const VERSION: &str = "0.20.2";

pub(super) fn run() -> Result<()> {
    let program = find_or_install()?;
    let deny = || {
        let mut command = Command::new(&program);
        command.current_dir(workspace::root());
        command
    };
    process::run(deny().args(["check", "licenses", "bans", "sources"]))?;
    let (fetched, _) = process::run_captured_any(deny().args(["fetch", "db"]))?;
    if !fetched.success() {
        println!(
            "    SKIPPED: `cargo deny check advisories`. The database of advisories cannot be fetched; it is at \
             https://github.com/RustSec/advisory-db"
        );
        return Ok(());
    }
    process::run(deny().args(["check", "--disable-fetch", "advisories"]))
}

/// The executable: the user's, the one of an earlier run, or one that is built now.
fn find_or_install() -> Result<PathBuf> {
    let root = workspace::scratch("installed");
    let ours = root.join("bin/cargo-deny");
    for program in [PathBuf::from("cargo-deny"), ours.clone()] {
        if process::run_captured(Command::new(&program).arg("--version")).is_ok() {
            return Ok(program);
        }
    }
    println!("    building cargo-deny {VERSION}, once: some minutes");
    let mut install = workspace::cargo();
    install
        .args(["install", "cargo-deny", "--version", VERSION])
        .args(["--locked", "--debug", "--quiet", "--root"])
        .arg(&root);
    process::run(&mut install).with_context(|| {
        format!(
            "cannot install cargo-deny, which checks licences, duplicates and advisories\n\
             hint: cargo install cargo-deny --locked --version {VERSION}"
        )
    })?;
    Ok(ours)
}
