//! A page's question whether it may connect, and why not. A browser shows a page neither status nor
//! body of a failed handshake.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};

use super::longpoll::{for_browsers, preflight};
use crate::{
    node::Node,
    socket::{
        Mounted, Refusal,
        handshake::{admit, examine},
    },
    telemetry::Transport,
};

/// Answers a request of the mount's own path. Returns `None` if the request belongs to no page's
/// question.
pub(crate) async fn answer(mount: Arc<dyn Mounted>, node: &Node, parts: Parts) -> Option<Response> {
    let answered = match parts.method {
        Method::GET if accepts_json(&parts.headers) => question(&*mount, node, parts).await,
        // A browser asks first whether a page of another origin may send a token in a header.
        Method::OPTIONS => permission(&*mount, node, parts).await,
        _ => return None,
    };
    let refused = |refusal: Refusal| {
        let status = refusal.status();
        let (headers, body) = refusal.into_shown();
        response(status, headers, body)
    };
    Some(for_browsers(answered.unwrap_or_else(refused)))
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let accepts_json = |value: &HeaderValue| {
        let ranges = value.to_str().unwrap_or_default().split(',');
        let mut types = ranges.filter_map(|range| range.split(';').next());
        types.any(|media| media.trim().eq_ignore_ascii_case("application/json"))
    };
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    accepted.any(accepts_json)
}

/// Takes a page's question through the handshake's steps, `connect` included, and connects nobody.
async fn question(mount: &dyn Mounted, node: &Node, mut parts: Parts) -> Result<Response, Refusal> {
    let params = examine(mount, node, &mut parts).await?;
    let mut candidate = admit(mount, node, params, parts, Transport::Probe)?;
    mount.probe(node, &mut candidate).await?;
    Ok(response(StatusCode::OK, HeaderMap::new(), Bytes::new()))
}

/// Answers a browser's preflight, after the same checks as a preflight of long-polling.
async fn permission(
    mount: &dyn Mounted,
    node: &Node,
    mut parts: Parts,
) -> Result<Response, Refusal> {
    examine(mount, node, &mut parts).await?;
    Ok(preflight(&parts.headers))
}

/// The app's body, or, if it has set none, the status in JSON.
fn response(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response {
    let (body, is_status) = match body.is_empty() {
        true => (format!(r#"{{"status":{}}}"#, status.as_u16()).into(), true),
        false => (body, false),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if is_status {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}
