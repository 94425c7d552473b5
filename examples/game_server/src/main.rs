//! A lobby for a game, with a protocol of its own: lines of JSON over TCP.

mod lobby;
mod server;

use std::env;

use anyhow::Context;
use presence_core::PubSub;
use presence_core::adapters::{Peers, Zenoh, ZenohOptions};
use tokio::net::TcpListener;

use crate::server::Server;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter("info,zenoh=warn,zenoh_transport=error")
        .init();
    let variable = |name: &str, default: &str| env::var(name).unwrap_or(default.to_owned());
    let port = variable("PORT", "5000");
    let address = format!("127.0.0.1:{port}");
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on {address}: set PORT to a free port"))?;
    let pubsub = match env::var("PEERS") {
        Ok(peers) => {
            let peers = peers.split(',').map(str::to_owned).collect();
            let (name, listen) = (variable("NODE", "a"), variable("LISTEN", "127.0.0.1:7447"));
            let options = ZenohOptions::new(name, listen, Peers::List(peers));
            let zenoh = Zenoh::connect(options)
                .await
                .context("cannot start zenoh with NODE, LISTEN and PEERS")?;
            PubSub::with_adapter(zenoh)
        }
        Err(_) => PubSub::local(),
    };
    tracing::info!("the lobby is at {}", listener.local_addr()?);
    let server = Server::start(pubsub);
    server.serve(listener, tokio::signal::ctrl_c()).await;
    Ok(())
}
