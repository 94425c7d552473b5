//! Building the fuzzer.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::debian;
use crate::{process, workspace};

/// What makes LLVM count the edges that an input reaches and report the values that are compared:
/// as cargo-fuzz does it, without a sanitizer.
const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// The fuzzer's executable.
pub(super) fn fuzzer() -> Result<PathBuf> {
    find_or_install_compiler()?;
    println!("    building the fuzzer");
    let mut command = workspace::cargo();
    // For a target that is named, the flags are not those of build scripts and macros.
    command
        .args([
            "build",
            "--quiet",
            "--profile",
            "fuzz",
            "--package",
            "fuzz",
            "--bin",
            "fuzz",
        ])
        .args(["--target", &host()?])
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"));
    let built = workspace::executables(&mut command).context("cannot build the fuzzer")?;
    built.into_iter().next().context("cargo built no fuzzer")
}

/// libFuzzer is C++.
fn find_or_install_compiler() -> Result<()> {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let is_there = || process::run_captured(Command::new(&compiler).arg("--version")).is_ok();
    if is_there() {
        return Ok(());
    }
    if !debian::can_install() {
        bail!(
            "libFuzzer is C++, and there is no compiler for it\n\
             hint: install one (Debian: apt-get install g++), or name one: CXX=<path>"
        );
    }
    debian::install("g++")
}

fn host() -> Result<String> {
    let version = process::run_captured(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}
