//! `cargo xtask conformance`: compares our messages with those recorded from Phoenix.
//!
//! Scenarios of our own, with the answers that follow from Phoenix's sources, are played with them.
//!
//! `tools/conformance/pending.txt` lists the scenarios that do not pass yet. To keep the list true,
//! the command fails if an unlisted scenario fails, and also if a listed one passes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::apps::Apps;
use crate::server::Server;
use crate::{npm, process, workspace};

/// The folders of the scenarios: those recorded from Phoenix, and our own.
const FOLDERS: [&str; 2] = ["scenarios", "derived"];

/// The arguments of `cargo xtask conformance`.
#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Play against a running server instead of examples/conformance
    #[arg(long)]
    url: Option<String>,
    /// Only scenarios with TEXT in their name
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// The number of times to play all scenarios
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let kit = workspace::root().join("tools/conformance");
    npm::ci(&kit)?;
    let mut names = all_names(&kit)?;
    let mut pending = read_pending(&kit.join("pending.txt"), &names)?;
    if let Some(text) = &args.only {
        names.retain(|name| name.contains(text));
        pending.retain(|name, _| name.contains(text));
        if names.is_empty() {
            bail!("no scenario has {text:?} in its name");
        }
    }
    let (server, url) = match &args.url {
        Some(url) => (None, url.clone()),
        None => {
            let server = Apps::build()?.start_conformance()?;
            let url = server.url();
            (Some(server), url)
        }
    };
    for time in 1..=args.times.max(1) {
        println!(
            "    playing {} scenarios ({time} of {}) against {url}",
            names.len(),
            args.times.max(1)
        );
        if let Err(error) = play(&kit, &url, args.only.as_deref(), &names, &pending) {
            let log = server.as_ref().map(Server::log_tail).unwrap_or_default();
            println!("{log}");
            return Err(error);
        }
    }
    Ok(())
}

fn play(
    kit: &Path,
    url: &str,
    only: Option<&str>,
    names: &BTreeSet<String>,
    pending: &Pending,
) -> Result<()> {
    let mut runner = Command::new("node");
    runner.args(["run.mjs", "--url", url]).current_dir(kit);
    if let Some(text) = only {
        runner.args(["--only", text]);
    }
    let (_, output) = process::run_captured_any(runner.args(FOLDERS))?;
    let outcomes = read_outcomes(&output);
    let verdict = judge(names, pending, &outcomes);
    for name in &verdict.failed {
        println!("{}", outcomes[name].text.trim_end());
    }
    println!(
        "    {} scenarios pass, {} are pending, {} fail",
        outcomes.values().filter(|outcome| outcome.passed).count(),
        names
            .iter()
            .filter(|name| pending.contains_key(*name))
            .count(),
        verdict.failed.len()
    );
    verdict.into_result()
}

/// The reasons of pending scenarios, by the scenario's name.
type Pending = BTreeMap<String, String>;

struct ScenarioOutcome {
    passed: bool,
    /// The runner's output about the scenario.
    text: String,
}

/// The names of scenarios whose outcomes differ from the list.
#[derive(Debug, Default, PartialEq)]
struct Verdict {
    failed: Vec<String>,
    passed_though_pending: Vec<String>,
    not_played: Vec<String>,
}

impl Verdict {
    fn into_result(self) -> Result<()> {
        let complaints: Vec<String> = [
            ("these scenarios fail", self.failed),
            (
                "these pass now: remove them from tools/conformance/pending.txt",
                self.passed_though_pending,
            ),
            ("these were not played", self.not_played),
        ]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}", names.join(", ")))
        .collect();
        if complaints.is_empty() {
            return Ok(());
        }
        bail!("{}", complaints.join("\n"));
    }
}

fn judge(
    names: &BTreeSet<String>,
    pending: &Pending,
    outcomes: &BTreeMap<String, ScenarioOutcome>,
) -> Verdict {
    let mut verdict = Verdict::default();
    for name in names {
        let list = match (
            outcomes.get(name).map(|outcome| outcome.passed),
            pending.contains_key(name),
        ) {
            (None, _) => &mut verdict.not_played,
            (Some(false), false) => &mut verdict.failed,
            (Some(true), true) => &mut verdict.passed_though_pending,
            (Some(true), false) | (Some(false), true) => continue,
        };
        list.push(name.clone());
    }
    verdict
}

/// Reads the runner's output: `ok name`, and `FAIL name` with the indented lines below it.
fn read_outcomes(output: &str) -> BTreeMap<String, ScenarioOutcome> {
    let mut outcomes = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in output.lines() {
        let verdict = line.strip_prefix("ok ").map(|name| (name, true));
        let verdict = verdict.or_else(|| line.strip_prefix("FAIL ").map(|name| (name, false)));
        if let Some((name, passed)) = verdict {
            outcomes.insert(
                name.to_owned(),
                ScenarioOutcome {
                    passed,
                    text: format!("{line}\n"),
                },
            );
            current = Some(name.to_owned());
        } else if line.starts_with(' ')
            && let Some(outcome) = current.as_ref().and_then(|name| outcomes.get_mut(name))
        {
            outcome.text += &format!("{line}\n");
        }
    }
    outcomes
}

fn all_names(kit: &Path) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for folder in FOLDERS {
        for name in scenario_names(&kit.join(folder))? {
            if let Some(twice) = all.replace(name) {
                bail!("two scenarios have the name {twice}");
            }
        }
    }
    Ok(all)
}

fn scenario_names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && let Some(stem) = path.file_stem()
        {
            names.insert(stem.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn read_pending(path: &Path, names: &BTreeSet<String>) -> Result<Pending> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse_pending(&text, names).with_context(|| format!("in {}", path.display()))
}

/// Reads the list of pending scenarios. Each line has a scenario's name, blanks and the reason. `#`
/// begins a comment line.
fn parse_pending(text: &str, names: &BTreeSet<String>) -> Result<Pending> {
    let mut pending = Pending::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, reason)) = line.split_once(char::is_whitespace) else {
            bail!("line {number}: {line:?} gives no reason");
        };
        if !names.contains(name) {
            bail!("line {number}: there is no scenario {name:?}");
        }
        if pending
            .insert(name.to_owned(), reason.trim().to_owned())
            .is_some()
        {
            bail!("line {number}: {name:?} is listed twice");
        }
    }
    Ok(pending)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_list_must_be_true_both_ways() {
        let outcomes = read_outcomes(
            "ok a\nFAIL b\n    about\n    step 1: no\nok c\nFAIL d\n    x\n2 passed, 2 failed\n",
        );
        assert_eq!(outcomes["b"].text, "FAIL b\n    about\n    step 1: no\n");
        let names = names(&["a", "b", "c", "d", "e"]);
        let pending = parse_pending("# why\nc  later\nd\tlater too\n", &names).unwrap();
        let verdict = judge(&names, &pending, &outcomes);
        assert_eq!(verdict.failed, ["b"]);
        assert_eq!(verdict.passed_though_pending, ["c"]);
        assert_eq!(verdict.not_played, ["e"]);
        let error = verdict.into_result().unwrap_err().to_string();
        assert!(
            error.contains("fail: b")
                && error.contains("pass now")
                && error.contains("not played: e"),
            "{error}"
        );
        Verdict::default().into_result().unwrap();
    }

    #[test]
    fn a_list_with_a_mistake_names_the_line() {
        let names = names(&["a"]);
        for (text, complaint) in [
            ("a", "gives no reason"),
            ("x why", "no scenario"),
            ("a why\na why", "line 2"),
        ] {
            let error = parse_pending(text, &names).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn the_checked_in_list_reads() {
        let kit = workspace::root().join("tools/conformance");
        let names = all_names(&kit).unwrap();
        assert!(names.len() > 100);
        read_pending(&kit.join("pending.txt"), &names).unwrap();
    }
}
