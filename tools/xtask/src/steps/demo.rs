//! Runs `cargo xtask demo` as a user does: starts it, looks at its page, and ends it with Ctrl-C.

use std::ops::RangeInclusive;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use support::http::Response;
use support::ports::{free_port, is_listening};

use crate::process;
use crate::server::{Server, get};

/// The time that the demo has to end. It waits until its server has disconnected the clients.
const ENDING: Duration = Duration::from_secs(20);
/// The time that the demo has until it serves the page. It builds the generator and an app first.
const BUILDING: Duration = Duration::from_secs(20 * 60);

/// The time that the nodes have to see each other.
const MEETING: Duration = Duration::from_secs(30);
const NODES: u16 = 3;

pub(super) fn run() -> Result<()> {
    let port = free_port()?;
    try_out("demo", &[], port, port, || look_at(port))?;
    let port = free_port()?;
    let last = port + NODES - 1;
    let nodes = ["--nodes".to_owned(), NODES.to_string()];
    try_out("demo-nodes", &nodes, port, last, || nodes_meet(port..=last))
}

/// Starts the demo, looks at it, and ends it with Ctrl-C. It has started when it listens on `last`.
fn try_out(
    name: &str,
    arguments: &[String],
    port: u16,
    last: u16,
    look: impl Fn() -> Result<()>,
) -> Result<()> {
    let this = std::env::current_exe().context("cannot find xtask's own executable")?;
    let mut command = Command::new(this);
    command.args(["demo", "--port", &port.to_string()]);
    command.args(arguments);
    let mut demo = Server::start_within(name, &mut command, last, BUILDING)?;
    let log = demo.log_tail();
    look().with_context(|| format!("the {name}'s page is not right{log}"))?;
    if !demo.interrupt(ENDING)? {
        bail!(
            "the {name} did not end within {} s after Ctrl-C{}",
            ENDING.as_secs(),
            demo.log_tail()
        );
    }
    let closed = process::poll_until(Duration::from_secs(1), || {
        Ok((port..=last).all(|port| !is_listening(port)))
    })?;
    if !closed {
        bail!("the {name} ended, but a program still listens on a port from {port} to {last}");
    }
    Ok(())
}

/// Checks that each node's page shows the other nodes as up.
fn nodes_meet(mut ports: RangeInclusive<u16>) -> Result<()> {
    let met = ports.try_fold(true, |all, port| {
        let met = process::poll_until(MEETING, || {
            let page = get(port, "/node")?.body;
            Ok(page.matches("<td>up</td>").count() == usize::from(NODES) - 1)
        })?;
        anyhow::Ok(all && met)
    })?;
    if !met {
        bail!("a node does not show that the others are up");
    }
    Ok(())
}

fn look_at(port: u16) -> Result<()> {
    let expected = [
        ("/?name=Alice", "role=\"main\""),
        ("/assets/phoenix.mjs", "Presence"),
    ];
    for (path, text) in expected {
        let Response { status, body } = get(port, path)?;
        if status != 200 || !body.contains(text) {
            let begin: String = body.chars().take(300).collect();
            bail!("GET {path} does not return {text}, but status {status} with: {begin}");
        }
    }
    Ok(())
}
