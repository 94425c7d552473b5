//! `examples/hello` is what the generators write for the guide.
//!
//! Run with `SNAPSHOTS=overwrite`, the test writes the example anew:
//! `SNAPSHOTS=overwrite cargo test --package cargo-phx --test generated_apps example`.

use crate::sandbox::{Sandbox, checkout};
use crate::snapshot::{assert_snapshot, texts};

#[test]
fn the_example_is_the_generators_output() {
    let sandbox = Sandbox::hello();
    for command in [
        "gen presence",
        "gen socket User",
        "gen channel Room shout:body:string",
    ] {
        sandbox.phx(command).succeeded();
    }

    let example = checkout().join("examples/hello");
    // An app outside the checkout depends on the library by an absolute path.
    let library = checkout().join("presence-channels").display().to_string();
    let generated = texts(&sandbox.root);
    for (path, text) in &generated {
        let text = text.replace(&library, "../../presence-channels");
        // The example is a member of a workspace, and cargo reads profiles from its root alone.
        let text = match &**path {
            "Cargo.toml" => text.split("\n# Optimises").next().unwrap_or_default(),
            _ => &text,
        };
        assert_snapshot(&example.join(path), text.to_owned());
    }
    let paths = |files: Vec<(String, String)>| files.into_iter().map(|(path, _)| path);
    let (expected, actual) = (paths(generated), paths(texts(&example)));
    assert_eq!(
        actual.collect::<Vec<_>>(),
        expected.collect::<Vec<_>>(),
        "examples/hello has other files than the generators write"
    );
}
