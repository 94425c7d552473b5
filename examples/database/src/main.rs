//! A database pool in the app's state. A room keeps its messages, and presences carry names from
//! the database.

mod channels;
mod presence;
mod store;
#[cfg(test)]
mod tests;

use std::env;

use anyhow::Context;
use presence_channels::{Config, Endpoint, PubSub, Tracker};
use tokio::net::TcpListener;

use crate::{channels::UserSocket, presence::Presence, store::Store};

/// The state that all sockets and channels share.
struct AppState {
    store: Store,
    presence: Tracker<Presence>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let url = env::var("DATABASE_URL")
        .context("DATABASE_URL is not set: try DATABASE_URL=sqlite:target/chat.db")?;
    let endpoint = start(&url).await?;
    let port = env::var("PORT").unwrap_or("4000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    presence_channels::serve(listener, endpoint.router(), &endpoint)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.expect("ctrl-c is handled") })
        .await?;
    Ok(())
}

async fn start(database_url: &str) -> anyhow::Result<Endpoint> {
    let store = Store::open(database_url)
        .await
        .with_context(|| format!("cannot open the database {database_url}"))?;
    let pubsub = PubSub::local();
    let presence = Tracker::start(&pubsub, Presence::new(store.clone()));
    let state = AppState { store, presence };
    let endpoint = Endpoint::builder(pubsub)
        .supervise(&state.presence)
        .socket::<UserSocket>("/socket", state)
        .start(Config::default())
        .await?;
    Ok(endpoint)
}
