//! The application that the conformance kit talks to. See its README.

mod application;
mod channels;

use std::env;

use anyhow::Context;
use axum::{Router, routing::get};
use presence_channels::Config;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let port: u16 = match env::var("PORT") {
        Ok(port) => port
            .parse()
            .with_context(|| format!("PORT is `{port}`: it must be a number up to 65535"))?,
        Err(_) => 4018,
    };
    let endpoint = application::start(Config::default()).await?;
    let app: Router = Router::new()
        .route("/token/{user_id}/{seconds}", get(application::token))
        .merge(endpoint.router())
        .with_state(endpoint.clone());
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    presence_channels::serve(listener, app, &endpoint)
        .with_graceful_shutdown(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}
