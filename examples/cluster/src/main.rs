//! The guide's app, `examples/hello`, on several nodes. Sockets, channels and page are the same;
//! the PubSub has an engine.

mod application;
mod engine;
mod node_page;
mod settings;

use std::env;
use std::net::SocketAddr;

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

    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    // On shutdown, the server accepts no new connections and waits until the open ones have ended.
    let server = axum::serve(listener, service).with_graceful_shutdown(shutdown());
    // Meanwhile, the endpoint closes the connections of its clients.
    let drain = async {
        shutdown().await;
        app.endpoint.stop().await;
        Ok(())
    };
    let second_signal = async {
        shutdown().await;
        shutdown().await;
    };
    tokio::select! {
        ended = async { tokio::try_join!(server.into_future(), drain) } => { ended?; }
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
