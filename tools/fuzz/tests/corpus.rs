//! Replays every input of the corpora without libFuzzer.

use std::{fs, path::PathBuf};

use fuzz::{TARGETS, Target};

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Returns the inputs of a corpus file, one for each line of hex.
fn read(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(bytes_of).collect()
}

fn bytes_of(line: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits are ASCII");
        u8::from_str_radix(pair, 16).expect("two digits")
    };
    line.as_bytes().chunks(2).map(byte).collect()
}

fn replay(target: Target) -> usize {
    let folder = corpus().join(target.name);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let inputs: Vec<_> = texts.flat_map(|text| read(&text)).collect();
    for input in &inputs {
        let run = std::panic::catch_unwind(|| (target.run)(input));
        assert!(run.is_ok(), "{}: {input:02x?}", target.name);
    }
    inputs.len()
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
fn an_input_is_a_line() {
    assert_eq!(
        read("# ab\n00ff\n\nA1\n"),
        [vec![0, 0xff], vec![], vec![0xa1]]
    );
}
