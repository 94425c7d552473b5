//! One HTTP connection, from its accept to its end or to its upgrade.

use std::{
    convert::Infallible, error::Error, future::Future, net::SocketAddr, pin::pin, sync::Arc,
};

use axum::{Router, extract::ConnectInfo};
use http::{Request, Response};
#[cfg(not(feature = "http2"))]
use hyper::server::conn::http1;
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
#[cfg(feature = "http2")]
use hyper_util::{rt::TokioExecutor, server::conn::auto};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpStream, sync::watch};

use super::{
    Timeouts,
    accept::Phase,
    request_body::RequestBody,
    requests::{Requests, Silence},
    response_body::ResponseBody,
};
use crate::{
    outgoing::ServedStream,
    telemetry::{Limit, LimitMeters, LoggedClient},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// Serves connections, each with these settings.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) app: Router,
    pub(super) timeouts: Timeouts,
    /// The most bytes of a request's head, and of what hyper buffers of a connection.
    pub(super) max_head_bytes: usize,
    pub(super) limits: Arc<LimitMeters>,
}

impl Server {
    /// Serves one connection until it ends, is upgraded, or is silent for too long.
    pub(super) async fn run(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        mut phase: watch::Receiver<Phase>,
    ) {
        let stream = ServedStream::new(stream);
        let requests = Requests::new(self.timeouts, stream.stall().clone());
        let service = self.service(peer, requests.clone());
        let stream = TokioIo::new(stream);
        #[cfg(not(feature = "http2"))]
        let mut builder = http1::Builder::new();
        #[cfg(not(feature = "http2"))]
        let connection = builder
            .max_buf_size(self.max_head_bytes)
            .serve_connection(stream, service)
            .with_upgrades();
        // Reads the first bytes by themselves, to learn the version of HTTP.
        #[cfg(feature = "http2")]
        let mut builder = auto::Builder::new(TokioExecutor::new());
        #[cfg(feature = "http2")]
        builder.http1().max_buf_size(self.max_head_bytes);
        #[cfg(feature = "http2")]
        let max_head_bytes = u32::try_from(self.max_head_bytes).unwrap_or(u32::MAX);
        #[cfg(feature = "http2")]
        builder.http2().max_header_list_size(max_head_bytes);
        #[cfg(feature = "http2")]
        let connection = builder.serve_connection_with_upgrades(stream, service);
        let mut connection = pin!(connection);
        let mut silence = pin!(requests.silence());
        loop {
            tokio::select! {
                served = connection.as_mut() => {
                    if let Err(error) = served {
                        self.failed(&boxed(error), peer);
                    }
                    return;
                }
                silence = silence.as_mut() => {
                    self.close_silent(silence, peer);
                    return;
                }
                changed = phase.changed() => {
                    let is_draining = changed.is_ok() && *phase.borrow() == Phase::Draining;
                    if !is_draining {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                    requests.hurry();
                    silence.set(requests.silence());
                }
            }
        }
    }

    /// Returns the app as hyper calls it: with the peer's address, and with limits on bodies.
    fn service(
        &self,
        peer: SocketAddr,
        requests: Arc<Requests>,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<ResponseBody>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<ResponseBody>, Infallible>> + Send + 'static,
    > + 'static {
        let app = TowerToHyperService::new(self.app.clone());
        let timeout = self.timeouts.body;
        let limits = self.limits.clone();
        service_fn(move |request: Request<Incoming>| {
            let (under_way, version) = (requests.begin(), request.version());
            let mut request = request.map(|body| RequestBody::new(body, timeout, limits.clone()));
            request.extensions_mut().insert(ConnectInfo(peer));
            let response = app.call(request);
            async move {
                let response = response.await?;
                Ok(response.map(|body| ResponseBody::new(body, under_way, version)))
            }
        })
    }

    /// Counts and logs a head that is too large, which hyper has answered. Over HTTP/2 such a head
    /// ends no connection, and cannot be seen here.
    fn failed(&self, error: &BoxError, peer: SocketAddr) {
        let of_http: Option<&hyper::Error> = error.downcast_ref();
        if of_http.is_some_and(hyper::Error::is_parse_too_large) {
            let what = format_args!("a request of {peer}: {error}");
            return self
                .limits
                .refused_to(Limit::HeadBytes, what, || LoggedClient {
                    user: None,
                    address: Some(tracing::field::display(peer.ip())),
                });
        }
        tracing::debug!(%error, %peer, "an HTTP connection failed");
    }

    fn close_silent(&self, silence: Silence, peer: SocketAddr) {
        match silence {
            Silence::Head => {
                let what = format_args!("a connection of {peer} without a request");
                self.limits.closed(Limit::HeadTimeout, what);
            }
            Silence::Write => {
                let what = format_args!("a connection of {peer} that reads no response");
                self.limits.closed(Limit::WriteTimeout, what);
            }
            Silence::KeepAlive => {
                // Without a log line: most connections end so.
                self.limits.counted(Limit::KeepAliveTimeout, 1);
                let timeout = self.timeouts.keep_alive;
                tracing::trace!(%peer, ?timeout, "no request came within keep_alive_timeout");
            }
        }
    }
}

/// Boxes an error, which is boxed already with the feature `http2`.
fn boxed(error: impl Into<BoxError>) -> BoxError {
    error.into()
}

#[cfg(test)]
mod tests {
    use axum::{extract::Request, routing::get};
    use http::StatusCode;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Upgrades the connection, and sends whether it has `TCP_NODELAY`.
    async fn tell_nodelay(mut request: Request) -> (StatusCode, [(&'static str, &'static str); 2]) {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let upgraded = upgrade.await.unwrap();
            let (mut stream, _) = ServedStream::take_over(upgraded).unwrap();
            let nodelay = stream.nodelay().unwrap();
            stream.write_all(&[u8::from(nodelay)]).await.unwrap();
        });
        let headers = [("connection", "upgrade"), ("upgrade", "test")];
        (StatusCode::SWITCHING_PROTOCOLS, headers)
    }

    #[tokio::test]
    async fn every_connection_has_tcp_nodelay() {
        let server = Server {
            app: Router::new().route("/", get(tell_nodelay)),
            timeouts: Timeouts::default(),
            max_head_bytes: crate::serve::MAX_HEAD_BYTES,
            limits: Arc::new(LimitMeters::of_server()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let (_phase, follows) = watch::channel(Phase::Serving);
        tokio::spawn(server.run(stream, peer, follows));
        let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
                       upgrade: test\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer.last(), Some(&1), "{}", answer.escape_ascii());
    }
}
