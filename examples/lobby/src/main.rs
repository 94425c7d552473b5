//! A lobby of matches. Watchers get the number of players of a match, and no list of them.

mod channels;
mod players;
#[cfg(test)]
mod tests;

use std::env;

use anyhow::Context;
use presence_channels::{Config, Endpoint, PubSub, Tracker, WithState};
use tokio::net::TcpListener;

use crate::{channels::UserSocket, players::Players};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let endpoint = start().await?;
    let port = env::var("PORT").unwrap_or("4000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    presence_channels::serve(listener, endpoint.router(), &endpoint)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.expect("ctrl-c is handled") })
        .await?;
    Ok(())
}

async fn start() -> anyhow::Result<Endpoint> {
    let pubsub = PubSub::local();
    let players = Tracker::start(&pubsub, WithState::new(Players::new(pubsub.clone())));
    let endpoint = Endpoint::builder(pubsub)
        .supervise(&players)
        .socket::<UserSocket>("/socket", players.clone())
        .start(Config::default())
        .await?;
    Ok(endpoint)
}
