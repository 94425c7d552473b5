//! Serves an app over HTTP: every connection is bounded in time, and so is the stop.
//!
//! This is glue around hyper's server. It parses no HTTP of its own.

mod accept;
mod connection;
mod request_body;
mod requests;
mod response_body;

use std::{
    fmt,
    future::{Future, IntoFuture, pending},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use tokio::net::TcpListener;

use crate::{
    Endpoint, OptionError,
    option_error::{SHORTEST_TIMEOUT, at_least},
    telemetry::LimitMeters,
};

/// The future of a [`Serve`], and of its shutdown signal.
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The default of [`Serve::max_head_bytes`]. hyper's own, 400 KB, is much for a client that sends
/// half a head. Over HTTP/2 it is 16 KiB, which the cookies of some sites exceed.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The least that hyper takes for a buffer.
const LEAST_HEAD_BYTES: usize = 8 * 1024;

/// Serves `app` on `listener`, as [`axum::serve()`] does, with limits on time, and with the stop of
/// `endpoint`.
///
/// Beyond [`axum::serve()`], it does this:
///
/// - It sets `TCP_NODELAY` on every connection, so that a message leaves at once.
/// - It gives a request the address of its peer as [`axum::extract::ConnectInfo`], which
///   [`ConnectInfo::client_ip`](crate::ConnectInfo::client_ip) reads.
/// - It closes a connection that sends no request, or half a request, or does not read its
///   response: see [`head_timeout`](Serve::head_timeout), [`body_timeout`](Serve::body_timeout),
///   [`write_timeout`](Serve::write_timeout) and [`keep_alive_timeout`](Serve::keep_alive_timeout).
/// - It stops in order, and ends whatever clients do: see
///   [`with_graceful_shutdown`](Serve::with_graceful_shutdown).
///
/// It serves HTTP/1.1, and with the feature `http2` also HTTP/2 without TLS. The head of a request
/// has at most 64 KiB: see [`max_head_bytes`](Serve::max_head_bytes). For TLS in the app itself, a
/// Unix socket, or another service than a [`Router`], use axum or hyper and call [`Endpoint::stop`]
/// beside it.
///
/// # Errors
/// The future returns an error of the kind [`InvalidInput`](io::ErrorKind::InvalidInput) at once,
/// with an [`OptionError`] inside, if a timeout other than the
/// [`drain_timeout`](Serve::drain_timeout) is under 100 ms, or `max_head_bytes` is under 8 KiB. It
/// returns no other error. A connection that cannot be accepted, as when the process has no file
/// descriptors left, is logged, and accepting goes on.
///
/// # Examples
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use presence_channels::{Config, Endpoint, PubSub};
/// use tokio::net::TcpListener;
///
/// # async fn shutdown() {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
/// let app = Router::new().route("/", get(|| async { "hello" })).merge(endpoint.router());
/// let listener = TcpListener::bind("127.0.0.1:4000").await?;
/// presence_channels::serve(listener, app, &endpoint)
///     .with_graceful_shutdown(shutdown())
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn serve(listener: TcpListener, app: Router, endpoint: &Endpoint) -> Serve {
    Serve {
        listener,
        app,
        endpoint: endpoint.clone(),
        signal: None,
        timeouts: Timeouts::default(),
        max_head_bytes: MAX_HEAD_BYTES,
        drain_timeout: endpoint.node().config().drain_timeout,
        limits: Arc::new(LimitMeters::of_server()),
    }
}

/// A server that is not running yet, as [`serve`] returns it. Await it to run it.
#[must_use = "a server runs only while it is awaited"]
pub struct Serve {
    listener: TcpListener,
    app: Router,
    endpoint: Endpoint,
    signal: Option<BoxFuture<()>>,
    timeouts: Timeouts,
    max_head_bytes: usize,
    drain_timeout: Duration,
    limits: Arc<LimitMeters>,
}

/// The limits on the time that a client takes for its requests and their responses.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    head: Duration,
    keep_alive: Duration,
    body: Duration,
    write: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(20),
            keep_alive: Duration::from_secs(75),
            body: Duration::from_secs(20),
            write: Duration::from_secs(60),
        }
    }
}

impl Timeouts {
    fn check(&self) -> Result<(), OptionError> {
        for (option, value) in [
            ("Serve::head_timeout", self.head),
            ("Serve::keep_alive_timeout", self.keep_alive),
            ("Serve::body_timeout", self.body),
            ("Serve::write_timeout", self.write),
        ] {
            at_least(option, value, SHORTEST_TIMEOUT)?;
        }
        Ok(())
    }
}

impl Serve {
    fn check(&self) -> Result<(), OptionError> {
        self.timeouts.check()?;
        at_least(
            "Serve::max_head_bytes",
            self.max_head_bytes,
            LEAST_HEAD_BYTES,
        )
    }

    /// Stops when `signal` ends. Then, in this order:
    ///
    /// 1. The listener and connections without a request are closed.
    /// 2. [`Endpoint::stop`] ends channels and polls, and closes WebSockets.
    /// 3. Meanwhile, requests under way end. Their connections are closed after them.
    /// 4. After the [`drain_timeout`](Self::drain_timeout), and when the endpoint has stopped, what
    ///    is left is closed: half a request, a response that its client does not read.
    ///
    /// So the stop takes at most [`Config::drain_spread`](crate::Config::drain_spread), the drain
    /// timeout, and the time that an engine needs to leave the cluster. Without this method the
    /// server runs until its future is dropped, which closes all connections.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_channels::{Config, Endpoint, PubSub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    /// let server = presence_channels::serve(listener, endpoint.router(), &endpoint)
    ///     .with_graceful_shutdown(async { drop(stopped.await) });
    /// let server = tokio::spawn(server.into_future());
    /// drop(stop);
    /// server.await??;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.signal = Some(Box::pin(signal));
        self
    }

    /// Sets the time in which a new connection must send the whole head of its first request.
    /// Default 20 s. A connection that sends nothing is closed after that time, too. Raise it if
    /// clients have very slow links. A proxy in front of the app sends heads at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_channels::{Config, Endpoint, PubSub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// use std::time::Duration;
    ///
    /// let server = presence_channels::serve(listener, endpoint.router(), &endpoint)
    ///     .head_timeout(Duration::from_secs(10));
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.head = timeout;
        self
    }

    /// Sets the time for which a connection may stay open after a response, until the whole head of
    /// its next request. Default 75 s. Keep it above the idle timeout of a proxy in front of the
    /// app (60 s with nginx and with AWS): otherwise the app may close a connection on which the
    /// proxy is just sending.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_channels::{Config, Endpoint, PubSub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// use std::time::Duration;
    ///
    /// let server = presence_channels::serve(listener, endpoint.router(), &endpoint)
    ///     .keep_alive_timeout(Duration::from_secs(5 * 60));
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.keep_alive = timeout;
        self
    }

    /// Sets the time for which the server waits for a request's body, in all. Default 20 s, and one
    /// second more for each 500 bytes that have arrived. The clock runs only while the app
    /// waits for the client's next bytes, so an app that takes its time costs its client nothing.
    /// After the timeout, reading the body fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_channels::{Config, Endpoint, PubSub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// use std::time::Duration;
    ///
    /// let server = presence_channels::serve(listener, endpoint.router(), &endpoint)
    ///     .body_timeout(Duration::from_secs(60));
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.body = timeout;
        self
    }

    /// Sets the time for which a client may take nothing of a response that waits for it. Default
    /// 60 s. After it the connection is closed. A client that reads slowly is not closed: each part
    /// that it takes begins the time anew. Raise it for clients that pause a download, such as a
    /// video.
    ///
    /// The time counts for a connection. A client of HTTP/2 that reads some responses and leaves
    /// others is not closed. A WebSocket has a limit of its own,
    /// [`Limits::slow_reader_timeout`](crate::Limits::slow_reader_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_channels::{Config, Endpoint, PubSub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// use std::time::Duration;
    ///
    /// let server = presence_channels::serve(listener, endpoint.router(), &endpoint)
    ///     .write_timeout(Duration::from_secs(30));
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.write = timeout;
        self
    }

    /// Sets the most bytes of a request's head: its first line and its headers. Default 64 KiB, at
    /// least 8 KiB. A larger head is refused with the status 431. Raise it if cookies or tokens in
    /// headers are larger. A client that sends half a head holds as much memory, and over HTTP/1.1
    /// also a client that reads its response slowly: hyper has one limit for both buffers.
    ///
    /// HTTP/1.1 refuses a request with more than 100 headers, or with a URI of more than 65,534
    /// bytes (the status 414), whatever this option is. The metrics and the log count them here,
    /// too. Over HTTP/2 a larger head gets its 431, but is neither counted nor logged.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_channels::{Config, Endpoint, PubSub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let server = presence_channels::serve(listener, endpoint.router(), &endpoint)
    ///     .max_head_bytes(128 * 1024);
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_head_bytes(mut self, bytes: usize) -> Self {
        self.max_head_bytes = bytes;
        self
    }

    /// Sets the time that requests under way have to end after the shutdown signal. Default:
    /// [`Config::drain_timeout`](crate::Config::drain_timeout), 10 s. With 0 they are cut as soon
    /// as the endpoint has stopped. Raise it if responses take longer, and give the process that
    /// much time before it is killed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_channels::{Config, Endpoint, PubSub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// use std::time::Duration;
    ///
    /// let server = presence_channels::serve(listener, endpoint.router(), &endpoint)
    ///     .drain_timeout(Duration::from_secs(30))
    ///     .with_graceful_shutdown(async { /* wait for a signal */ });
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Returns the address that the server listens on.
    ///
    /// # Errors
    /// Returns the error of the operating system.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_channels::{Config, Endpoint, PubSub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let endpoint = Endpoint::builder(PubSub::local()).start(Config::default()).await?;
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let server = presence_channels::serve(listener, endpoint.router(), &endpoint);
    /// assert_ne!(server.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl IntoFuture for Serve {
    type Output = io::Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(mut self) -> ServeFuture {
        let signal = self.signal.take().unwrap_or_else(|| Box::pin(pending()));
        ServeFuture(Box::pin(async move {
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
            self.check().map_err(invalid)?;
            accept::run(self, signal).await;
            Ok(())
        }))
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("timeouts", &self.timeouts)
            .field("max_head_bytes", &self.max_head_bytes)
            .field("drain_timeout", &self.drain_timeout)
            .finish_non_exhaustive()
    }
}

/// The running server of a [`Serve`]. Dropping it closes all of the server's HTTP connections.
#[must_use = "a server runs only while it is awaited"]
pub struct ServeFuture(BoxFuture<io::Result<()>>);

impl Future for ServeFuture {
    type Output = io::Result<()>;

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ServeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeFuture").finish_non_exhaustive()
    }
}
