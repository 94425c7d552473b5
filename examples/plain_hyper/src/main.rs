//! hyper serves this app. The requests of `/socket` are the endpoint's, and all others the app's.

use std::convert::Infallible;
use std::env;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::{Router, response::Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use presence_channels::{Config, Endpoint, PubSub};
use tokio::net::TcpListener;
use tower::ServiceExt;

mod room;
#[cfg(test)]
mod tests;

/// The longest time that a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(20);

/// The longest time that requests under way may take when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let port = env::var("PORT").unwrap_or("4000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    let shutdown = async { tokio::signal::ctrl_c().await.expect("ctrl-c is handled") };
    serve(listener, start().await?, shutdown).await;
    Ok(())
}

async fn start() -> anyhow::Result<Endpoint> {
    let endpoint = Endpoint::builder(PubSub::local())
        .socket::<room::UserSocket>("/socket", ())
        .start(Config::default())
        .await?;
    Ok(endpoint)
}

/// Accepts connections until `shutdown` returns. Then stops the endpoint, and waits for requests.
async fn serve(listener: TcpListener, endpoint: Endpoint, shutdown: impl Future<Output = ()>) {
    let routes: Router = endpoint.router();
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    let connections = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // As when the process has no file descriptors left.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Without it, a message may wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        let routes = routes.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            // The endpoint reads the client's address from here.
            request.extensions_mut().insert(ConnectInfo(peer));
            answer(request, routes.clone())
        });
        // WebSockets need upgrades.
        let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    // The endpoint ends polls and WebSockets, and requests under way end beside it.
    let drained = tokio::time::timeout(DRAIN, connections.shutdown());
    let ((), _) = tokio::join!(endpoint.stop(), drained);
}

async fn answer(request: Request<Incoming>, routes: Router) -> Result<Response, Infallible> {
    let path = request.uri().path();
    if path == "/socket" || path.starts_with("/socket/") {
        return routes.oneshot(request).await;
    }
    Ok(Response::new(Body::from("Hello from hyper\n")))
}
