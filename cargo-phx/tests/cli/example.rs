//! `examples/hello` is the output of the guide's generator commands.

use std::fs;

use crate::golden::{HOW_TO_UPDATE, listing, texts, updating};
use crate::sandbox::{Sandbox, checkout};

/// Removes the paths of dependencies, which differ between the example and an app elsewhere.
fn without_path_lines(files: Vec<(String, String)>) -> Vec<(String, String)> {
    let strip = |(path, text): (String, String)| {
        let lines = text
            .lines()
            .filter(|line| path != "Cargo.toml" || !line.contains("path = "));
        let text = lines.map(|line| format!("{line}\n")).collect();
        (path, text)
    };
    files.into_iter().map(strip).collect()
}

#[test]
fn the_example_is_the_generators_output() {
    let sandbox = Sandbox::hello();
    for command in ["gen presence", "gen socket User", "gen channel Room"] {
        sandbox.phx(command).succeeded();
    }

    let example = checkout().join("examples/hello");
    if updating() {
        let library = checkout().join("presence-channels").display().to_string();
        for (path, text) in texts(&sandbox.root) {
            let target = example.join(path);
            fs::create_dir_all(target.parent().expect("it has a folder")).expect("folders");
            fs::write(target, text.replace(&library, "../../presence-channels")).expect("files");
        }
    }
    let expected = listing(&without_path_lines(texts(&sandbox.root)));
    let actual = listing(&without_path_lines(texts(&example)));
    if expected != actual {
        let diff = similar::TextDiff::from_lines(&actual, &expected);
        let diff = diff
            .unified_diff()
            .header("examples/hello", "generated")
            .to_string();
        panic!("examples/hello is not what the generators write:\n{diff}\n{HOW_TO_UPDATE}");
    }
}
