//! A socket at its path.

use std::{any::Any, sync::Arc};

use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};

use super::{ConnectError, ConnectInfo, Params, Routes, SocketOptions, UserSocket};
use crate::{Endpoint, transport::websocket};

/// A socket at its path, with all that its connections share.
pub(crate) struct Mount<S: UserSocket> {
    pub(crate) path: String,
    pub(crate) state: S::State,
    pub(crate) routes: Routes<S>,
    pub(crate) options: SocketOptions,
}

/// A [`Mount`] of any socket type, as the endpoint sees it.
pub(crate) trait Mounted: Send + Sync {
    fn path(&self) -> &str;
    fn options(&self) -> &SocketOptions;
    /// A pattern that is no pattern, if there is one.
    fn invalid_pattern(&self) -> Option<&str>;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    /// Answers a request to open a WebSocket.
    fn open(
        self: Arc<Self>,
        endpoint: Endpoint,
        request: Request<axum::body::Body>,
    ) -> BoxFuture<'static, Response>;
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
}

impl<S: UserSocket> Mount<S> {
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
