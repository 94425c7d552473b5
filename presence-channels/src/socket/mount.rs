use std::{any::Any, net::IpAddr, sync::Arc, time::Duration};

use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode, header, request::Parts};
use tracing::Instrument;

use super::{
    AnyConnection, ConnectError, ConnectInfo, Connection, ConnectionShared, Params, Routes,
    SocketOptions, UserRates, UserSocket,
    connection_shared::{logged_address, logged_user},
};
use crate::{
    Endpoint, InvalidOrigin,
    guard::{CallbackOutcome, guard},
    limits::OptionFault,
    origin::OriginPolicy,
    serializer::Version,
    telemetry::{self, Asked, Cut, MountMeters, ShownParams, Stopwatch, event_at, span_at},
    transport::{Sink, Transport, auth_token, websocket},
};

/// A socket at its path, with all that its connections share.
pub(crate) struct Mount<S: UserSocket> {
    pub(crate) path: String,
    pub(crate) state: S::State,
    pub(crate) routes: Routes<S>,
    pub(crate) options: SocketOptions,
    pub(crate) meters: MountMeters,
    pub(crate) user_rates: UserRates,
    /// The policy for origins, from the options. An endpoint with an invalid origin does not start.
    pub(crate) origins: Result<OriginPolicy, InvalidOrigin>,
}

/// A [`Mount`] of any socket type, as the endpoint sees it.
pub(crate) trait Mounted: Send + Sync {
    fn path(&self) -> &str;
    fn options(&self) -> &SocketOptions;
    fn meters(&self) -> &MountMeters;
    /// A pattern that is no pattern, if there is one.
    fn invalid_pattern(&self) -> Option<&str>;
    /// Returns the requirement of an added serializer that cannot be parsed, if there is one.
    fn invalid_requirement(&self) -> Option<&str> {
        let mut added = self.options().serializers.iter();
        added.find_map(|added| added.invalid_requirement())
    }
    /// Refuses a rate of a route that lets nothing through.
    fn check_rates(&self) -> Result<(), OptionFault>;
    fn origins(&self) -> &Result<OriginPolicy, InvalidOrigin>;
    /// Returns whether the page that sent `headers` may connect. Logs a refusal.
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
    /// Returns the `ConnectInfo` of a request that opens no WebSocket, whose auth token is in a
    /// header.
    fn connect_info(&self, endpoint: &Endpoint, parts: Parts) -> ConnectInfo {
        let auth_token = self.options().auth_token;
        let auth_token = auth_token.then(|| auth_token::from_header(&parts.headers));
        ConnectInfo::new(parts, &endpoint.config().trusted_proxies)
            .with_auth_token(auth_token.flatten())
    }
    /// Connects a client whose messages are taken from its outbox, if the socket accepts it. Such a
    /// client has no timeout.
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

    fn meters(&self) -> &MountMeters {
        &self.meters
    }

    fn invalid_pattern(&self) -> Option<&str> {
        self.routes.invalid_pattern()
    }

    fn check_rates(&self) -> Result<(), OptionFault> {
        self.routes.check_rates()
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
            let connecting = self.connect(params, info, Transport::Longpoll, &endpoint);
            let user = connecting.await?;
            let address = info.client_ip();
            let connection =
                self.open_for(user, address, endpoint, Sink::Queue, version, Duration::MAX);
            Ok(Box::new(connection) as Box<dyn AnyConnection>)
        })
    }
}

impl<S: UserSocket> Mount<S> {
    /// The connection of a client that was let in.
    pub(crate) fn open_for(
        self: Arc<Self>,
        user: S,
        address: Option<IpAddr>,
        endpoint: Endpoint,
        sink: Sink,
        version: Version,
        idle_limit: Duration,
    ) -> Connection<S> {
        let transport = match sink {
            Sink::Queue => Transport::Longpoll,
            Sink::WebSocket => Transport::Websocket,
        };
        let meter = self.meters.of(transport).clone();
        let outbox = endpoint.outbox(sink, &self.options.limits, meter);
        let shared =
            ConnectionShared::new(user, address, self, endpoint, outbox, version, idle_limit);
        Connection::new(Arc::new(shared))
    }

    /// Calls the socket's `connect`, and logs the result. A panic in it refuses this client and
    /// affects no other.
    pub(crate) async fn connect(
        &self,
        params: &Params,
        info: &ConnectInfo,
        transport: Transport,
        endpoint: &Endpoint,
    ) -> Result<S, ConnectError> {
        let (level, path, name) = (self.options.log, &*self.path, transport.name());
        let span = span_at!(
            level,
            telemetry::target::CONNECT,
            "connect",
            socket = path,
            transport = name
        );
        let watch = Stopwatch::start(!span.is_disabled());
        let connecting = || {
            let connecting = span.in_scope(|| S::connect(params, info, &self.state));
            connecting.instrument(span.clone())
        };
        let failed =
            |reason| Err(ConnectError::new(reason).status(StatusCode::INTERNAL_SERVER_ERROR));
        let connected = match guard(endpoint.handler_timeout(), connecting).await {
            CallbackOutcome::Done(connected) => connected.map_err(ConnectError::settle::<S>),
            CallbackOutcome::Panicked(panic) => failed(format!("connect panicked: {panic}")),
            CallbackOutcome::TimedOut => failed("connect took too long".to_owned()),
        };
        let params = ShownParams(&endpoint.config().filter_parameters, params);
        let elapsed = watch.elapsed();
        let _entered = span.entered();
        let address = logged_address(info.client_ip());
        let asked = match &connected {
            Ok(user) => {
                let user = logged_user(user);
                event_at!(level, telemetry::target::CONNECT, user, address, %params, ?elapsed, "connected");
                Asked::Ok
            }
            Err(failure) if failure.http_status().is_server_error() => {
                let reason = Cut(failure.reason()).to_string();
                tracing::error!(target: telemetry::target::CONNECT, path, address, %params, reason, "connect failed");
                Asked::Failed
            }
            Err(refusal) => {
                let reason = Cut(refusal.reason()).to_string();
                let status = refusal.http_status().as_u16();
                event_at!(level, telemetry::target::CONNECT, address, %params, ?elapsed, status, reason, "refused a client");
                Asked::Refused
            }
        };
        self.meters.of(transport).connected(asked);
        connected
    }
}
