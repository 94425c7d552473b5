//! Runs the README's commands, or checks that another step does.
//!
//! The block with `cargo phx new ...` is run line by line in an empty folder outside the checkout.
//! The generator is installed with the README's own command. Any other command must be in
//! [`RUN_ELSEWHERE`].

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use support::ports::free_port;

use super::e2e;
use crate::process;
use crate::server::Server;
use crate::workspace;

/// The commands of the README that other steps run, with the step.
const RUN_ELSEWHERE: &[(&str, &str)] = &[
    ("cargo xtask demo", "the step demo, on a port that is free"),
    ("cargo xtask test", "the command that runs this step"),
    ("cargo xtask conformance", "the step conformance"),
];

/// The command that installs the generator. This step adds another folder and no optimisation, so
/// that the user's own programs stay as they are.
const INSTALL: &str = "cargo install --path cargo-phx --locked";

/// The start of the block that is run in an empty folder.
const NEW_APP: &str = "cargo phx new ";

/// The book's page that repeats commands of the README.
const GETTING_STARTED: &str = "docs/getting-started.md";

/// Checks that a step runs each command of the README and of the book's first page. The error names
/// the commands that no step runs.
pub(crate) fn commands_covered() -> Result<()> {
    let readme = read("README.md")?;
    let known = known(&readme);
    for (name, page) in [
        ("README.md", &readme),
        (GETTING_STARTED, &read(GETTING_STARTED)?),
    ] {
        let unknown = uncovered(page, &known);
        if !unknown.is_empty() {
            bail!(
                "{name} has commands that no test runs (see tools/xtask/src/steps/readme.rs): {}",
                unknown.join("; ")
            );
        }
    }
    Ok(())
}

pub(super) fn run() -> Result<()> {
    commands_covered()?;
    let readme = read("README.md")?;
    let quick_start =
        quick_start(&readme).context("README.md has no block that begins with `cargo phx new`")?;
    let bin = install_generator()?;
    // The system's folder for temporary files has no workspace above it.
    let folder = tempfile::tempdir().context("cannot create a folder to try the README in")?;
    type_in(&quick_start, folder.path(), &bin)
}

fn read(name: &str) -> Result<String> {
    let path = workspace::root().join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn install_generator() -> Result<PathBuf> {
    let root = workspace::scratch("installed");
    println!("    {INSTALL}");
    let mut install = workspace::cargo();
    install
        .args(INSTALL.split_whitespace().skip(1))
        .args(["--debug", "--quiet", "--root"])
        .arg(&root);
    process::run(&mut install)?;
    Ok(root.join("bin"))
}

/// Runs `commands` one after another. The last one serves the app, for the test of three tabs.
fn type_in(commands: &[String], folder: &Path, bin: &Path) -> Result<()> {
    let mut folder = folder.to_path_buf();
    for line in commands {
        println!("    $ {line}");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["cd", to] => folder.push(to),
            ["cargo", "run"] => {
                let mut command = command(&words, &folder, bin)?;
                // Builds first: the timeout of the start must not include the build.
                process::run(self::command(&["cargo", "build"], &folder, bin)?.arg("--quiet"))?;
                let server = Server::start("readme", command.arg("--quiet"), free_port()?)?;
                e2e::three_tabs(&server.url())
                    .inspect_err(|_| println!("{}", server.log_tail()))?;
            }
            _ => process::run(&mut command(&words, &folder, bin)?)?,
        }
    }
    Ok(())
}

fn command(words: &[&str], folder: &Path, bin: &Path) -> Result<Command> {
    let (program, arguments) = words.split_first().context("an empty command")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path_with(bin)?);
    if folder.join("Cargo.toml").exists() {
        workspace::share_builds(&mut command, folder)?;
    }
    Ok(command)
}

fn path_with(bin: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(bin.to_path_buf()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("PATH cannot be extended")
}

/// Returns the commands that a step runs.
fn known(readme: &str) -> BTreeSet<String> {
    let mut known: BTreeSet<String> = RUN_ELSEWHERE
        .iter()
        .map(|(command, _)| (*command).to_owned())
        .collect();
    known.insert(INSTALL.to_owned());
    known.extend(quick_start(readme).unwrap_or_default());
    known
}

fn uncovered(page: &str, known: &BTreeSet<String>) -> Vec<String> {
    let commands = command_blocks(page).into_iter().flatten();
    commands
        .filter(|command| !known.contains(command))
        .collect()
}

fn quick_start(readme: &str) -> Option<Vec<String>> {
    command_blocks(readme)
        .into_iter()
        .find(|block| block.first().is_some_and(|line| line.starts_with(NEW_APP)))
}

/// Returns the commands of each `sh` block, and of each `console` block, where a dollar sign
/// precedes them.
fn command_blocks(markdown: &str) -> Vec<Vec<String>> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let body: Vec<&str> = lines
            .by_ref()
            .take_while(|line| line.trim() != "```")
            .map(str::trim)
            .collect();
        let commands = body.into_iter().filter_map(|line| match language.trim() {
            "sh" | "bash" | "shell" => (!line.is_empty() && !line.starts_with('#')).then_some(line),
            "console" => line.strip_prefix("$ "),
            _ => None,
        });
        // Removes a comment after a command.
        let bare = |line: &str| line.split(" #").next().unwrap_or(line).trim().to_owned();
        let commands: Vec<String> = commands.map(bare).collect();
        if !commands.is_empty() {
            blocks.push(commands);
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
# Title
```sh
cargo xtask demo   # a remark
# a comment

make coffee
```
```rust
cargo nonsense
```
```console
$ cargo phx new hello
* creating hello/src/main.rs
$ cd hello
```
```sh
cd hello
```
";

    #[test]
    fn commands_are_read_out_of_blocks() {
        let expected: [&[&str]; 3] = [
            &["cargo xtask demo", "make coffee"],
            &["cargo phx new hello", "cd hello"],
            &["cd hello"],
        ];
        assert_eq!(command_blocks(SAMPLE), expected);
        assert_eq!(quick_start(SAMPLE).unwrap(), expected[1]);
    }

    #[test]
    fn a_command_that_nothing_runs_is_found() {
        assert_eq!(uncovered(SAMPLE, &known(SAMPLE)), ["make coffee"]);
    }

    #[test]
    fn the_readme_installs_the_generator_as_the_step_does() {
        let readme = read("README.md").unwrap();
        assert!(
            command_blocks(&readme)
                .iter()
                .flatten()
                .any(|command| command == INSTALL)
        );
        assert!(
            quick_start(&readme)
                .unwrap()
                .contains(&"cargo run".to_owned()),
            "the app must be served"
        );
    }
}
