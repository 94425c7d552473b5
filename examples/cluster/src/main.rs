//! The app of the Presence guide on several nodes.

mod application;
mod engine;
mod node_page;
#[cfg(test)]
mod tests;

use std::{env, net::SocketAddr};

use anyhow::Context;
use presence_channels::Config;
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use engine::Settings;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).init();

    let variable = |name: &str| env::var(name).ok();
    let host = variable("HOST").unwrap_or("127.0.0.1".to_owned());
    let port = variable("PORT").unwrap_or("4000".to_owned());
    let address = format!("{host}:{port}");
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on {address}: set HOST and PORT"))?;

    let settings = Settings::read(&port, variable)?;
    let engine = settings.connect().await?;
    let (endpoint, app) = application::start(engine, Config::default()).await?;
    tracing::info!("Running at http://{address}, node {:?}", settings.node_name);

    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.expect("ctrl-c is heard") })
        .await?;
    endpoint.stop().await;
    Ok(())
}
