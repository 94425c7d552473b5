use std::{any::Any, net::IpAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use http::StatusCode;
use tracing::{Instrument, Span};

use super::{
    AnyConnection, ConnectError, ConnectInfo, Connection, ConnectionShared, Params, Routes,
    SocketOptions, UserRates, UserSocket,
    connection_shared::{NewClient, logged_address, logged_user},
    handshake::{Candidate, Refusal},
    params::ShownParams,
};
use crate::{
    Endpoint, InvalidOrigin,
    guard::{CallbackOutcome, guard},
    node::Node,
    option_error::OptionError,
    origin::OriginPolicy,
    outgoing::Sink,
    serializer::Version,
    telemetry::{
        self, Asked, CutError, LoggedClient, MountMeters, Refused, Stopwatch, Transport, event_at,
        span_at,
    },
};

/// A client that the socket lets in, and that is not connected yet.
pub(crate) struct Accepted<S> {
    user: S,
    /// The span of `connect`, for the log.
    span: Span,
    elapsed: Duration,
}

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
    fn check_rates(&self) -> Result<(), OptionError>;
    fn origins(&self) -> &Result<OriginPolicy, InvalidOrigin>;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    /// Connects a client whose messages are taken from its outbox, if the socket accepts it. Such a
    /// client has no timeout.
    fn connect_queue<'a>(
        self: Arc<Self>,
        endpoint: Endpoint,
        candidate: &'a mut Candidate,
    ) -> BoxFuture<'a, Result<Box<dyn AnyConnection>, Refusal>>;
    /// Asks the socket whether it accepts a client, and connects nobody.
    fn probe<'a>(
        &'a self,
        node: &'a Node,
        candidate: &'a mut Candidate,
    ) -> BoxFuture<'a, Result<(), Refusal>>;
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

    fn check_rates(&self) -> Result<(), OptionError> {
        self.routes.check_rates()
    }

    fn origins(&self) -> &Result<OriginPolicy, InvalidOrigin> {
        &self.origins
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn connect_queue<'a>(
        self: Arc<Self>,
        endpoint: Endpoint,
        candidate: &'a mut Candidate,
    ) -> BoxFuture<'a, Result<Box<dyn AnyConnection>, Refusal>> {
        Box::pin(async move {
            let letting_in = self.let_in(candidate, Transport::Longpoll, endpoint.node());
            let accepted = letting_in.await?;
            let user = self.connected(accepted, candidate, Transport::Longpoll, endpoint.node());
            let connection =
                self.open_admitted(user, candidate, endpoint, Sink::Queue, Duration::MAX);
            Ok(Box::new(connection) as Box<dyn AnyConnection>)
        })
    }

    fn probe<'a>(
        &'a self,
        node: &'a Node,
        candidate: &'a mut Candidate,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let accepted = self.let_in(candidate, Transport::Probe, node).await?;
            self.connected(accepted, candidate, Transport::Probe, node);
            Ok(())
        })
    }
}

impl<S: UserSocket> Mount<S> {
    /// Opens the connection of a client that was let in. Its channels keep the client's place.
    pub(crate) fn open_admitted(
        self: Arc<Self>,
        user: S,
        candidate: &Candidate,
        endpoint: Endpoint,
        sink: Sink,
        idle_limit: Duration,
    ) -> Connection<S> {
        let client = NewClient {
            user,
            address: candidate.info.client_ip(),
            version: candidate.version.clone(),
            place: Some(candidate.admission.clone()),
        };
        self.open(client, endpoint, sink, idle_limit)
    }

    /// Opens the connection of a client that takes no place, for the test kit.
    pub(crate) fn open_for(
        self: Arc<Self>,
        user: S,
        address: Option<IpAddr>,
        endpoint: Endpoint,
        sink: Sink,
        version: Version,
        idle_limit: Duration,
    ) -> Connection<S> {
        let client = NewClient {
            user,
            address,
            version,
            place: None,
        };
        self.open(client, endpoint, sink, idle_limit)
    }

    fn open(
        self: Arc<Self>,
        client: NewClient<S>,
        endpoint: Endpoint,
        sink: Sink,
        idle_limit: Duration,
    ) -> Connection<S> {
        let transport = match sink {
            Sink::Queue => Transport::Longpoll,
            Sink::WebSocket => Transport::Websocket,
        };
        let meter = self.meters.of(transport).clone();
        let outbox = endpoint.node().outbox(sink, &self.options.limits, meter);
        let shared = ConnectionShared::new(client, self, endpoint, outbox, idle_limit);
        Connection::new(Arc::new(shared))
    }

    /// Takes a candidate through the last steps of the handshake: `connect`, and the user's place.
    pub(crate) async fn let_in(
        &self,
        candidate: &mut Candidate,
        transport: Transport,
        node: &Node,
    ) -> Result<Accepted<S>, Refusal> {
        let (params, info) = (&candidate.params, &candidate.info);
        let connecting = self.connect(params, info, transport, node);
        let accepted = connecting.await.map_err(Refusal::App)?;
        if let Some(limit) = self.options.limits.max_connections_per_user
            && let Some(id) = accepted.user.id()
        {
            let taken = candidate.admission.take_for_user(id, limit);
            taken.map_err(|full| {
                let limits = self.meters.limits();
                limits.refused_to(full.limit(), "a connection", || LoggedClient {
                    user: logged_user(&accepted.user),
                    address: logged_address(candidate.info.client_ip()),
                });
                Refusal::Full(full)
            })?;
        }
        Ok(accepted)
    }

    /// Counts and logs a client that no step of the handshake refuses any more. Returns its user.
    pub(crate) fn connected(
        &self,
        accepted: Accepted<S>,
        candidate: &Candidate,
        transport: Transport,
        node: &Node,
    ) -> S {
        let Accepted {
            user,
            span,
            elapsed,
        } = accepted;
        let level = self.options.log;
        let params = ShownParams(&node.config().filter_parameters, &candidate.params);
        let address = logged_address(candidate.info.client_ip());
        let _entered = span.entered();
        if transport == Transport::Probe {
            let user = logged_user(&user);
            event_at!(level, telemetry::target::CONNECT, user, address, %params, ?elapsed, "may connect");
        } else {
            self.meters.of(transport).connected(Asked::Ok);
            let user = logged_user(&user);
            event_at!(level, telemetry::target::CONNECT, user, address, %params, ?elapsed, "connected");
        }
        user
    }

    /// Calls the socket's `connect`, and logs a refusal or a failure. A panic in it refuses this
    /// client and affects no other.
    async fn connect(
        &self,
        params: &Params,
        info: &ConnectInfo,
        transport: Transport,
        node: &Node,
    ) -> Result<Accepted<S>, ConnectError> {
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
            // A panic in `id` must not wait until the client has been let in.
            let connecting = async { connecting.await.inspect(|user| drop(user.id())) };
            connecting.instrument(span.clone())
        };
        let failed =
            |reason| Err(ConnectError::new(reason).status(StatusCode::INTERNAL_SERVER_ERROR));
        let connected = match guard(node.handler_timeout(), connecting).await {
            CallbackOutcome::Done(connected) => connected.map_err(ConnectError::settle::<S>),
            CallbackOutcome::Panicked(panic) => failed(format!("connect panicked: {panic}")),
            CallbackOutcome::TimedOut => failed("connect took too long".to_owned()),
        };
        let elapsed = watch.elapsed();
        let refusal = match connected {
            Ok(user) => {
                return Ok(Accepted {
                    user,
                    span,
                    elapsed,
                });
            }
            Err(refusal) => refusal,
        };
        let params = ShownParams(&node.config().filter_parameters, params);
        let _entered = span.entered();
        let address = logged_address(info.client_ip());
        let reason = CutError(refusal.reason()).to_string();
        let asked = if refusal.http_status().is_server_error() {
            if let Some(suppressed) = self.meters.limits().pass(Refused::FailedClient) {
                tracing::error!(target: telemetry::target::CONNECT, path, address, %params, reason, suppressed, "connect failed");
            }
            Asked::Failed
        } else {
            let status = refusal.http_status().as_u16();
            if let Some(suppressed) = self.meters.limits().pass(Refused::Client) {
                event_at!(level, telemetry::target::CONNECT, address, %params, ?elapsed, status, reason, suppressed, "refused a client");
            }
            Asked::Refused
        };
        if transport != Transport::Probe {
            self.meters.of(transport).connected(asked);
        }
        Err(refusal)
    }
}
