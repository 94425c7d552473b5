use super::*;

#[test]
fn edits_apply_from_any_order() {
    let mut edits = Edits::default();
    edits.insert(6, "big ");
    edits.replace(0..5, "Hallo");
    assert_eq!(edits.apply("hello world"), "Hallo big world");
}

#[test]
fn inserted_lines_follow_the_files_line_breaks() {
    let mut edits = Edits::default();
    edits.insert(3, "b\n");
    assert_eq!(edits.apply("a\r\nc\r\n"), "a\r\nb\r\nc\r\n");
}

#[test]
fn a_file_that_does_not_parse_is_an_error_with_its_line() {
    let error = Source::parse(Path::new("src/lib.rs"), "fn a() {}\nfn {\n")
        .err()
        .unwrap();
    let message = error.to_string();
    assert!(
        message.starts_with("src/lib.rs, line 2: the file is not valid Rust"),
        "{message}"
    );
}

#[test]
fn offsets_count_a_byte_order_mark_and_a_script_line() {
    let text = "\u{feff}#!/usr/bin/env run\nfn a() {}\n";
    let source = Source::parse(Path::new("a.rs"), text).unwrap();
    assert_eq!(source.slice(&source.file.items[0]), "fn a() {}");

    let text = "#![allow(unused)]\nfn é() {}\nfn b() {}\n";
    let source = Source::parse(Path::new("a.rs"), text).unwrap();
    assert_eq!(source.slice(&source.file.items[1]), "fn b() {}");
}
