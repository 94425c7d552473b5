//! `cargo xtask demo --nodes N`: examples/cluster over zenoh, with a process for each node.

use std::process::Command;

use anyhow::{Context, Result};

use crate::server::{self, Server};
use crate::{npm, process, workspace};

/// The first of the ports on which the nodes connect to each other.
const FIRST_LINK: u16 = 7447;
/// The secret that the nodes share. A demo has nothing to hide.
const SECRET: &str = "the secret of a demo, known to everyone, and at least 64 bytes long";

pub(super) fn run(nodes: u16, first: u16) -> Result<()> {
    let last = first.checked_add(nodes - 1);
    let ports = first..=last.context("the last node's port would be above 65535")?;
    let links: Vec<_> = (FIRST_LINK..).take(nodes.into()).collect();
    for port in ports.clone().chain(links.iter().copied()) {
        server::expect_free(port)?;
    }
    npm::expect_installed()?;
    npm::install_phoenix(&workspace::root().join("examples/hello/assets"))?;
    println!("building examples/cluster (the first time takes some minutes)");
    let [program, _] = workspace::build_cluster(false)?;

    let addresses: Vec<_> = links
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let mut servers = Vec::new();
    for (port, listen) in ports.clone().zip(&addresses) {
        let name = format!("node-{port}");
        let mut command = Command::new(&program);
        command
            .env("NODE_NAME", &name)
            .env("ENGINE", "zenoh")
            .env("LISTEN", listen)
            .env("PEERS", addresses.join(","))
            .env("SECRET_KEY_BASE", SECRET)
            // Without a spread, the demo ends at once.
            .env("DRAIN_SPREAD_MS", "0");
        servers.push(Server::start_in_view(&name, &mut command, port)?);
    }
    println!("\nReady. Open pages on different nodes, and watch the others:\n");
    for (port, name) in ports.zip(["Alice", "Bob", "Carol"].iter().cycle()) {
        let address = format!("http://localhost:{port}");
        println!("    {address}/?name={name}    what this node sees: {address}/node");
    }
    println!("\nCtrl-C ends the demo.\n");
    serve(&mut servers)
}

/// Serves until the user interrupts. Fails if a node ends by itself.
fn serve(servers: &mut [Server]) -> Result<()> {
    let never = std::time::Duration::from_secs(u32::MAX.into());
    let ended = process::poll_until(never, || {
        for server in servers.iter_mut() {
            server.expect_running()?;
        }
        Ok(false)
    });
    // Asks all nodes to stop at once. Their drops then wait for one after another.
    for server in servers.iter() {
        server.ask_to_stop();
    }
    ended.map(drop)
}
