//! Accepts connections, and stops.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{BoxFuture, Serve, connection::Server};
use crate::telemetry::{Gate, Limit};

/// The wait after a failure to accept that concerns the whole process.
const RETRY: Duration = Duration::from_millis(100);

/// The time that connections have to end once they are told to close. They need none, unless the
/// app blocks their threads.
const CLOSING: Duration = Duration::from_secs(1);

/// The phase of a server, which its connections follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Serve requests.
    Serving,
    /// End after the request under way.
    Draining,
    /// End now.
    Closing,
}

/// Serves until `signal` ends, and then stops.
pub(super) async fn run(serve: Serve, signal: BoxFuture<()>) {
    let Serve {
        listener,
        app,
        endpoint,
        timeouts,
        max_head_bytes,
        drain_timeout,
        limits,
        signal: _,
    } = serve;
    let server = Server {
        app,
        timeouts,
        max_head_bytes,
        limits,
    };
    // Each connection has a receiver until it ends.
    let (phase, _) = watch::channel(Phase::Serving);
    tokio::select! {
        () = signal => {}
        () = accept_all(&listener, &server, &phase) => {}
    }
    drop(listener);
    let _ = phase.send(Phase::Draining);

    let begin = Instant::now();
    let drained = async {
        tokio::select! {
            () = phase.closed() => {}
            () = wait_until(begin, drain_timeout) => {}
        }
    };
    // A poll under way is a request, which the endpoint ends.
    tokio::join!(drained, endpoint.stop());
    let left = phase.receiver_count();
    if left > 0 {
        server.limits.closed_all(
            Limit::DrainTimeout,
            left,
            format_args!("{left} connections whose requests had not ended"),
        );
        let _ = phase.send(Phase::Closing);
        let _ = timeout(CLOSING, phase.closed()).await;
    }
}

async fn wait_until(begin: Instant, timeout: Duration) {
    match begin.checked_add(timeout) {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Accepts connections until the future is dropped.
async fn accept_all(listener: &TcpListener, server: &Server, phase: &watch::Sender<Phase>) {
    // Such failures come by the dozen.
    let log = Gate::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => spawn(server, stream, peer, phase.subscribe()),
            Err(error) if concerns_one_connection(&error) => {
                tracing::debug!(%error, "a client went away before it was accepted");
            }
            Err(error) => {
                if let Some(suppressed) = log.pass() {
                    tracing::error!(
                        %error,
                        suppressed,
                        "cannot accept connections and tries again; if no file descriptors are \
                         left, raise the limit of the process"
                    );
                }
                // The connection stays in the kernel's queue.
                sleep(RETRY).await;
            }
        }
    }
}

fn spawn(server: &Server, stream: TcpStream, peer: SocketAddr, phase: watch::Receiver<Phase>) {
    tokio::spawn(server.clone().run(stream, peer, phase));
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
