//! Handles the requests of clients that poll.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, request::Parts};

use super::{
    Longpoll, SessionKey,
    answer::{self, Messages},
    batch::{BadBody, BodyKind},
};
use crate::{Endpoint, Params, serializer::Version, socket::Mounted};

/// The header in which clients may send a session's token instead of the URL. It overrides the
/// URL's token.
pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-phoenix-longpoll-token");

/// Answers a request at the mount's `/longpoll`.
pub(crate) async fn serve(
    longpoll: Arc<Longpoll>,
    mount: Arc<dyn Mounted>,
    endpoint: Endpoint,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let host = endpoint.config().host.as_deref();
    let response = if !mount.allows_origin(&parts.headers, host) {
        answer::status(StatusCode::FORBIDDEN)
    } else {
        match parts.method {
            Method::OPTIONS => answer::preflight(&parts.headers),
            Method::GET => get(&longpoll, mount, endpoint, parts).await,
            Method::POST => post(&longpoll, &parts, body).await,
            _ => answer::empty(StatusCode::BAD_REQUEST),
        }
    };
    answer::for_browsers(response)
}

async fn get(
    longpoll: &Arc<Longpoll>,
    mount: Arc<dyn Mounted>,
    endpoint: Endpoint,
    parts: Parts,
) -> Response {
    let params = Params::from_query(parts.uri.query().unwrap_or_default());
    if let Some(token) = session_token(&params, &parts.headers)
        && let Some(key) = longpoll.tokens.verify(token)
        && let Some(messages) = longpoll.poll(&key).await
    {
        return answer::polled(token, &messages);
    }
    open(longpoll, mount, endpoint, &params, parts).await
}

/// Opens a session, if the socket lets the client in.
async fn open(
    longpoll: &Arc<Longpoll>,
    mount: Arc<dyn Mounted>,
    endpoint: Endpoint,
    params: &Params,
    parts: Parts,
) -> Response {
    if endpoint.is_stopping() {
        return answer::empty(StatusCode::SERVICE_UNAVAILABLE);
    }
    let path = mount.path().to_owned();
    let vsn = params.get("vsn");
    let Some(version) = Version::negotiate(vsn, &mount.options().serializers) else {
        tracing::warn!(path, vsn, "refused an unknown version of the protocol");
        return answer::status(StatusCode::FORBIDDEN);
    };
    let info = mount.connect_info(&endpoint, parts);
    // As for a WebSocket, before `connect`.
    let admission = match endpoint.admit(info.client_ip()) {
        Ok(admission) => admission,
        Err(full) => {
            let client = info.client_ip();
            tracing::warn!(path, ?full, ?client, "refused one client too many");
            return answer::empty(full.status());
        }
    };
    match mount.connect_queue(endpoint, params, &info, version).await {
        Ok(connection) => answer::opened(&longpoll.open(connection, admission)),
        Err(refusal) => {
            // The two statuses of a refusal that phoenix.js knows; the second it tries again.
            answer::status(match refusal.http_status().is_server_error() {
                false => StatusCode::FORBIDDEN,
                true => StatusCode::INTERNAL_SERVER_ERROR,
            })
        }
    }
}

async fn post(longpoll: &Longpoll, parts: &Parts, body: Body) -> Response {
    let params = Params::from_query(parts.uri.query().unwrap_or_default());
    let token = session_token(&params, &parts.headers);
    let status = match token.and_then(|token| longpoll.tokens.verify(token)) {
        Some(key) => {
            let kind = BodyKind::of(&parts.headers);
            longpoll.publish(&key, kind, body).await
        }
        None => StatusCode::GONE,
    };
    answer::status(status)
}

fn session_token<'a>(params: &'a Params, headers: &'a HeaderMap) -> Option<&'a str> {
    match headers.get(TOKEN_HEADER) {
        Some(token) => token.to_str().ok(),
        None => params.get("token"),
    }
}

impl Longpoll {
    /// Returns the messages that wait for the client. Returns `None` if the session has ended.
    async fn poll(&self, key: &SessionKey) -> Option<Messages> {
        if !self.is_here(key) {
            return self.poll_peer(key).await;
        }
        let frames = self.find_here(key)?.poll(usize::MAX).await;
        Some(Messages::of(&frames))
    }

    async fn publish(&self, key: &SessionKey, kind: BodyKind, body: Body) -> StatusCode {
        let limit = self.limits.body_bytes;
        if self.is_here(key) {
            let Some(session) = self.find_here(key) else {
                return StatusCode::GONE;
            };
            let batch = async { kind.read(read(body, limit).await?, self.limits) };
            return session.publish(batch).await;
        }
        match tokio::time::timeout(self.options.window, read(body, limit)).await {
            Ok(Ok(body)) => self.publish_to_peer(key, kind, &body).await,
            Ok(Err(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Err(_) => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// The body, if it is whole and within `limit`. The answer to a client that has disconnected is not
/// read.
async fn read(body: Body, limit: usize) -> Result<Bytes, BadBody> {
    to_bytes(body, limit).await.map_err(|_| BadBody::TooLarge)
}
