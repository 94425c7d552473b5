//! Runs the commands in the examples' READMEs: starts each server, and sends it the requests of its
//! README.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use support::ports::free_port;

use crate::server::Server;
use crate::{process, workspace};

/// The address at which the examples listen in the READMEs. Here each gets a free port instead.
const PORT: &str = "localhost:4000";

/// The commands in an example's README.
#[derive(Debug, PartialEq, Eq)]
struct Typed {
    /// The package to run.
    package: String,
    /// The variables `NAME=value` in front of the command.
    variables: Vec<(String, String)>,
    /// The commands to run when the server listens.
    then: Vec<String>,
}

pub(super) fn run() -> Result<()> {
    let mut all = Vec::new();
    for readme in readmes()? {
        let text = fs::read_to_string(&readme)
            .with_context(|| format!("cannot read {}", readme.display()))?;
        let typed = typed_in(&text).with_context(|| format!("in {}", readme.display()))?;
        all.extend(typed);
    }
    let packages: Vec<_> = all.iter().map(|typed| &*typed.package).collect();
    println!("    building {}", packages.join(", "));
    let built = workspace::build(&packages).context("cannot build the examples")?;
    if built.len() != all.len() {
        bail!("cargo built {} of {} examples", built.len(), all.len());
    }
    for (typed, program) in all.iter().zip(&built) {
        try_out(typed, program)?;
    }
    Ok(())
}

/// Returns the READMEs of the examples, without `hello`: the step `readme` runs its commands.
fn readmes() -> Result<Vec<PathBuf>> {
    let folder = workspace::root().join("examples");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut readmes = Vec::new();
    for entry in entries {
        let readme = entry?.path().join("README.md");
        if readme.exists() && !readme.starts_with(folder.join("hello")) {
            readmes.push(readme);
        }
    }
    readmes.sort();
    Ok(readmes)
}

/// Returns the commands in the README's first `console` block.
///
/// Returns `None` if the README has no such block, or if its commands are those of another step.
fn typed_in(readme: &str) -> Result<Option<Typed>> {
    let mut lines = readme
        .lines()
        .skip_while(|line| *line != "```console")
        .skip(1)
        .take_while(|line| *line != "```");
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    if first.starts_with("cargo xtask ") {
        // The step of that name runs the command.
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let variables: Vec<_> = words
        .by_ref()
        .map_while(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let run = first.split_whitespace().skip(variables.len());
    let ["cargo", "run", "-p", package] = run.collect::<Vec<_>>()[..] else {
        bail!("`{first}` does not run an example");
    };
    let then: Vec<_> = lines.map(str::to_owned).collect();
    if let Some(other) = then.iter().find(|line| !line.starts_with("curl ")) {
        bail!("`{other}` is not run by any test: use curl");
    }
    Ok(Some(Typed {
        package: package.to_owned(),
        variables,
        then,
    }))
}

fn try_out(typed: &Typed, program: &Path) -> Result<()> {
    println!("    $ cargo run -p {}", typed.package);
    let port = free_port()?;
    let mut command = Command::new(program);
    command
        .current_dir(workspace::root())
        .envs(typed.variables.iter().cloned());
    let server = Server::start(&typed.package, &mut command, port)?;
    for line in &typed.then {
        println!("    $ {line}");
        let line = line.replacen("curl ", "curl --fail --silent --show-error ", 1);
        let line = line.replace(PORT, &format!("localhost:{port}"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(workspace::root());
        process::run_captured(&mut shell).with_context(|| {
            format!(
                "the request failed, or curl is not installed{}",
                server.log_tail()
            )
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_taken_apart() {
        let readme = "# x\n```console\nA=b:c/d cargo run -p x\ncurl http://localhost:4000/y\n```\n";
        let typed = typed_in(readme).unwrap().unwrap();
        assert_eq!(typed.package, "x");
        assert_eq!(typed.variables, [("A".to_owned(), "b:c/d".to_owned())]);
        assert_eq!(typed.then, ["curl http://localhost:4000/y"]);
    }

    #[test]
    fn what_nobody_runs_is_an_error() {
        assert!(typed_in("```console\ncargo run -p x\nrm -r y\n```\n").is_err());
        assert!(typed_in("```console\nmake x\n```\n").is_err());
        assert_eq!(typed_in("# x\n").unwrap(), None);
        let ours = "```console\ncargo xtask conformance\n```\n";
        assert_eq!(typed_in(ours).unwrap(), None);
    }
}
