//! Builds the fuzzer.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::debian;
use crate::{process, workspace};

/// The flags that make LLVM count the edges that an input reaches, and report the values that are
/// compared. They are those of cargo-fuzz without a sanitizer.
const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Builds the fuzzer, and returns its executable.
pub(super) fn fuzzer() -> Result<PathBuf> {
    find_or_install_compiler()?;
    println!("    building the fuzzer");
    let mut command = workspace::cargo();
    // With an explicit target, the flags do not apply to build scripts and macros.
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

/// Ensures that a C++ compiler is there, because libFuzzer is C++.
fn find_or_install_compiler() -> Result<()> {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let is_there = || process::run_captured(Command::new(&compiler).arg("--version")).is_ok();
    if is_there() {
        return Ok(());
    }
    if !debian::can_install() {
        bail!(
            "libFuzzer is C++, and no C++ compiler is installed\n\
             hint: install one (Debian: apt-get install g++), or set its path: CXX=<path>"
        );
    }
    debian::install("g++")
}

fn host() -> Result<String> {
    let version = process::run_captured(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}
