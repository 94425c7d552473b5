//! Checks of prose: comments in Rust, Markdown, and templates.

mod width;
mod words;

use std::path::Path;

use super::Tree;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = width::check(tree);
    complaints.extend(words::check(tree));
    complaints
}

/// A line of prose, and where it stands.
struct Line<'a> {
    path: &'a Path,
    /// Counted from 1.
    number: usize,
    /// The whole line, for its width.
    whole: &'a str,
    /// The line without the marks of a comment.
    text: &'a str,
}

impl Line<'_> {
    fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.number)
    }
}

/// Returns every line of prose of the tree. CHANGELOG.md is history and left out.
fn lines(tree: &Tree) -> impl Iterator<Item = Line<'_>> {
    let files = tree
        .files
        .iter()
        .filter_map(|(path, text)| Some((path.as_path(), text.as_deref()?)))
        .filter(|(path, _)| !path.ends_with("CHANGELOG.md"));
    files.flat_map(|(path, text)| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let rust = extension == Some("rs");
        let prose = rust || matches!(extension, Some("md" | "tera"));
        (1..)
            .zip(text.lines())
            .filter(move |_| prose)
            .filter_map(move |(number, whole)| {
                let text = if rust { comment(whole)? } else { whole.trim() };
                Some(Line {
                    path,
                    number,
                    whole,
                    text,
                })
            })
    })
}

/// Returns the text of a comment, or `None` if the line has no comment.
fn comment(line: &str) -> Option<&str> {
    let start = line
        .strip_prefix("//")
        .or_else(|| Some(line.split_once(" //")?.1))?;
    Some(start.trim_start_matches(['/', '!']).trim())
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn comments_and_documents_are_prose_and_code_is_not() {
        let tree = tree(&[
            (
                "a.rs",
                "//! One.\nlet url = \"http://x\";\n    let x = 1; // Two.\n",
            ),
            ("b.md", "Three.\n"),
            ("c.txt", "Four.\n"),
            ("CHANGELOG.md", "Five.\n"),
        ]);
        let found: Vec<_> = lines(&tree).map(|line| (line.place(), line.text)).collect();
        let expected = [("a.rs:1", "One."), ("a.rs:3", "Two."), ("b.md:1", "Three.")];
        assert_eq!(
            found,
            expected.map(|(place, text)| (place.to_owned(), text))
        );
    }
}
