//! Every input of the corpora, without libFuzzer.

use std::{fs, path::PathBuf};

use fuzz::{TARGETS, Target};

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The bytes that a file of hex stands for.
fn read(text: &str) -> Vec<u8> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let digits: Vec<u8> = lines
        .flat_map(str::bytes)
        .filter(u8::is_ascii_hexdigit)
        .collect();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits are ASCII");
        u8::from_str_radix(pair, 16).expect("two digits")
    };
    assert!(digits.len().is_multiple_of(2), "half a byte is left over");
    digits.chunks(2).map(byte).collect()
}

fn replay(target: Target) -> usize {
    let folder = corpus().join(target.name);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    for file in &files {
        let input = read(&fs::read_to_string(file).unwrap());
        let run = std::panic::catch_unwind(|| (target.run)(&input));
        assert!(run.is_ok(), "{}", file.display());
    }
    files.len()
}

#[test]
fn every_target_takes_its_corpus() {
    for target in TARGETS {
        let inputs = replay(target);
        assert!(inputs >= 10, "{} has only {inputs} inputs", target.name);
    }
}

#[test]
fn every_corpus_has_a_target() {
    for folder in fs::read_dir(corpus()).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(Target::find(&name).is_some(), "{name}");
    }
}

#[test]
fn hex_may_have_remarks_and_spaces() {
    assert_eq!(read("# ab\n00 ff\nA1\n"), [0, 0xff, 0xa1]);
}
