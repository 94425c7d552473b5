//! A mutant: a rule, and the replacements in the code that break it.
//!
//! A mutant is a text file. Its first line says how the rule is broken. A line `test: ` names the
//! unit tests of presence-core that notice it, a line `adapters: ` those of its suite over real
//! engines, and a line `model: ` those that run under the scheduler of `cargo xtask model`; without
//! such a line, the simulation must. Then, for each
//! replacement, `--- ` precedes the name of the file. The old text, which must occur in that file
//! exactly once, is between `<<<` and `===`, and the new text between `===` and `>>>`.

use anyhow::{Context, Result, bail};

#[derive(Debug)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// The rule, and how the mutant breaks it.
    pub(crate) about: String,
    pub(crate) check: Check,
    pub(crate) replacements: Vec<Replacement>,
}

/// The check that must notice a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The simulation, over many seeds.
    Simulation,
    /// Unit tests with this text in their names.
    Tests(String),
    /// Tests over real engines with this text in their names. They must need no broker.
    Adapters(String),
    /// Models with this text in their names: tests that try one order of threads after another.
    Models(String),
}

#[derive(Debug)]
pub(crate) struct Replacement {
    /// The path, relative to the root.
    pub(crate) file: String,
    old: String,
    new: String,
}

impl Mutant {
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let about = lines.next().unwrap_or_default().to_owned();
        let mut replacements = Vec::new();
        let (mut file, mut check) = (None, Check::Simulation);
        while let Some(line) = lines.next() {
            if let Some(named) = line.strip_prefix("test: ") {
                check = Check::Tests(named.to_owned());
            } else if let Some(named) = line.strip_prefix("adapters: ") {
                check = Check::Adapters(named.to_owned());
            } else if let Some(named) = line.strip_prefix("model: ") {
                check = Check::Models(named.to_owned());
            } else if let Some(named) = line.strip_prefix("--- ") {
                file = Some(named.to_owned());
            } else if line == "<<<" {
                let old = until(&mut lines, "===")?;
                let new = until(&mut lines, ">>>")?;
                replacements.push(Replacement {
                    file: file.clone().context("a `<<<` before the first `--- `")?,
                    old,
                    new,
                });
            } else if !line.trim().is_empty() {
                bail!("unexpected line {line:?}: only `--- ` and `<<<` begin a part");
            }
        }
        if about.is_empty() || replacements.is_empty() {
            bail!("a mutant needs a rule on its first line, and a replacement");
        }
        Ok(Self {
            name: name.to_owned(),
            about,
            check,
            replacements,
        })
    }
}

fn until<'a>(lines: &mut impl Iterator<Item = &'a str>, end: &str) -> Result<String> {
    let mut text = String::new();
    for line in lines {
        if line == end {
            return Ok(text);
        }
        text.push_str(line);
        text.push('\n');
    }
    bail!("the file ends before {end}");
}

impl Replacement {
    /// Returns the file's text with the replacement.
    pub(crate) fn apply(&self, text: &str) -> Result<String> {
        match text.matches(&self.old).count() {
            1 => Ok(text.replacen(&self.old, &self.new, 1)),
            0 => bail!("{} has no such text any more:\n{}", self.file, self.old),
            many => bail!("{} has that text {many} times:\n{}", self.file, self.old),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Breaks a rule.\n\n--- a.rs\n<<<\nb\n===\nc\nd\n>>>\n";

    #[test]
    fn a_mutant_changes_what_it_names() {
        let mutant = Mutant::parse("x", TEXT).unwrap();
        assert_eq!(mutant.about, "Breaks a rule.");
        assert_eq!(mutant.replacements[0].file, "a.rs");
        assert_eq!(mutant.replacements[0].apply("a\nb\n").unwrap(), "a\nc\nd\n");
    }

    #[test]
    fn a_mutant_names_the_check_that_notices_it() {
        let check = |line: &str| {
            let text = TEXT.replacen("\n\n", line, 1);
            Mutant::parse("x", &text).unwrap().check
        };
        assert_eq!(check("\n\n"), Check::Simulation);
        let tests = Check::Tests("node::pulls".to_owned());
        assert_eq!(check("\ntest: node::pulls\n\n"), tests);
        let adapters = Check::Adapters("links".to_owned());
        assert_eq!(check("\nadapters: links\n\n"), adapters);
        let models = Check::Models("node::model".to_owned());
        assert_eq!(check("\nmodel: node::model\n\n"), models);
    }

    #[test]
    fn one_that_no_longer_fits_says_so() {
        let mutant = Mutant::parse("x", TEXT).unwrap();
        let gone = mutant.replacements[0].apply("a\n").unwrap_err().to_string();
        assert!(gone.contains("a.rs has no such text any more"), "{gone}");
        let twice = mutant.replacements[0]
            .apply("b\nb\n")
            .unwrap_err()
            .to_string();
        assert!(twice.contains("2 times"), "{twice}");
    }

    #[test]
    fn what_is_no_mutant_is_refused() {
        for wrong in [
            "",
            "About\n",
            "About\n<<<\na\n===\nb\n>>>\n",
            "About\n--- a\n<<<\na\n",
            "About\n--- a\nx\n",
        ] {
            assert!(Mutant::parse("x", wrong).is_err(), "{wrong:?}");
        }
    }
}
