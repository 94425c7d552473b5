//! Opens WebSockets. The steps before it are those of every transport (`socket/handshake.rs`).
//!
//! The handshake is ours and not axum's `WebSocketUpgrade`, because what follows it is: frames
//! built once for all subscribers, written in gathered writes from a queue a socket.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use tungstenite::handshake::derive_accept_key;

use super::pump;
use crate::{
    Endpoint, UserSocket,
    outgoing::Sink,
    socket::{
        Mount, Mounted, Refusal,
        handshake::{self, Candidate},
    },
    telemetry::{Refused, Transport},
};

/// A [`Mounted`] socket that opens WebSockets. The task of a WebSocket knows the socket's type.
pub(crate) trait OpensWebSockets: Mounted {
    /// Answers a request at the mount's `/websocket`.
    fn open(
        self: Arc<Self>,
        endpoint: Endpoint,
        request: Request<Body>,
    ) -> BoxFuture<'static, Response>;
}

impl<S: UserSocket> OpensWebSockets for Mount<S> {
    fn open(
        self: Arc<Self>,
        endpoint: Endpoint,
        request: Request<Body>,
    ) -> BoxFuture<'static, Response> {
        Box::pin(serve(self, endpoint, request))
    }
}

async fn serve<S: UserSocket>(
    mount: Arc<Mount<S>>,
    endpoint: Endpoint,
    request: Request<Body>,
) -> Response {
    let (parts, _) = request.into_parts();
    let opened = open(mount, endpoint, parts).await;
    opened.unwrap_or_else(|refusal| {
        let mut response = answer(refusal.status());
        let (headers, body) = refusal.into_shown();
        *response.headers_mut() = headers;
        *response.body_mut() = Body::from(body);
        response
    })
}

/// Opens a WebSocket, if the socket lets the client in.
async fn open<S: UserSocket>(
    mount: Arc<Mount<S>>,
    endpoint: Endpoint,
    mut parts: Parts,
) -> Result<Response, Refusal> {
    if parts.method != Method::GET {
        return Err(not_a_handshake(&mount, "it is no GET"));
    }
    let params = handshake::examine(&*mount, endpoint.node(), &mut parts).await?;
    let accept = accept_key(&parts.headers);
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let transport = Transport::Websocket;
    let mut candidate = handshake::admit(&*mount, endpoint.node(), params, parts, transport)?;
    let accepted = mount
        .let_in(&mut candidate, transport, endpoint.node())
        .await?;
    // Last, as in Phoenix: a refusal by the socket comes before.
    let no_headers = "headers are missing; a proxy must pass on `Connection` and `Upgrade`";
    let accept = accept.ok_or_else(|| not_a_handshake(&mount, no_headers))?;
    let no_upgrade = "it needs HTTP/1.1, and a server that supports upgrades";
    let upgrade = upgrade.ok_or_else(|| not_a_handshake(&mount, no_upgrade))?;
    let user = mount.connected(accepted, &candidate, transport, endpoint.node());
    let runtime = endpoint.node().runtime().clone();
    let idle_limit = mount.options.timeout;
    // Before the answer: who is disconnected from here on must not slip through the handshake.
    let connection = mount.open_admitted(user, &candidate, endpoint, Sink::WebSocket, idle_limit);
    let Candidate {
        admission,
        subprotocol,
        ..
    } = candidate;
    runtime.spawn(pump::run(connection, upgrade, admission));
    Ok(switching_protocols(accept, subprotocol))
}

fn not_a_handshake<S: UserSocket>(mount: &Mount<S>, reason: &str) -> Refusal {
    if let Some(suppressed) = mount.meters.limits().pass(Refused::Handshake) {
        let socket = &*mount.path;
        tracing::warn!(
            socket,
            reason,
            suppressed,
            "refused a WebSocket's handshake"
        );
    }
    Refusal::NotAHandshake
}

/// The answer to the client's key, if the request is a WebSocket handshake at all.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let has_token = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| {
                let mut parts = value.split(',');
                value.eq_ignore_ascii_case(token)
                    || parts.any(|part| part.trim().eq_ignore_ascii_case(token))
            })
    };
    let is_handshake = has_token(header::CONNECTION, "upgrade")
        && has_token(header::UPGRADE, "websocket")
        && headers.get(header::SEC_WEBSOCKET_VERSION)? == "13";
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    is_handshake.then(|| derive_accept_key(key.as_bytes()).parse().ok())?
}

fn switching_protocols(accept: HeaderValue, subprotocol: Option<HeaderValue>) -> Response {
    let mut response = answer(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(subprotocol) = subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}

fn answer(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
