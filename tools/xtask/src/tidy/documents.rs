//! Checks that documents match the tree: members are described, and links, paths and commands
//! exist.

use std::path::{Component, Path, PathBuf};

use super::Tree;

/// The documents at the root. CHANGELOG.md is left out: it may name deleted files.
const DOCUMENTS: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

/// The folders of the other documents.
const FOLDERS: [&str; 2] = ["docs", "examples"];

/// The document that describes every member.
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// The book's pages, and the file that lists them. mdBook leaves out a page that is not listed.
const BOOK: &str = "docs";
const SUMMARY: &str = "SUMMARY.md";

pub(super) fn check(tree: &Tree, members: &[PathBuf], subcommands: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    match tree.text(ARCHITECTURE) {
        None => complaints.push(format!("{ARCHITECTURE} is missing")),
        Some(text) => {
            let missing = members
                .iter()
                .map(|member| member.display().to_string())
                .filter(|name| !text.contains(name));
            complaints
                .extend(missing.map(|name| format!("{ARCHITECTURE}: does not describe {name}")));
        }
    }
    complaints.extend(unlisted_pages(tree));
    for (path, text) in documents(tree) {
        let name = path.display();
        let folder = path.parent().unwrap_or(Path::new(""));
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = links(line)
                .filter(|link| !tree.holds(&resolve(folder, link)))
                .map(|link| format!("broken link: {link}"));
            let gone = paths(tree, line)
                .filter(|path| !tree.holds(Path::new(path)))
                .map(|path| format!("no such path: {path}"));
            let unknown = commands(line)
                .filter(|command| !subcommands.iter().any(|known| known == command))
                .map(|command| format!("no such command: cargo xtask {command}"));
            complaints.extend(
                wrong
                    .chain(gone)
                    .chain(unknown)
                    .map(|what| format!("{name}:{number}: {what}")),
            );
        }
    }
    complaints
}

/// Returns a complaint for each page of the book that its summary does not list. A listed page that
/// does not exist is found as a broken link.
fn unlisted_pages(tree: &Tree) -> Vec<String> {
    let book = Path::new(BOOK);
    let summary = book.join(SUMMARY);
    let listed: Vec<PathBuf> = tree
        .text(&summary.to_string_lossy())
        .map(|text| text.lines().flat_map(links).map(|link| resolve(book, link)))
        .into_iter()
        .flatten()
        .collect();
    let pages = documents(tree)
        .map(|(path, _)| path)
        .filter(|path| path.starts_with(book) && *path != summary);
    pages
        .filter(|page| !listed.iter().any(|listed| listed == page))
        .map(|page| format!("{}: does not list {}", summary.display(), page.display()))
        .collect()
}

fn documents(tree: &Tree) -> impl Iterator<Item = (&Path, &str)> {
    let is_document = |path: &Path| {
        let of_folder = FOLDERS.iter().any(|folder| path.starts_with(folder));
        DOCUMENTS.iter().any(|name| path == Path::new(name))
            || of_folder && path.extension().is_some_and(|extension| extension == "md")
    };
    let documents = tree.files.iter();
    documents
        .filter(move |(path, _)| is_document(path))
        .filter_map(|(path, text)| Some((path.as_path(), text.as_deref()?)))
}

/// Returns a link of a document in `folder` as a path from the root.
fn resolve(folder: &Path, link: &str) -> PathBuf {
    let mut path = folder.to_path_buf();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => _ = path.pop(),
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path
}

/// Returns the targets of Markdown links to files of the tree.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let files = targets.filter_map(|target| target.split('#').next());
    files.filter(|target| !target.is_empty() && !target.contains("://"))
}

/// Returns the texts in backticks that look like a path of the tree: they have a slash, and their
/// first part is at the root. `{a,b}` and stars stand for several paths, and are skipped.
fn paths<'a>(tree: &'a Tree, line: &'a str) -> impl Iterator<Item = &'a str> {
    line.split('`').skip(1).step_by(2).filter(|text| {
        let plain = text
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || "/._-".contains(char));
        let first = text.split('/').next().unwrap_or_default();
        plain && text.contains('/') && !first.is_empty() && tree.holds(Path::new(first))
    })
}

/// Returns the words that follow `cargo xtask`.
fn commands(line: &str) -> impl Iterator<Item = &str> {
    line.split("cargo xtask ").skip(1).filter_map(|rest| {
        let end = rest
            .find(|char: char| !(char.is_ascii_lowercase() || char == '-'))
            .unwrap_or(rest.len());
        Some(&rest[..end]).filter(|word| !word.is_empty() && !word.starts_with('-'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    fn complaints(readme: &str) -> Vec<String> {
        let tree = tree(&[
            ("ARCHITECTURE.md", "`core` and `examples/hello`"),
            ("README.md", readme),
            ("core/src/lib.rs", ""),
        ]);
        check(
            &tree,
            &["core".into(), "examples/hello".into()],
            &["test".to_owned()],
        )
    }

    #[test]
    fn a_true_document_passes() {
        let readme = "See [it](ARCHITECTURE.md#top), [web](https://x.test/a), `core/src`, `a/b`, `core/{a,b}`, `cargo xtask test`.";
        assert!(complaints(readme).is_empty(), "{:?}", complaints(readme));
    }

    #[test]
    fn what_is_not_there_is_a_complaint_with_its_line() {
        assert_eq!(
            complaints("\n[it](docs/x.md)"),
            ["README.md:2: broken link: docs/x.md"]
        );
        let guide = tree(&[
            ("ARCHITECTURE.md", ""),
            ("docs/SUMMARY.md", "- [a](a.md)\n- [b](b.md)"),
            ("docs/a.md", "[b](b.md) [up](../ARCHITECTURE.md)\n[c](c.md)"),
            ("docs/b.md", ""),
        ]);
        assert_eq!(check(&guide, &[], &[]), ["docs/a.md:2: broken link: c.md"]);
        assert_eq!(
            complaints("`core/src/gone.rs`"),
            ["README.md:1: no such path: core/src/gone.rs"]
        );
        assert_eq!(
            complaints("`cargo xtask dance --now`"),
            ["README.md:1: no such command: cargo xtask dance"]
        );
    }

    #[test]
    fn a_page_that_the_summary_does_not_list_is_a_complaint() {
        let tree = tree(&[
            ("ARCHITECTURE.md", ""),
            (
                "docs/SUMMARY.md",
                "- [a](a.md)\n  - [b](deep/b.md)\n- [gone](gone.md)",
            ),
            ("docs/a.md", ""),
            ("docs/c.md", ""),
            ("docs/deep/b.md", ""),
            ("docs/deep/d.md", ""),
        ]);
        assert_eq!(
            check(&tree, &[], &[]),
            [
                "docs/SUMMARY.md: does not list docs/c.md",
                "docs/SUMMARY.md: does not list docs/deep/d.md",
                "docs/SUMMARY.md:3: broken link: gone.md",
            ]
        );
    }

    #[test]
    fn a_member_that_is_not_described_is_a_complaint() {
        let tree = tree(&[("ARCHITECTURE.md", "`core`")]);
        let complaints = check(&tree, &["core".into(), "examples/new".into()], &[]);
        assert_eq!(
            complaints,
            ["ARCHITECTURE.md: does not describe examples/new"]
        );
        assert_eq!(
            check(&tree_without(), &[], &[]),
            ["ARCHITECTURE.md is missing"]
        );
    }

    fn tree_without() -> Tree {
        tree(&[])
    }
}
