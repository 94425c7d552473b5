//! `cargo xtask mutants`: checks that the simulation, a unit test or a model notices each broken
//! rule.

mod mutant;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::model;
use super::simulate::PROFILE;
use crate::{process, workspace};
use mutant::{Check, Mutant};

/// The folder of the mutants, relative to the checkout's root.
const FOLDER: &str = "tools/xtask/mutants";

/// Cargo's arguments for the unit tests of presence-core, and for its suite over real engines.
const UNIT_TESTS: &[&str] = &["--lib"];
const ADAPTERS: &[&str] = &["--test", "adapters"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The number of seeds after which a mutant has survived
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    seeds: u64,
    /// Only mutants with this text in their names
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Breaks one rule after another in a copy of the tree, and runs the simulation, unit tests or
/// models on each. The last line is one JSON object.
///
/// # Errors
///
/// Fails if a mutant is missed, or no longer fits the code.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mutants = read(&workspace::root().join(FOLDER), args.only.as_deref())?;
    let tree = Copy::make()?;
    // A violation in the code as it is would count as a caught mutant.
    let simulates = |mutant: &Mutant| mutant.check == Check::Simulation;
    if mutants.iter().any(simulates)
        && let Some(found) = tree.first_violation(args.seeds)?
    {
        bail!("the code breaks a promise without any mutant: {found}");
    }
    let mut survived = Vec::new();
    for mutant in &mutants {
        let seed = tree
            .with(mutant, || match &mutant.check {
                Check::Simulation => tree.first_violation(args.seeds),
                Check::Tests(names) => tree.first_failure(names, UNIT_TESTS, ""),
                Check::Adapters(names) => tree.first_failure(names, ADAPTERS, ""),
                Check::Models(names) => tree.first_failure(names, UNIT_TESTS, model::FLAG),
            })
            .with_context(|| format!("{FOLDER}/{}", mutant.name))?;
        match seed {
            Some(found) => println!("caught    {}: {found}", mutant.name),
            None => {
                println!("SURVIVED  {}: {}", mutant.name, mutant.about);
                survived.push(&mutant.name);
            }
        }
    }
    let caught = mutants.len() - survived.len();
    println!(
        "{}",
        json!({ "mutants": mutants.len(), "caught": caught, "survived": survived })
    );
    if caught < mutants.len() {
        bail!("nothing noticed {survived:?}");
    }
    Ok(())
}

fn read(folder: &Path, only: Option<&str>) -> Result<Vec<Mutant>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<PathBuf>, _>>()?;
    paths.sort();
    let mut mutants = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let mutant = Mutant::parse(&name, &text).with_context(|| path.display().to_string())?;
        mutants.push(mutant);
    }
    if mutants.is_empty() {
        bail!("no mutant has {:?} in its name", only.unwrap_or_default());
    }
    Ok(mutants)
}

/// A copy of the checkout's tracked files, with its own build folder.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make() -> Result<Self> {
        let scratch = workspace::scratch("mutants");
        let copy = Self {
            root: scratch.join("tree"),
            target: scratch.join("build"),
        };
        if copy.root.exists() {
            fs::remove_dir_all(&copy.root)?;
        }
        let mut git = Command::new("git");
        git.args(["ls-files", "-z"]).current_dir(workspace::root());
        for file in process::run_captured(&mut git)?.split_terminator('\0') {
            let (from, to) = (workspace::root().join(file), copy.root.join(file));
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            // A tracked file may be deleted in the checkout.
            if from.is_file() {
                fs::copy(&from, &to).with_context(|| format!("cannot copy {file}"))?;
            }
        }
        Ok(copy)
    }

    /// Calls `what` while the copy has the mutant's replacements.
    fn with<T>(&self, mutant: &Mutant, what: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut before = Vec::new();
        for replacement in &mutant.replacements {
            let path = self.root.join(&replacement.file);
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", replacement.file))?;
            fs::write(&path, replacement.apply(&text)?)?;
            before.push((path, text));
        }
        let result = what();
        // In reverse order, because a file may have several replacements.
        for (path, text) in before.iter().rev() {
            fs::write(path, text)?;
        }
        result
    }

    /// Returns the first of the named tests that fails in the copy; `None` if all pass. `tests` are
    /// cargo's arguments for the program that has them.
    fn first_failure(&self, names: &str, tests: &[&str], flag: &str) -> Result<Option<String>> {
        let target = match flag {
            "" => self.target.clone(),
            _ => self.target.join("model"),
        };
        let command = |last: &[&str]| {
            let mut command = workspace::cargo();
            // The engines are behind features, and no model has one.
            let features: &[_] = match flag {
                "" => &["--all-features"],
                _ => &[],
            };
            command
                .current_dir(&self.root)
                .args(["test", "--quiet", "--package", "presence-core"])
                .args(tests)
                .args(features)
                .args(last)
                .env("CARGO_TARGET_DIR", &target)
                .env("RUSTFLAGS", format!("-Awarnings {flag}"));
            command
        };
        process::run(&mut command(&["--no-run"])).context("the mutant does not compile")?;
        let (_, output) = process::run_captured_any(&mut command(&[names]))?;
        // A name that fits no test would let every mutant survive.
        let ran = output
            .lines()
            .any(|line| line.starts_with("running ") && line != "running 0 tests");
        if !ran {
            bail!("no test of presence-core has {names:?} in its name");
        }
        let mut failed = output.lines().filter_map(|line| line.strip_prefix("---- "));
        let first = failed
            .next()
            .map(|line| line.trim_end_matches(" stdout ----"));
        Ok(first.map(str::to_owned))
    }

    /// Returns the first violation that the simulation of the copy finds.
    ///
    /// Returns `None` if no seed finds one.
    fn first_violation(&self, seeds: u64) -> Result<Option<String>> {
        let mut build = workspace::cargo();
        build
            .current_dir(&self.root)
            .args([
                "build",
                "--quiet",
                "--profile",
                PROFILE,
                "--package",
                "simulate",
            ])
            .env("CARGO_TARGET_DIR", &self.target)
            // A mutant may leave code unused.
            .env("RUSTFLAGS", "-Awarnings");
        process::run(&mut build).context("the mutant does not compile")?;
        let mut simulate = Command::new(self.target.join(PROFILE).join("simulate"));
        simulate
            .current_dir(&self.root)
            .args(["--violations", "1", "--shrink", "0", "--seeds"])
            .arg(seeds.to_string());
        let (_, output) = process::run_captured_any(&mut simulate)?;
        let last = output.lines().next_back().unwrap_or_default();
        let summary: Value =
            serde_json::from_str(last).context("the simulation ended without a summary")?;
        let violations = summary["violations"]
            .as_u64()
            .context("the summary has no count of violations")?;
        let first = output.lines().find(|line| line.starts_with("seed "));
        let first = first.unwrap_or_default().chars().take(140).collect();
        Ok((violations > 0).then_some(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The long run happens now and then. This test finds a mutant that does not fit at once.
    #[test]
    fn mutants_fit_the_code() {
        let root = workspace::root();
        for mutant in read(&root.join(FOLDER), None).unwrap() {
            let mut texts = std::collections::BTreeMap::new();
            for replacement in &mutant.replacements {
                let path = root.join(&replacement.file);
                let text = texts
                    .entry(path.clone())
                    .or_insert_with(|| fs::read_to_string(path).unwrap());
                let changed = replacement.apply(text);
                *text = changed.unwrap_or_else(|error| panic!("{}: {error}", mutant.name));
            }
        }
    }
}
