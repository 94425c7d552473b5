//! A socket at its path.

use std::{any::Any, sync::Arc, time::Duration};

use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode, header, request::Parts};

use super::{
    AnyConnection, ConnectError, ConnectInfo, Connection, Params, Routes, Shared, SocketOptions,
    UserSocket,
};
use crate::{
    Endpoint, InvalidOrigin,
    origin::OriginPolicy,
    serializer::Version,
    transport::{Sink, auth_token, websocket},
};

/// A socket at its path, with all that its connections share.
pub(crate) struct Mount<S: UserSocket> {
    pub(crate) path: String,
    pub(crate) state: S::State,
    pub(crate) routes: Routes<S>,
    pub(crate) options: SocketOptions,
    /// What its options say of origins. An endpoint with an invalid one does not start.
    pub(crate) origins: Result<OriginPolicy, InvalidOrigin>,
}

/// A [`Mount`] of any socket type, as the endpoint sees it.
pub(crate) trait Mounted: Send + Sync {
    fn path(&self) -> &str;
    fn options(&self) -> &SocketOptions;
    /// A pattern that is no pattern, if there is one.
    fn invalid_pattern(&self) -> Option<&str>;
    /// What a serializer was added for that is no requirement, if there is one.
    fn invalid_requirement(&self) -> Option<&str> {
        let mut added = self.options().serializers.iter();
        added.find_map(|added| added.invalid_requirement())
    }
    fn origins(&self) -> &Result<OriginPolicy, InvalidOrigin>;
    /// May the page that sent `headers` connect? One that may not is logged.
    fn allows_origin(&self, headers: &HeaderMap, configured_host: Option<&str>) -> bool {
        let origins = self.origins().as_ref();
        let is_allowed = origins.is_ok_and(|origins| origins.allows(headers, configured_host));
        if !is_allowed {
            let (path, origin) = (self.path(), headers.get(header::ORIGIN));
            tracing::warn!(path, ?origin, "refused a page of another origin");
        }
        is_allowed
    }
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    /// Answers a request to open a WebSocket.
    fn open(
        self: Arc<Self>,
        endpoint: Endpoint,
        request: Request<axum::body::Body>,
    ) -> BoxFuture<'static, Response>;
    /// What `connect` sees of a request that opens no WebSocket: an auth token is in a header then.
    fn connect_info(&self, endpoint: &Endpoint, mut parts: Parts) -> ConnectInfo {
        let auth_token = self.options().auth_token;
        let auth_token = auth_token.then(|| auth_token::from_header(&mut parts.headers));
        ConnectInfo::new(parts, &endpoint.config().trusted_proxies)
            .with_auth_token(auth_token.flatten())
    }
    /// Connects a client whose messages somebody takes from its outbox, if the socket lets it in. It
    /// may be silent for ever.
    fn connect_queue<'a>(
        self: Arc<Self>,
        endpoint: Endpoint,
        params: &'a Params,
        info: &'a ConnectInfo,
        version: Version,
    ) -> BoxFuture<'a, Result<Box<dyn AnyConnection>, ConnectError>>;
}

impl<S: UserSocket> Mounted for Mount<S> {
    fn path(&self) -> &str {
        &self.path
    }

    fn options(&self) -> &SocketOptions {
        &self.options
    }

    fn invalid_pattern(&self) -> Option<&str> {
        self.routes.invalid_pattern()
    }

    fn origins(&self) -> &Result<OriginPolicy, InvalidOrigin> {
        &self.origins
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn open(
        self: Arc<Self>,
        endpoint: Endpoint,
        request: Request<axum::body::Body>,
    ) -> BoxFuture<'static, Response> {
        Box::pin(websocket::open(self, endpoint, request))
    }

    fn connect_queue<'a>(
        self: Arc<Self>,
        endpoint: Endpoint,
        params: &'a Params,
        info: &'a ConnectInfo,
        version: Version,
    ) -> BoxFuture<'a, Result<Box<dyn AnyConnection>, ConnectError>> {
        Box::pin(async move {
            let user = self.connect(params, info).await?;
            let connection = self.open_for(user, endpoint, Sink::Queue, version, Duration::MAX);
            Ok(Box::new(connection) as Box<dyn AnyConnection>)
        })
    }
}

impl<S: UserSocket> Mount<S> {
    /// The connection of a client that was let in.
    pub(crate) fn open_for(
        self: Arc<Self>,
        user: S,
        endpoint: Endpoint,
        sink: Sink,
        version: Version,
        idle_limit: Duration,
    ) -> Connection<S> {
        let outbox = endpoint.outbox(sink, &self.options.limits);
        let shared = Shared::new(user, self, endpoint, outbox, version, idle_limit);
        Connection::new(Arc::new(shared))
    }

    /// Asks the socket whether to let a client in. Its own panic is a refusal, and nobody else's.
    pub(crate) async fn connect(
        &self,
        params: &Params,
        info: &ConnectInfo,
    ) -> Result<S, ConnectError> {
        use futures_util::FutureExt;
        use std::panic::AssertUnwindSafe;

        let connecting = AssertUnwindSafe(S::connect(params, info, &self.state)).catch_unwind();
        match connecting.await {
            Ok(connected) => connected,
            Err(_) => {
                Err(ConnectError::new("connect panicked").status(StatusCode::INTERNAL_SERVER_ERROR))
            }
        }
    }
}
