//! Every invariant of ARCHITECTURE.md names its guard: the test that fails if it is broken.
//!
//! An item of the section ends with ``Guard: `path/of/a/file.rs` `a_function` `another` ``, with
//! any number of files, or with `Guard: none` and the reason. The functions that the section
//! "Where to find" names are looked for in the same way.

use std::path::Path;

use super::Tree;

const DOCUMENT: &str = "ARCHITECTURE.md";

/// The line that begins the section. The section ends at the next heading of its level.
const HEADING: &str = "## Invariants";

/// The section with a table: a question, files, functions in the last file.
const PLACES: &str = "## Where to find";

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.text(DOCUMENT) else {
        return Vec::new();
    };
    let items = items(text);
    if items.is_empty() {
        return vec![format!("{DOCUMENT}: has no list below {HEADING:?}")];
    }
    let complaints = items
        .iter()
        .flat_map(|item| item.complaints(tree).map(|what| (item.number, what)));
    let misplaced = places(text).flat_map(|(number, row)| {
        missing(tree, row)
            .into_iter()
            .map(move |what| (number, what))
    });
    complaints
        .chain(misplaced)
        .map(|(number, what)| format!("{DOCUMENT}:{number}: {what}"))
        .collect()
}

/// One invariant.
struct Item {
    /// Its first line, counted from 1.
    number: usize,
    /// Its text, on one line.
    text: String,
}

impl Item {
    fn complaints(&self, tree: &Tree) -> impl Iterator<Item = String> {
        match self.text.split_once("Guard: ") {
            None => vec!["an invariant without a guard".to_owned()],
            Some((_, guard)) if guard.trim().trim_end_matches('.') == "none" => {
                vec!["an invariant without a guard, and without the reason".to_owned()]
            }
            Some((_, guard)) if guard.starts_with("none") => Vec::new(),
            Some((_, guard)) => missing(tree, guard),
        }
        .into_iter()
    }
}

/// Returns a complaint for each file or function in backticks that does not exist.
pub(super) fn missing(tree: &Tree, guard: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut file: Option<(&str, Option<&str>)> = None;
    let mut functions = 0;
    for name in guard.split('`').skip(1).step_by(2) {
        if Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "rs")
        {
            let text = tree.text(name);
            if text.is_none() {
                complaints.push(format!("a named file does not exist: {name}"));
            }
            file = Some((name, text));
            continue;
        }
        functions += 1;
        match file {
            None => complaints.push(format!("a function without a file: {name}")),
            Some((path, Some(text))) if !defines(text, name) => {
                complaints.push(format!("a named function does not exist: {name} in {path}"));
            }
            Some(_) => {}
        }
    }
    if functions == 0 {
        complaints.push("names no function".to_owned());
    }
    complaints
}

/// Returns whether a source defines the function `name`.
fn defines(source: &str, name: &str) -> bool {
    let definition = format!("fn {name}");
    let ends = source
        .match_indices(&definition)
        .filter_map(|(start, _)| source[start + definition.len()..].chars().next());
    ends.into_iter().any(|next| matches!(next, '(' | '<'))
}

/// Returns the lines below a heading, up to the next heading of its level.
fn section<'a>(document: &'a str, heading: &'static str) -> impl Iterator<Item = (usize, &'a str)> {
    (1..)
        .zip(document.lines())
        .skip_while(move |(_, line)| *line != heading)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("## "))
}

/// Returns the files and functions of each row of [`PLACES`], without its first cell.
fn places(document: &str) -> impl Iterator<Item = (usize, &str)> {
    let rows = section(document, PLACES).filter(|(_, line)| line.contains('`'));
    rows.filter_map(|(number, row)| {
        let (_, places) = row.strip_prefix("| ")?.split_once(" | ")?;
        Some((number, places))
    })
}

/// Returns the items of the section's lists.
fn items(document: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut open = false;
    for (number, line) in section(document, HEADING) {
        if let Some(text) = line.strip_prefix("- ") {
            let text = text.to_owned();
            items.push(Item { number, text });
            open = true;
        } else if !line.starts_with("  ") {
            open = false;
        } else if let Some(item) = items.last_mut().filter(|_| open) {
            item.text.push(' ');
            item.text.push_str(line.trim());
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    fn complaints(section: &str) -> Vec<String> {
        let document =
            format!("# A\n- no item\n## Invariants\n\nText.\n\n{section}\n## B\n- no item\n");
        let tree = tree(&[
            ("ARCHITECTURE.md", &document),
            ("a/b.rs", "async fn holds_always() {}\nfn generic<T>() {}"),
        ]);
        check(&tree)
    }

    #[test]
    fn guards_that_exist_pass() {
        let section = "- **One.** Text\n  goes on. Guard: `a/b.rs` `holds_always`\n  `generic`.\n\
                       ### Part\n- **Two.** Guard: none, reviewed by reading.\n";
        assert!(complaints(section).is_empty(), "{:?}", complaints(section));
    }

    #[test]
    fn guards_that_do_not_exist_are_complaints() {
        let line = "- **One.** Guard:";
        let of = |guard: &str| complaints(&format!("{line} {guard}\n"));
        let expected = [
            (
                "`a/c.rs` `holds_always`.",
                "a named file does not exist: a/c.rs",
            ),
            (
                "`a/b.rs` `holds`.",
                "a named function does not exist: holds in a/b.rs",
            ),
            ("`holds_always`.", "a function without a file: holds_always"),
            ("`a/b.rs`.", "names no function"),
            (
                "none.",
                "an invariant without a guard, and without the reason",
            ),
        ];
        for (guard, complaint) in expected {
            assert_eq!(of(guard), [format!("ARCHITECTURE.md:7: {complaint}")]);
        }
    }

    #[test]
    fn places_that_do_not_exist_are_complaints() {
        let document = "## Where to find\n| to see `gen` | open |\n| --- | --- |\n\
                        | `it` holds | `a/c.rs`, `a/b.rs` | `holds_always` `is_gone` |\n\
                        ## Invariants\n- **One.** Guard: none, by design.\n";
        let tree = tree(&[
            ("ARCHITECTURE.md", document),
            ("a/b.rs", "fn holds_always() {}"),
        ]);
        assert_eq!(
            check(&tree),
            [
                "ARCHITECTURE.md:2: names no function",
                "ARCHITECTURE.md:4: a named file does not exist: a/c.rs",
                "ARCHITECTURE.md:4: a named function does not exist: is_gone in a/b.rs",
            ]
        );
    }

    #[test]
    fn an_invariant_without_a_guard_is_a_complaint() {
        assert_eq!(
            complaints("- **One.**\n- **Two.** Guard: none, by design.\n- Three."),
            [
                "ARCHITECTURE.md:7: an invariant without a guard",
                "ARCHITECTURE.md:9: an invariant without a guard"
            ]
        );
        assert_eq!(
            complaints("No list."),
            ["ARCHITECTURE.md: has no list below \"## Invariants\""]
        );
    }
}
