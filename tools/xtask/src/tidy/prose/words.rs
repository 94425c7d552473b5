//! Prose is plain: it avoids the turns of phrase that make a reader stumble.

use std::path::Path;

use regex_lite::Regex;

use super::super::Tree;
use super::lines;

/// The turns of phrase, each with its name.
const ODD: [(&str, &str); 5] = [
    (
        "begins with a question word; begin with a verb, or with a noun and its article",
        r"^(What|How (many|much|long|often|far)|Whether|Who|Whom|Whose|Is (it|there|that)|So (many|much|that))\b[^?]*$",
    ),
    (
        "a free relative clause as subject; name the subject",
        r"\. What (is|does|was|a|an|the|it|they|others|peers)\b[^?]*$",
    ),
    (
        "none for nothing; say no, not, empty or `None`",
        r"(?i)\b(is|are|was|gives|has|be) none\b|, if there is none|one that is none",
    ),
    (
        "so many, so much; give the number a name",
        r"(?i)\bso (many|much|few)\b",
    ),
    (
        "not a word of this field",
        r"(?i)\b(somebody|nobody else|befall\w*|as good as)\b",
    ),
];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let rules: Vec<_> = ODD
        .iter()
        .map(|(name, pattern)| (*name, Regex::new(pattern).expect("the pattern is valid")))
        .collect();
    // The rules themselves quote what they look for.
    let lines =
        lines(tree).filter(|line| line.path != Path::new("tools/xtask/src/tidy/prose/words.rs"));
    lines
        .filter_map(|line| {
            let (name, _) = rules.iter().find(|(_, pattern)| {
                pattern
                    .find(line.text)
                    .is_some_and(|found| !compares(&line.text[found.end()..]))
            })?;
            Some(format!("{}: {name}", line.place()))
        })
        .collect()
}

/// Returns whether the words after a match make it a comparison, as in "so many that".
fn compares(rest: &str) -> bool {
    rest.starts_with(" that") || rest.starts_with(" as ")
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::tree;
    use super::*;

    fn odd(text: &str) -> usize {
        check(&tree(&[("a.md", text)])).len()
    }

    #[test]
    fn odd_lines_are_found() {
        for text in [
            "Whether it is up.",
            "How many a second.",
            "It is kept. What peers say is checked.",
            "Its name, if there is none.",
            "After so many rounds.",
            "A silent peer is as good as gone.",
        ] {
            assert_eq!(odd(text), 1, "{text}");
        }
    }

    #[test]
    fn plain_lines_are_left_alone() {
        for text in [
            "Returns whether the peer is up.",
            "What is a replica?",
            "There are so many that they are cut.",
            "Returns `None` if the list is empty.",
        ] {
            assert_eq!(odd(text), 0, "{text}");
        }
    }
}
