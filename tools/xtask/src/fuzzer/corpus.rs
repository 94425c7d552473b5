//! Converts corpora: in the tree, a line of hex is an input; for libFuzzer, a file of bytes is one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The file of the inputs that libFuzzer has found. The other files are written by hand.
const FOUND: &str = "found.hex";
const FOUND_HEAD: &str =
    "# Found by `cargo xtask fuzz --keep`: inputs that reach code which no other one does.";

/// Returns the names of the folders in `corpora`.
pub(super) fn targets(corpora: &Path) -> Result<Vec<String>> {
    let entries =
        fs::read_dir(corpora).with_context(|| format!("cannot read {}", corpora.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Writes each input of a target into a file of `folder`, which is emptied before.
pub(super) fn unpack(corpus: &Path, folder: &Path) -> Result<()> {
    clear(folder)?;
    for entry in
        fs::read_dir(corpus).with_context(|| format!("cannot read {}", corpus.display()))?
    {
        let file = entry?.path();
        for (number, input) in (1..).zip(read(&file)?) {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            fs::write(folder.join(format!("{name}-{number}")), input)?;
        }
    }
    Ok(())
}

/// Creates `folder`, or empties it.
pub(super) fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Adds the files of `folder` to the inputs that were found for a target. Returns how many are new.
pub(super) fn keep(folder: &Path, corpus: &Path) -> Result<usize> {
    let found = corpus.join(FOUND);
    let mut inputs = BTreeSet::new();
    if found.exists() {
        inputs.extend(read(&found)?);
    }
    let before = inputs.len();
    for entry in fs::read_dir(folder)? {
        inputs.insert(fs::read(entry?.path())?);
    }
    let mut text = format!("{FOUND_HEAD}\n");
    for input in &inputs {
        text += &hex(input);
        text.push('\n');
    }
    fs::write(&found, text).with_context(|| format!("cannot write {}", found.display()))?;
    Ok(inputs.len() - before)
}

fn read(file: &Path) -> Result<Vec<Vec<u8>>> {
    let text = fs::read_to_string(file)?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let inputs: Result<_> = lines.map(bytes_of).collect();
    inputs.with_context(|| format!("{} is not hex", file.display()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn bytes_of(hex: &str) -> Result<Vec<u8>> {
    let is_hex = hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_hex || !hex.len().is_multiple_of(2) {
        bail!("not pairs of hex digits");
    }
    let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    let bytes: Result<_, _> = pairs.map(|pair| u8::from_str_radix(pair, 16)).collect();
    Ok(bytes?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways() {
        assert_eq!(hex(&[0, 0xa1, 0xff]), "00a1ff");
        assert_eq!(bytes_of("00a1FF").unwrap(), [0, 0xa1, 0xff]);
        assert!(bytes_of("").unwrap().is_empty());
        for wrong in ["0", "0g", "\u{e9}", "+1"] {
            assert!(bytes_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_corpus_survives_unpacking_and_keeping() {
        let scratch = tempfile::tempdir().unwrap();
        let (corpus, units) = (scratch.path().join("corpus"), scratch.path().join("units"));
        fs::create_dir(&corpus).unwrap();
        fs::write(corpus.join("written.hex"), "# one\n01ff\n# none\n\n").unwrap();
        unpack(&corpus, &units).unwrap();
        assert_eq!(fs::read(units.join("written-1")).unwrap(), [1, 0xff]);
        assert!(fs::read(units.join("written-2")).unwrap().is_empty());

        assert_eq!(keep(&units, &corpus).unwrap(), 2);
        assert_eq!(keep(&units, &corpus).unwrap(), 0);
        let found = fs::read_to_string(corpus.join(FOUND)).unwrap();
        assert_eq!(found, format!("{FOUND_HEAD}\n\n01ff\n"));
    }
}
