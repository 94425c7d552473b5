//! The server under attack, on a runtime of its own thread.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use presence_channels::{Config, Endpoint, Limits, LongpollOptions, PubSub, SocketOptions};
use sample_app::{Probe, SampleApp};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    runtime::{Builder, Runtime},
};

/// The default limits of what waits for a handler.
pub(crate) const MAX_WAITING_MESSAGES: usize = 1000;
pub(crate) const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;
/// The timeout of a client that is silent, or sends no whole message.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
/// The timeout of a handler.
pub(crate) const HANDLER_TIMEOUT: Duration = Duration::from_secs(30);
/// The window of long-polling.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);
/// The bytes that a pipe holds each way, as a system's socket does.
pub(crate) const PIPE: usize = 16 * 1024;

/// A server, and what runs it.
pub(crate) struct World {
    runtime: Runtime,
    pub(crate) endpoint: Endpoint,
    pub(crate) probe: Arc<Probe>,
}

/// The memory that was held during a measurement, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// The most at once, beyond what was there before.
    pub(crate) peak: u64,
    /// The bytes that are still held at the end.
    pub(crate) left: i64,
}

impl World {
    /// One socket at `/socket`, with these limits.
    pub(crate) fn start(limits: Limits) -> Self {
        Self::start_configured(limits, Config::default())
    }

    pub(crate) fn start_configured(limits: Limits, config: Config) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let app = runtime.block_on(start(limits, config, PubSub::local()));
        Self {
            runtime,
            endpoint: app.endpoint,
            probe: app.probe,
        }
    }

    pub(crate) fn run<T>(&self, clients: impl Future<Output = T>) -> T {
        self.runtime.block_on(clients)
    }

    /// Runs `clients`, and measures the memory that is held meanwhile.
    pub(crate) fn measure<T>(&self, clients: impl Future<Output = T>) -> (T, Held) {
        let mut result = None;
        let mut clients = pin!(clients);
        let measured = allocation_counter::measure(|| {
            result = Some(self.runtime.block_on(clients.as_mut()));
        });
        let held = Held {
            peak: measured.bytes_max,
            left: measured.bytes_current,
        };
        (result.unwrap(), held)
    }

    /// A pipe to the server.
    pub(crate) fn connect(endpoint: &Endpoint) -> DuplexStream {
        let (near, far) = tokio::io::duplex(PIPE);
        Self::serve(endpoint, far);
        near
    }

    /// Serves a client at the other end of `connection`.
    pub(crate) fn serve(
        endpoint: &Endpoint,
        connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) {
        let router: Router = endpoint.router();
        let server = http1::Builder::new()
            .serve_connection(TokioIo::new(connection), TowerToHyperService::new(router));
        tokio::spawn(server.with_upgrades());
    }
}

/// Starts an app with one socket at `/socket`.
pub(crate) async fn start(limits: Limits, config: Config, pubsub: PubSub) -> SampleApp {
    let options = SocketOptions::default()
        .timeout(TIMEOUT)
        .limits(limits)
        .longpoll(LongpollOptions::default().window(WINDOW));
    let config = config.handler_timeout(HANDLER_TIMEOUT);
    let app = SampleApp::builder()
        .pubsub(pubsub)
        .config(config)
        .mount("/socket", options);
    app.start().await.unwrap()
}

/// Lets what is under way go on until it waits. Nothing here takes a millisecond of a paused clock.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
