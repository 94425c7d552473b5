//! The guide's app, `examples/hello`, on several nodes. The page and the presence are the same; the
//! PubSub has an engine, and there are rooms in which presence goes beyond Phoenix.

mod application;
mod channels;
mod engine;
mod node_page;
mod settings;

use std::env;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::settings::Settings;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // zenoh logs too much at the default level.
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse_lossy(
            env::var("RUST_LOG").unwrap_or("info,zenoh=warn,zenoh_transport=error".into()),
        );
    tracing_subscriber::fmt().with_env_filter(filter).init();

    let settings = Settings::read(|name| env::var(name).ok())?;
    let (host, port) = (settings.host.as_str(), settings.port);
    let listener = TcpListener::bind((host, port))
        .await
        .with_context(|| format!("cannot listen on HOST {host}, PORT {port}"))?;
    let app = application::start(&settings).await?;
    let router = hello::web::router()
        .merge(node_page::router(app.clone()))
        .merge(app.endpoint.router());
    tracing::info!(
        "{} is at http://{}",
        settings.node_name,
        listener.local_addr()?
    );

    // On a signal, the server closes its listener, stops the endpoint, and lets requests end.
    let server = presence_channels::serve(listener, router, &app.endpoint)
        .with_graceful_shutdown(shutdown());
    let second_signal = async {
        shutdown().await;
        shutdown().await;
    };
    tokio::select! {
        ended = server.into_future() => ended?,
        // A second signal ends the app without waiting.
        () = second_signal => {}
    }
    Ok(())
}

/// Returns on ctrl-c and on SIGTERM.
async fn shutdown() {
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM is handled");
    tokio::select! {
        ctrl_c = tokio::signal::ctrl_c() => ctrl_c.expect("ctrl-c is handled"),
        _ = terminate.recv() => {}
    }
}
