//! The commands of the book's page about the generator, run one after the other.

use crate::sandbox::{Sandbox, checkout};

#[test]
fn the_commands_of_the_page_about_the_generator_run() {
    let page = std::fs::read_to_string(checkout().join("docs/generator.md")).expect("the page");
    let blocks = page.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    let mut sandbox = Sandbox::new();
    let mut ran = 0;
    for line in lines {
        if let Some(folder) = line.strip_prefix("cd ") {
            sandbox.root.push(folder);
        } else {
            let command = line
                .strip_prefix("cargo phx ")
                .expect("a command of the generator");
            sandbox.phx_typing(command, "y\n").succeeded();
            ran += 1;
        }
    }
    assert!(ran > 10, "{ran} commands");
}
