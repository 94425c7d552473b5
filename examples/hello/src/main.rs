use std::env;
use std::net::SocketAddr;

use anyhow::Context;
use presence_channels::Config;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use hello::{application, web};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Set `RUST_LOG=debug` to log more.
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).init();

    let listener = listen().await?;
    let mut config = Config::default();
    // Without it, only pages at localhost and at IP addresses may connect.
    if let Ok(host) = env::var("PHX_HOST") {
        config = config.host(host);
    }
    let endpoint = application::start(config).await?;
    let app = web::router().merge(endpoint.router());
    tracing::info!("Running at {}", url(listener.local_addr()?));

    // On a signal, the server closes its listener, stops the endpoint, and lets requests end.
    let server =
        presence_channels::serve(listener, app, &endpoint).with_graceful_shutdown(shutdown());
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

/// Listens on `HOST` (127.0.0.1 if unset) and `PORT` (4000 if unset).
async fn listen() -> anyhow::Result<TcpListener> {
    let host = env::var("HOST").unwrap_or_else(|_| "127.0.0.1".to_owned());
    let port = env::var("PORT").unwrap_or_else(|_| "4000".to_owned());
    let port: u16 = port
        .parse()
        .with_context(|| format!("PORT is `{port}`: it must be a number up to 65535"))?;

    let cannot_listen = || {
        format!(
            "cannot listen on HOST `{host}`, PORT {port}: set them to an address of this machine \
             and a free port, for example PORT=4001"
        )
    };
    TcpListener::bind((host.as_str(), port))
        .await
        .with_context(cannot_listen)
}

/// Returns the URL to open in a browser on this machine.
fn url(address: SocketAddr) -> String {
    let ip = address.ip();
    if ip.is_loopback() || ip.is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// Returns on ctrl-c, and on Unix also on SIGTERM.
async fn shutdown() {
    let ctrl_c = async { tokio::signal::ctrl_c().await.expect("ctrl-c is handled") };

    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM is handled");
        terminate.recv().await;
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();

    tokio::select! {
        () = ctrl_c => {}
        () = terminate => {}
    }
}
