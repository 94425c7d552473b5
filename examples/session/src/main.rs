//! A tower session decides whether a client may connect: log in by POST, then connect with the
//! cookie and the CSRF token of the page.

mod channels;
mod login;
#[cfg(test)]
mod tests;

use std::env;

use anyhow::Context;
use axum::{
    Router,
    routing::{get, post},
};
use presence_channels::{Config, Endpoint, PubSub};
use tokio::net::TcpListener;
use tower_sessions::{MemoryStore, SessionManagerLayer};

use crate::channels::UserSocket;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let (endpoint, app) = start().await?;
    let port = env::var("PORT").unwrap_or("4000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    presence_channels::serve(listener, app, &endpoint)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.expect("ctrl-c is handled") })
        .await?;
    Ok(())
}

async fn start() -> anyhow::Result<(Endpoint, Router)> {
    let endpoint = Endpoint::builder(PubSub::local())
        .socket::<UserSocket>("/socket", ())
        .start(Config::default())
        .await?;
    // A browser keeps a secure cookie only with TLS. In production, remove `with_secure(false)`.
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    let app = Router::new()
        .route("/", get(login::page))
        .route("/login", post(login::login))
        .route("/logout", post(login::logout).with_state(endpoint.clone()))
        .merge(endpoint.router())
        .layer(sessions);
    Ok((endpoint, app))
}
