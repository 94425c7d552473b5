//! `cargo xtask demo` as a user runs it: started, looked at, and ended with Ctrl-C.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::server::{Server, free_port, get, is_listening};

/// How long the demo may take to end. It waits for its server, which lets clients go.
const ENDING: Duration = Duration::from_secs(20);
/// How long it may take until the page is there: it builds the generator and an app.
const BUILDING: Duration = Duration::from_secs(20 * 60);

pub(super) fn run() -> Result<()> {
    let port = free_port()?;
    let this = std::env::current_exe().context("cannot find xtask's own executable")?;
    let mut command = Command::new(this);
    command.args(["demo", "--port", &port.to_string()]);
    let mut demo = Server::start_within("demo", &mut command, port, BUILDING)?;
    let log = demo.log_tail();
    look_at(port).with_context(|| format!("the demo's page is not right{log}"))?;
    if !demo.interrupt(ENDING)? {
        bail!(
            "the demo did not end within {} s after Ctrl-C{}",
            ENDING.as_secs(),
            demo.log_tail()
        );
    }
    let closed = process::poll_until(Duration::from_secs(1), || Ok(!is_listening(port)))?;
    if !closed {
        bail!("the demo ended, but its server still listens on port {port}");
    }
    Ok(())
}

fn look_at(port: u16) -> Result<()> {
    let expected = [
        ("/?name=Alice", "role=\"main\""),
        ("/assets/phoenix.mjs", "Presence"),
    ];
    for (path, text) in expected {
        let answer = get(port, path)?;
        if !answer.starts_with("HTTP/1.1 200") || !answer.contains(text) {
            let head: String = answer.chars().take(300).collect();
            bail!("GET {path} should be answered with {text}, but was: {head}");
        }
    }
    Ok(())
}
