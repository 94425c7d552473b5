//! Prose is plain: the turns of phrase that a reader stumbles over are counted, and the count only
//! goes down.

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

/// The number of odd lines that a folder still has. A number here only goes down.
const CEILINGS: [(&str, usize); 1] = [("presence-core", 28)];

/// The number of odd lines named in a complaint.
const SHOWN: usize = 20;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    check_against(tree, &CEILINGS)
}

fn check_against(tree: &Tree, ceilings: &[(&str, usize)]) -> Vec<String> {
    let rules: Vec<_> = ODD
        .iter()
        .map(|(name, pattern)| (*name, Regex::new(pattern).expect("the pattern is valid")))
        .collect();
    let mut elsewhere = Vec::new();
    let mut counted = vec![Vec::new(); ceilings.len()];
    // The rules themselves quote what they look for.
    for line in
        lines(tree).filter(|line| line.path != Path::new("tools/xtask/src/tidy/prose/words.rs"))
    {
        let broken = rules.iter().find(|(_, pattern)| {
            pattern
                .find(line.text)
                .is_some_and(|found| !compares(&line.text[found.end()..]))
        });
        let Some((name, _)) = broken else { continue };
        let complaint = format!("{}: {name}", line.place());
        let folder = ceilings
            .iter()
            .position(|(folder, _)| line.path.starts_with(folder));
        match folder {
            Some(folder) => counted[folder].push(complaint),
            None => elsewhere.push(complaint),
        }
    }
    for ((folder, ceiling), found) in ceilings.iter().zip(counted) {
        let count = found.len();
        if count > *ceiling {
            elsewhere.push(format!(
                "{folder}: {count} odd lines of prose, at most {ceiling} are allowed"
            ));
            elsewhere.extend(found.into_iter().take(SHOWN));
        } else if count < *ceiling {
            elsewhere.push(format!(
                "{folder}: {count} odd lines of prose; lower its ceiling from {ceiling} in \
                 tools/xtask/src/tidy/prose/words.rs"
            ));
        }
    }
    elsewhere
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
        check_against(&tree(&[("a.md", text)]), &[]).len()
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

    #[test]
    fn a_ceiling_only_goes_down() {
        let tree = tree(&[("core/a.md", "Whether.\nWho.\n")]);
        assert!(check_against(&tree, &[("core", 2)]).is_empty());
        let over = check_against(&tree, &[("core", 1)]);
        assert_eq!(over[0], "core: 2 odd lines of prose, at most 1 are allowed");
        let under = check_against(&tree, &[("core", 3)]);
        assert!(under[0].contains("lower its ceiling from 3"), "{under:?}");
    }
}
