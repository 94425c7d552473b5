//! Projects whose targets are at unusual places. Cargo accepts each project after the generators,
//! and takes no generated module for a program.

use std::process::Command;

use crate::golden::{assert_golden, changed, listing};
use crate::sandbox::Sandbox;

/// An axum app of one file.
pub(crate) const MAIN: &str = "\
use axum::Router;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(\"127.0.0.1:3000\").await?;
    axum::serve(listener, Router::new()).await?;
    Ok(())
}
";

/// A manifest, with lines above and below its dependencies.
pub(crate) fn manifest(above: &str, below: &str) -> String {
    format!(
        "{above}[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nanyhow = \"1\"\naxum = \"0.8\"\n\
         tokio = {{ version = \"1\", features = [\"full\"] }}\n{below}"
    )
}

/// Returns the targets that cargo sees, as `kind name`. Panics if cargo refuses the project.
#[track_caller]
pub(crate) fn targets(sandbox: &Sandbox) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(&sandbox.root)
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo refuses the project: {errors}"
    );
    let json = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    let mut targets: Vec<String> = json
        .split("{\"kind\":[\"")
        .skip(1)
        .map(|target| {
            let kind = target.split('"').next().unwrap_or_default();
            let name = target.split("\"name\":\"").nth(1).unwrap_or_default();
            format!("{kind} {}", name.split('"').next().unwrap_or_default())
        })
        .collect();
    targets.sort();
    targets
}

#[test]
fn a_binary_in_src_bin_gets_a_library() {
    let declared = "\n[[bin]]\nname = \"server\"\n";
    let with_path = format!("{declared}path = \"src/bin/server.rs\"\n");
    for below in ["", declared, &with_path] {
        let sandbox = Sandbox::with(&[
            ("Cargo.toml", &manifest("", below)),
            ("src/bin/server.rs", MAIN),
        ]);
        let before = sandbox.files();
        let printed = sandbox.phx("gen presence").succeeded();
        let more = sandbox.phx("gen channel Room --yes").succeeded();
        assert_eq!(
            targets(&sandbox),
            ["bin server", "lib shop", "test room_channel_test"]
        );
        let files = changed(&before, sandbox.files());
        let text = format!(
            "$ cargo phx gen presence\n{printed}\n$ cargo phx gen channel Room --yes\n{more}\n{}",
            listing(&files)
        );
        // The manifests differ in their last lines alone.
        assert_golden("src_bin.txt", &text.replace(below, ""));
        assert_eq!(
            sandbox.phx("gen presence").succeeded().lines().last(),
            Some("Nothing to do: everything is there already.")
        );
    }
}

#[test]
fn a_binary_at_another_place_gets_its_modules_beside_it() {
    let above = "bin = [{ name = \"shop\", path = \"app/server.rs\" }]\n\n";
    let sandbox = Sandbox::with(&[
        ("Cargo.toml", &manifest(above, "")),
        ("app/server.rs", MAIN),
    ]);
    sandbox.phx("gen presence").succeeded();
    assert!(sandbox.read("app/application.rs").contains("fn start"));
    assert!(
        sandbox
            .read("app/server.rs")
            .starts_with("mod application;\nmod channels;\n")
    );
    assert_eq!(targets(&sandbox), ["bin shop"]);
}

#[test]
fn of_several_servers_the_named_one_is_wired() {
    let sandbox = Sandbox::with(&[
        ("Cargo.toml", &manifest("", "")),
        ("src/main.rs", MAIN),
        ("src/bin/admin.rs", MAIN),
    ]);
    let before = sandbox.files();
    let error = sandbox.phx("gen presence").failed();
    assert!(
        error.contains("Which one serves the app? admin, shop\nhint: say which with --bin NAME"),
        "{error}"
    );
    assert_eq!(sandbox.phx("gen presence --yes").failed(), error);
    assert_eq!(sandbox.files(), before);

    let asked = sandbox.phx_typing("gen presence --dry-run", "").failed();
    assert_eq!(asked, error, "a dry run guesses no binary either");
    sandbox.phx("gen presence --bin admin").succeeded();
    assert!(
        sandbox
            .read("src/bin/admin.rs")
            .contains("shop::application::start")
    );
    assert_eq!(sandbox.read("src/main.rs"), MAIN);
    // The binary that starts the application is known from now on.
    sandbox.phx("gen socket User").succeeded();
    assert_eq!(targets(&sandbox), ["bin admin", "bin shop", "lib shop"]);
}

#[test]
fn a_notice_says_what_a_server_that_stays_lacks() {
    let main = MAIN.replace("tokio::net::TcpListener::bind(", "shop::listen(");
    let sandbox = Sandbox::with(&[("Cargo.toml", &manifest("", "")), ("src/main.rs", &main)]);
    let printed = sandbox.phx("gen presence").succeeded();
    let notice = "The server in src/main.rs does not set TCP_NODELAY, as far as the generator can";
    assert!(printed.contains(notice), "{printed}");
    assert!(sandbox.read("src/main.rs").contains("bounded("));
    let features = r#"features = ["full"]"#;
    assert!(sandbox.read("Cargo.toml").contains(features));
}

#[test]
fn an_import_that_another_file_takes_stays() {
    let main = MAIN
        .replace(
            "use axum::Router;\n",
            "use axum::Router;\nuse std::net::SocketAddr;\n\nmod handlers;\n",
        )
        .replace(
            "Router::new()",
            "Router::new().into_make_service_with_connect_info::<SocketAddr>()",
        );
    let import = "use std::net::SocketAddr;";
    for (handlers, stays) in [
        ("use super::*;\n\npub fn own(_: SocketAddr) {}\n", true),
        (
            "use std::net::SocketAddr;\n\npub fn own(_: SocketAddr) {}\n",
            false,
        ),
    ] {
        let sandbox = Sandbox::with(&[
            ("Cargo.toml", &manifest("", "")),
            ("src/main.rs", &main),
            ("src/handlers.rs", handlers),
        ]);
        sandbox.phx("gen presence").succeeded();
        let wired = sandbox.read("src/main.rs");
        assert!(wired.contains("presence_channels::serve("), "{wired}");
        assert_eq!(wired.contains(import), stays, "{wired}");
    }
}

#[test]
fn of_several_servers_one_can_be_chosen() {
    let sandbox = Sandbox::with(&[
        ("Cargo.toml", &manifest("", "")),
        ("src/main.rs", MAIN),
        ("src/bin/admin.rs", MAIN),
    ]);
    let printed = sandbox.phx_typing("gen presence", "shop\n").succeeded();
    assert!(
        printed.starts_with(
            "The package has several binaries. Which one serves the app?\n  1. admin\n  2. shop\n\
             [1-2] shop\n* creating "
        ),
        "{printed}"
    );
    assert!(sandbox.read("src/main.rs").contains("application::start"));
    assert_eq!(targets(&sandbox), ["bin admin", "bin shop"]);
}
