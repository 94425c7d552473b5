//! Edits of Cargo.toml, in the style of the project. Cargo accepts each result.

use crate::golden::{assert_golden, changed, listing};
use crate::sandbox::Sandbox;
use crate::targets::{MAIN, manifest, targets};

const GENERATORS: [&str; 3] = ["gen presence", "gen socket User", "gen channel Room"];

#[test]
fn a_renamed_dependency_is_used_by_its_name() {
    let text = manifest("", "json = { package = \"serde_json\", version = \"1\" }\n");
    let sandbox = Sandbox::with(&[("Cargo.toml", &text), ("src/main.rs", MAIN)]);
    for command in GENERATORS {
        sandbox.phx(command).succeeded();
    }
    assert!(!sandbox.read("Cargo.toml").contains("\nserde_json"));
    targets(&sandbox);
    let channel = sandbox.read("src/channels/room_channel.rs");
    assert!(channel.contains("use ::json::json;"), "{channel}");
    let tests = sandbox.read("src/channels/room_channel/tests.rs");
    assert!(tests.contains("use ::json::json;"), "{tests}");
    let support = sandbox.read("src/channels/test_support.rs");
    assert_eq!(support.matches("use ::json::json;").count(), 1, "{support}");
}

#[test]
fn code_that_is_wired_in_uses_the_names_too() {
    let text = manifest("", "").replace("tokio = {", "rt = { package = \"tokio\",");
    let main = MAIN
        .replace("#[tokio::main]", "#[rt::main(crate = \"rt\")]")
        .replace("tokio::net", "rt::net");
    let sandbox = Sandbox::with(&[("Cargo.toml", &text), ("src/main.rs", &main)]);
    for command in GENERATORS {
        sandbox.phx(command).succeeded();
    }
    let wired = sandbox.read("src/main.rs");
    assert!(wired.contains("rt::signal::ctrl_c()"), "{wired}");
    let tests = sandbox.read("src/channels/room_channel/tests.rs");
    assert!(tests.contains("#[rt::test(crate = \"rt\")]"), "{tests}");
    for (path, text) in sandbox.files() {
        assert!(!text.contains("tokio::"), "{path}\n{text}");
    }
}

#[test]
fn an_older_axum_under_another_name_is_refused() {
    let text = manifest("", "").replace(
        "axum = \"0.8\"",
        "web = { package = \"axum\", version = \"0.7\" }",
    );
    let sandbox = Sandbox::with(&[("Cargo.toml", &text), ("src/main.rs", MAIN)]);
    let error = sandbox.phx("gen presence").failed();
    assert!(
        error.contains("this project depends on axum 0.7"),
        "{error}"
    );
}

#[test]
fn windows_line_endings_stay() {
    let files = [
        ("Cargo.toml", manifest("", "")),
        ("src/main.rs", MAIN.into()),
    ];
    let files = files.map(|(path, text)| (path, text.replace('\n', "\r\n")));
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let sandbox = Sandbox::with(&files);
    for command in GENERATORS {
        sandbox.phx(command).succeeded();
    }
    for (path, before) in files {
        let after = sandbox.read(path);
        assert_ne!(after, before, "{path}");
        assert_eq!(
            after.matches('\n').count(),
            after.matches("\r\n").count(),
            "{path}"
        );
    }
    targets(&sandbox);
}

const WORKSPACE: &str = "\
[workspace]
resolver = \"3\"
members = [\"web\"]

[workspace.package]
edition = \"2024\"
license = \"MIT\"

[workspace.dependencies]
anyhow = \"1\"
axum = \"0.8\"
# The runtime.
tokio = { version = \"1\", features = [\"full\"] }
";

const MEMBER: &str = "\
[package]
name = \"web\"
version = \"0.1.0\"
edition.workspace = true

[dependencies]
axum.workspace = true
tokio.workspace = true
";

#[test]
fn a_member_follows_its_workspace() {
    let mut sandbox = Sandbox::with(&[
        ("Cargo.toml", WORKSPACE),
        ("web/Cargo.toml", MEMBER),
        ("web/src/main.rs", MAIN),
    ]);
    let before = sandbox.files();
    sandbox.root.push("web");
    let mut printed = String::new();
    for command in GENERATORS {
        let output = sandbox.phx(command).succeeded();
        printed.push_str(&format!("$ cargo phx {command}\n{output}\n"));
    }
    targets(&sandbox);
    sandbox.root.pop();
    let mut files = changed(&before, sandbox.files());
    files.retain(|(path, _)| path.ends_with("Cargo.toml"));
    assert_golden(
        "workspace_member.txt",
        &format!("{printed}{}", listing(&files)),
    );
}

#[test]
fn a_new_app_joins_the_workspace_around_it() {
    let mut sandbox = Sandbox::with(&[
        ("Cargo.toml", WORKSPACE),
        ("web/Cargo.toml", MEMBER),
        ("web/src/main.rs", MAIN),
    ]);
    let before = sandbox.files();
    let printed = sandbox.phx("new apps/hello").succeeded();
    let mut files = changed(&before, sandbox.files());
    files.retain(|(path, _)| path.ends_with("Cargo.toml"));
    assert_golden(
        "new_in_workspace.txt",
        &format!("$ cargo phx new apps/hello\n{printed}\n{}", listing(&files)),
    );
    let all = sandbox.files();
    assert!(
        sandbox
            .phx("new apps/hello")
            .succeeded()
            .ends_with("Nothing to do: everything is there already.\n")
    );
    assert_eq!(sandbox.files(), all);
    targets(&sandbox);
    sandbox.root.push("apps/hello");
    for command in GENERATORS {
        sandbox.phx(command).succeeded();
    }
    targets(&sandbox);
}

#[test]
fn a_project_without_a_server_is_refused() {
    let text = "[package]\nname = \"tool\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let sandbox = Sandbox::with(&[("Cargo.toml", text), ("src/main.rs", "fn main() {}\n")]);
    let before = sandbox.files();
    let error = sandbox.phx("gen presence").failed();
    assert!(
        error.contains("depends neither on axum nor on another server"),
        "{error}"
    );
    assert!(error.contains("hint: add axum first"), "{error}");
    assert_eq!(sandbox.files(), before);
}
