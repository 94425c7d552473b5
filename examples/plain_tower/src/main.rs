//! The app is a tower service. The endpoint's routes stand in front of it.

use std::convert::Infallible;
use std::env;

use anyhow::Context;
use axum::body::Body;
use axum::{Router, extract::Request, response::Response};
use presence_channels::{Config, Endpoint, PubSub};
use tokio::net::TcpListener;
use tower::limit::ConcurrencyLimitLayer;
use tower::{ServiceBuilder, service_fn};

mod room;
#[cfg(test)]
mod tests;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let port = env::var("PORT").unwrap_or("4000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    let (endpoint, app) = start().await?;
    presence_channels::serve(listener, app, &endpoint)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.expect("ctrl-c is handled") })
        .await?;
    Ok(())
}

async fn start() -> anyhow::Result<(Endpoint, Router)> {
    let endpoint = Endpoint::builder(PubSub::local())
        .socket::<room::UserSocket>("/socket", ())
        .start(Config::default())
        .await?;
    // The app: any service that answers a request. A WebSocket is no request to it, and does not
    // count for its limit.
    let service = ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::new(100))
        .service(service_fn(answer));
    let app = endpoint.router().fallback_service(service);
    Ok((endpoint, app))
}

async fn answer(request: Request) -> Result<Response, Infallible> {
    let text = format!("Hello from tower at {}\n", request.uri().path());
    Ok(Response::new(Body::from(text)))
}
