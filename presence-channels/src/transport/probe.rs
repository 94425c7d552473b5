//! A page's question whether it may connect, and why not. A browser shows a page neither status nor
//! body of a failed handshake.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};

use super::longpoll::for_browsers;
use crate::{
    node::Node,
    socket::{
        Mounted, Refusal,
        handshake::{admit, examine},
    },
    telemetry::Transport,
};

/// Returns whether a request of the mount's own path is a page's question.
pub(crate) fn is_probe(parts: &Parts) -> bool {
    let accepts_json = |value: &HeaderValue| {
        let ranges = value.to_str().unwrap_or_default().split(',');
        let mut types = ranges.filter_map(|range| range.split(';').next());
        types.any(|media| media.trim().eq_ignore_ascii_case("application/json"))
    };
    let mut accepted = parts.headers.get_all(header::ACCEPT).iter();
    parts.method == Method::GET && accepted.any(accepts_json)
}

/// Answers a page's question: takes it through the handshake's steps, `connect` included, and
/// connects nobody.
pub(crate) async fn answer(mount: Arc<dyn Mounted>, node: &Node, parts: Parts) -> Response {
    let (status, (headers, body)) = match steps(&*mount, node, parts).await {
        Ok(()) => (StatusCode::OK, Default::default()),
        Err(refusal) => (refusal.status(), refusal.into_shown()),
    };
    for_browsers(response(status, headers, body))
}

async fn steps(mount: &dyn Mounted, node: &Node, mut parts: Parts) -> Result<(), Refusal> {
    let params = examine(mount, node, &mut parts).await?;
    let mut candidate = admit(mount, node, params, parts, Transport::Probe)?;
    mount.probe(node, &mut candidate).await
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
