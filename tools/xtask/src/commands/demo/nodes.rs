//! `cargo xtask demo --nodes N`: examples/cluster, a process a node, over zenoh.

use std::process::Command;

use anyhow::{Context, Result};

use crate::server::{self, Server};
use crate::{npm, process, workspace};

/// The nodes' ports for each other go up from here.
const FIRST_LINK: u16 = 7447;
/// What the nodes share. A demo has no secrets.
const SECRET: &str = "the secret of a demo, which is none, and is 64 bytes long or longer.";

pub(super) fn run(nodes: u16, first: u16) -> Result<()> {
    let last = first.checked_add(nodes - 1);
    let ports = first..=last.context("there are not so many ports")?;
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
            // Whoever ends a demo does not want to wait.
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

/// Until the user ends it, or a node ends by itself, which is an error.
fn serve(servers: &mut [Server]) -> Result<()> {
    let never = std::time::Duration::from_secs(u32::MAX.into());
    let ended = process::poll_until(never, || {
        for server in servers.iter_mut() {
            server.expect_running()?;
        }
        Ok(false)
    });
    // Told all at once, then waited for one by one as they are dropped.
    for server in servers.iter() {
        server.ask_to_stop();
    }
    ended.map(drop)
}
