//! Every rule of docs/algorithm.md names its code, its test and its mutants, and all of them exist.
//!
//! A rule is a heading such as `### 7. Contents merge`, with a list below it: `- Code:` and files,
//! ``- Test: `path/of/a/file.rs` `a_function` ``, and `- Mutant:` with names, or `none` and the
//! reason. Every mutant belongs to a rule.

use std::collections::BTreeSet;
use std::path::Path;

use super::Tree;
use super::invariants::missing;

const DOCUMENT: &str = "docs/algorithm.md";

const MUTANTS: &str = "tools/xtask/mutants";

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.text(DOCUMENT) else {
        return Vec::new();
    };
    let rules = rules(text);
    let mut complaints: Vec<_> = rules
        .iter()
        .flat_map(|rule| rule.complaints(tree))
        .collect();
    let named: BTreeSet<_> = rules.iter().flat_map(Rule::mutants).collect();
    let mutants = tree.files.iter().filter_map(|(path, _)| mutant(path));
    complaints.extend(
        mutants
            .filter(|name| !named.contains(name))
            .map(|name| format!("{DOCUMENT}: no rule names the mutant {name}")),
    );
    complaints
}

/// One rule.
struct Rule<'a> {
    /// The line of its heading, counted from 1.
    number: usize,
    /// The items of its list, each on one line.
    items: Vec<String>,
    heading: &'a str,
}

impl Rule<'_> {
    fn item(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.items
            .iter()
            .find_map(|item| item.strip_prefix(&prefix))
    }

    fn mutants(&self) -> impl Iterator<Item = &str> {
        let item = self.item("Mutant").unwrap_or_default();
        item.split('`').skip(1).step_by(2)
    }

    fn complaints(&self, tree: &Tree) -> Vec<String> {
        let mut complaints = Vec::new();
        match self.item("Code") {
            None => complaints.push("names no code".to_owned()),
            Some(code) => complaints.extend(
                code.split('`')
                    .skip(1)
                    .step_by(2)
                    .filter(|path| tree.text(path).is_none())
                    .map(|path| format!("a named file does not exist: {path}")),
            ),
        }
        match self.item("Test") {
            None => complaints.push("names no test".to_owned()),
            Some(test) => complaints.extend(missing(tree, test)),
        }
        match self.item("Mutant") {
            None => complaints.push("names no mutant".to_owned()),
            Some(none) if none.trim_end_matches('.') == "none" => {
                complaints.push("has no mutant, and no reason".to_owned());
            }
            Some(_) => complaints.extend(
                self.mutants()
                    .filter(|name| tree.text(&format!("{MUTANTS}/{name}.txt")).is_none())
                    .map(|name| format!("a named mutant does not exist: {name}")),
            ),
        }
        let place = format!("{DOCUMENT}:{}: {}", self.number, self.heading);
        complaints
            .into_iter()
            .map(|what| format!("{place}: {what}"))
            .collect()
    }
}

/// Returns the rules of the document, in order.
fn rules(document: &str) -> Vec<Rule<'_>> {
    let mut rules: Vec<Rule<'_>> = Vec::new();
    let mut in_rule = false;
    for (number, line) in (1..).zip(document.lines()) {
        if let Some(heading) = line.strip_prefix("### ") {
            in_rule = heading.starts_with(|first: char| first.is_ascii_digit());
            if in_rule {
                rules.push(Rule {
                    number,
                    items: Vec::new(),
                    heading,
                });
            }
        } else if line.starts_with('#') {
            in_rule = false;
        }
        let Some(rule) = rules.last_mut().filter(|_| in_rule) else {
            continue;
        };
        if let Some(item) = line.strip_prefix("- ") {
            rule.items.push(item.to_owned());
        } else if let (Some(more), Some(item)) = (line.strip_prefix("  "), rule.items.last_mut()) {
            item.push(' ');
            item.push_str(more.trim());
        }
    }
    rules
}

/// Returns the name of the mutant that the file holds.
fn mutant(path: &Path) -> Option<&str> {
    let name = path.strip_prefix(MUTANTS).ok()?;
    name.to_str()?.strip_suffix(".txt")
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn a_rule_names_what_exists_and_every_mutant_has_a_rule() {
        let document = "\
# The algorithm

### 1. One writer

Its own node writes.

- Code: `a/b.rs`
- Test: `a/b.rs`
  `alone`
- Mutant: `01-two-writers`

### 2. One step

- Code: `a/c.rs`
- Test: `a/b.rs` `together`
- Mutant: none.

### 3. Ranges
";
        let tree = tree(&[
            ("docs/algorithm.md", document),
            ("a/b.rs", "fn alone() {}"),
            ("tools/xtask/mutants/01-two-writers.txt", ""),
            ("tools/xtask/mutants/02-half-a-step.txt", ""),
        ]);
        assert_eq!(
            check(&tree),
            [
                "docs/algorithm.md:12: 2. One step: a named file does not exist: a/c.rs",
                "docs/algorithm.md:12: 2. One step: a named function does not exist: together in a/b.rs",
                "docs/algorithm.md:12: 2. One step: has no mutant, and no reason",
                "docs/algorithm.md:18: 3. Ranges: names no code",
                "docs/algorithm.md:18: 3. Ranges: names no test",
                "docs/algorithm.md:18: 3. Ranges: names no mutant",
                "docs/algorithm.md: no rule names the mutant 02-half-a-step",
            ]
        );
    }
}
