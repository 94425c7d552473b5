//! Opening a WebSocket: origin, subprotocol, version, `connect`, handshake, in this order.
//!
//! The handshake is ours and not axum's `WebSocketUpgrade`, because what follows it is: frames
//! built once for all subscribers, written in gathered writes from a queue a socket.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use tungstenite::handshake::derive_accept_key;

use super::{
    Sink, Transport,
    auth_token::{self, Offer},
    pump,
    stream::Stream,
};
use crate::{
    ConnectInfo, Endpoint, Params, UserSocket,
    serializer::Version,
    socket::{Mount, Mounted},
};

/// Answers a request to open a WebSocket at `mount`.
pub(crate) async fn open<S: UserSocket>(
    mount: Arc<Mount<S>>,
    endpoint: Endpoint,
    request: Request<Body>,
) -> Response {
    let (mut parts, _) = request.into_parts();
    if endpoint.is_stopping() {
        return answer(StatusCode::SERVICE_UNAVAILABLE);
    }
    if !mount.allows_origin(&parts.headers, endpoint.config().host.as_deref()) {
        return answer(StatusCode::FORBIDDEN);
    }
    let mut offer = Offer::default();
    if mount.options.auth_token {
        offer = match auth_token::from_subprotocols(&parts.headers) {
            Ok(offer) => offer,
            Err(reason) => {
                tracing::info!(path = mount.path, %reason, "refused a client");
                return answer(StatusCode::FORBIDDEN);
            }
        };
    }
    let params = Params::from_query(parts.uri.query().unwrap_or_default());
    let vsn = params.get("vsn");
    let Some(version) = Version::negotiate(vsn, &mount.options.serializers) else {
        tracing::warn!(
            path = mount.path,
            vsn,
            "refused an unknown version of the protocol"
        );
        return answer(StatusCode::FORBIDDEN);
    };
    let Some(accept) = accept_key(&parts.headers) else {
        return answer(StatusCode::BAD_REQUEST);
    };
    let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
        tracing::error!("a WebSocket needs HTTP/1.1 and a server that supports upgrades");
        return answer(StatusCode::BAD_REQUEST);
    };
    let info = ConnectInfo::new(parts, &endpoint.config().trusted_proxies)
        .with_auth_token(offer.token.take());
    // Before `connect`, which may take its time: those who wait there count.
    let admission = match endpoint.admit(info.client_ip()) {
        Ok(admission) => admission,
        Err(full) => {
            let client = info.client_ip();
            tracing::warn!(
                path = mount.path,
                ?full,
                ?client,
                "refused one client too many"
            );
            return answer(full.status());
        }
    };
    let connecting = mount.connect(&params, &info, Transport::Websocket, &endpoint);
    let user = match connecting.await {
        Ok(user) => user,
        Err(refusal) => return answer(refusal.http_status()),
    };
    let address = info.client_ip();
    drop(info);
    let runtime = endpoint.runtime().clone();
    let idle_limit = mount.options.timeout;
    // Before the answer: who is disconnected from here on must not slip through the handshake.
    let connection = mount.open_for(
        user,
        address,
        endpoint,
        Sink::WebSocket,
        version,
        idle_limit,
    );
    runtime.spawn(async move {
        let _admission = admission;
        match upgrade.await {
            Ok(upgraded) => {
                let (stream, unread) = Stream::take_over(upgraded);
                connection.outbox().open(stream);
                pump::run(connection, unread).await;
            }
            Err(error) => tracing::debug!(%error, "a client went away during the handshake"),
        }
    });
    switching_protocols(accept, offer.has_protocol)
}

/// The answer to the client's key, if the request is a WebSocket handshake at all.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let has_token = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| {
                value
                    .split(',')
                    .any(|part| part.trim().eq_ignore_ascii_case(token))
            })
    };
    let is_handshake = has_token(header::CONNECTION, "upgrade")
        && has_token(header::UPGRADE, "websocket")
        && headers.get(header::SEC_WEBSOCKET_VERSION)? == "13";
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    is_handshake.then(|| derive_accept_key(key.as_bytes()).parse().ok())?
}

fn switching_protocols(accept: HeaderValue, has_protocol: bool) -> Response {
    let mut response = answer(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if has_protocol {
        let protocol = HeaderValue::from_static(auth_token::PROTOCOL);
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

fn answer(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
