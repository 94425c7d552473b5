//! An app of `cargo phx new` after `cargo phx gen auth`: its page logs in by itself.

use std::fs;
use std::process::Command;

use crate::sandbox::{Sandbox, checkout};
use crate::{cargo, target};

#[test]
#[ignore = "slow, and needs Node and Chromium; `cargo xtask apps` runs it"]
fn the_page_logs_in() {
    let sandbox = Sandbox::app("logged_in");
    for command in [
        "gen presence",
        "gen socket User",
        "gen channel Room shout:body:string",
        "gen auth",
    ] {
        sandbox.phx(command).succeeded();
    }
    cargo(&sandbox, "build --quiet");

    let end_to_end = checkout().join("tools/e2e");
    let client = "node_modules/phoenix/priv/static/phoenix.mjs";
    let client_text = fs::read_to_string(end_to_end.join(client)).expect("phoenix.js is there");
    sandbox.write(&format!("assets/{client}"), &client_text);
    let output = Command::new("node")
        .args(["--test", "apps/login.test.mjs"])
        .current_dir(end_to_end)
        .env("HELLO_BIN", target().join("debug/logged_in"))
        .env("ASSETS", sandbox.root.join("assets"))
        .output()
        .expect("node runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
}
