//! A mutant: a rule, and the change that breaks it.
//!
//! A text file: the first line says which rule is broken. Then, for each change, the file after
//! `--- `, the text that must occur in it exactly once between `<<<` and `===`, and what stands
//! there instead between `===` and `>>>`.

use anyhow::{Context, Result, bail};

#[derive(Debug)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// The rule that it breaks.
    pub(crate) about: String,
    pub(crate) changes: Vec<Change>,
}

#[derive(Debug)]
pub(crate) struct Change {
    /// Relative to the root.
    pub(crate) file: String,
    old: String,
    new: String,
}

impl Mutant {
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let about = lines.next().unwrap_or_default().to_owned();
        let mut changes = Vec::new();
        let mut file = None;
        while let Some(line) = lines.next() {
            if let Some(named) = line.strip_prefix("--- ") {
                file = Some(named.to_owned());
            } else if line == "<<<" {
                let old = until(&mut lines, "===")?;
                let new = until(&mut lines, ">>>")?;
                changes.push(Change {
                    file: file.clone().context("a change before its file is named")?,
                    old,
                    new,
                });
            } else if !line.trim().is_empty() {
                bail!("what is {line:?}?");
            }
        }
        if about.is_empty() || changes.is_empty() {
            bail!("a mutant says on its first line what it breaks, and has a change");
        }
        Ok(Self {
            name: name.to_owned(),
            about,
            changes,
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
    bail!("no {end} comes");
}

impl Change {
    /// The file's text with the change.
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
        assert_eq!(mutant.changes[0].file, "a.rs");
        assert_eq!(mutant.changes[0].apply("a\nb\n").unwrap(), "a\nc\nd\n");
    }

    #[test]
    fn one_that_no_longer_fits_says_so() {
        let mutant = Mutant::parse("x", TEXT).unwrap();
        let gone = mutant.changes[0].apply("a\n").unwrap_err().to_string();
        assert!(gone.contains("a.rs has no such text any more"), "{gone}");
        let twice = mutant.changes[0].apply("b\nb\n").unwrap_err().to_string();
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
