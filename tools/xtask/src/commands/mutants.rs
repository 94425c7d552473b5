//! `cargo xtask mutants`: would the simulation notice if a rule were broken?

mod mutant;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::simulate::PROFILE;
use crate::{process, workspace};
use mutant::Mutant;

/// Where the mutants stand, relative to the checkout's root.
const FOLDER: &str = "tools/xtask/mutants";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds may pass before a mutant counts as survived
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    seeds: u64,
    /// Only mutants with this text in their names
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Breaks one rule after the other in a copy of the tree, and has the simulation find it. Fails if
/// it misses one, or a mutant does not fit the code any more. The last line is one JSON object.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mutants = read(&workspace::root().join(FOLDER), args.only.as_deref())?;
    let tree = Copy::make()?;
    // Whatever it finds in the code as it is would count as a mutant caught.
    if let Some(found) = tree.first_violation(args.seeds)? {
        bail!("the code breaks a promise without any mutant: {found}");
    }
    let mut survived = Vec::new();
    for mutant in &mutants {
        let seed = tree
            .with(mutant, || tree.first_violation(args.seeds))
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
        bail!("the simulation did not notice {survived:?}");
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
        bail!("no mutant has that in its name");
    }
    Ok(mutants)
}

/// A copy of the checkout's tracked files, with builds of its own.
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
            // A tracked file may be gone.
            if from.is_file() {
                fs::copy(&from, &to).with_context(|| format!("cannot copy {file}"))?;
            }
        }
        Ok(copy)
    }

    /// Does something with the mutant's changes in the copy.
    fn with<T>(&self, mutant: &Mutant, what: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut before = Vec::new();
        for change in &mutant.changes {
            let path = self.root.join(&change.file);
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", change.file))?;
            fs::write(&path, change.apply(&text)?)?;
            before.push((path, text));
        }
        let result = what();
        // The last change of a file first, so that what remains is the first text.
        for (path, text) in before.iter().rev() {
            fs::write(path, text)?;
        }
        result
    }

    /// What the simulation of the copy finds, if anything.
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
            // What a mutant leaves unused is no matter.
            .env("RUSTFLAGS", "-Awarnings");
        process::run(&mut build).context("the mutant does not compile")?;
        let mut simulate = Command::new(self.target.join(PROFILE).join("simulate"));
        simulate
            .current_dir(&self.root)
            .args(["--violations", "1", "--shrink", "0", "--seeds"])
            .arg(seeds.to_string());
        let (_, output) = process::run_captured_any(&mut simulate)?;
        let last = output.lines().next_back().unwrap_or_default();
        let summary: Value = serde_json::from_str(last).context("the simulation broke off")?;
        let violations = summary["violations"]
            .as_u64()
            .context("the simulation says nothing of violations")?;
        let first = output.lines().find(|line| line.starts_with("seed "));
        let first = first.unwrap_or_default().chars().take(140).collect();
        Ok((violations > 0).then_some(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The long run is made now and then; that mutants fit the code is known at once.
    #[test]
    fn mutants_fit_the_code() {
        let root = workspace::root();
        for mutant in read(&root.join(FOLDER), None).unwrap() {
            let mut texts = std::collections::BTreeMap::new();
            for change in &mutant.changes {
                let path = root.join(&change.file);
                let text = texts
                    .entry(path.clone())
                    .or_insert_with(|| fs::read_to_string(path).unwrap());
                let changed = change.apply(text);
                *text = changed.unwrap_or_else(|error| panic!("{}: {error}", mutant.name));
            }
        }
    }
}
