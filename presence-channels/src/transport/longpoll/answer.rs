//! Responses to clients that poll: JSON with its own status, in an HTTP 200.
//!
//! A browser's page may come from elsewhere, so every answer carries the CORS headers;
//! [`CheckOrigin`](crate::CheckOrigin) decides whether the page may connect.

use std::borrow::Cow;

use axum::{body::Body, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::unread::UnreadAnswer;
use crate::{
    serializer::{Frame, Opcode},
    socket::Refusal,
};

/// The messages of a poll's answer, as a JSON array of strings: each is a message as a WebSocket
/// would have carried it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Messages(Box<RawValue>);

impl Messages {
    /// A binary message of version 2 has no form that clients of long-polling read: it is left out,
    /// as for a client of version 1. The session counts and logs it. Those of an app's own
    /// serializer go in base64, as they come.
    pub(super) fn of(frames: &[Frame]) -> Self {
        let bodies: Vec<_> = frames.iter().map(|frame| (frame, frame.body())).collect();
        let texts = bodies
            .iter()
            .filter_map(|(frame, body)| match frame.opcode() {
                Opcode::Text => Some(String::from_utf8_lossy(body)),
                Opcode::Binary if frame.is_base64_for_polls() => {
                    Some(Cow::Owned(BASE64_STANDARD.encode(body)))
                }
                Opcode::Binary | Opcode::Close | Opcode::Pong => None,
            });
        let texts: Vec<_> = texts.collect();
        let array = serde_json::value::to_raw_value(&texts);
        Self(array.expect("strings have a JSON form"))
    }

    pub(super) fn none() -> Self {
        Self::of(&[])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.get() == "[]"
    }

    /// The length of the array, in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.get().len()
    }
}

/// A poll's answer: 200 with messages, 204 without. Its body counts as `unread`.
pub(super) fn polled(token: &str, messages: &Messages, unread: Option<UnreadAnswer>) -> Response {
    let status = match messages.is_empty() {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::OK,
    };
    poll_answer(status, token, messages, unread)
}

/// The answer to a poll that opened a session: 410, because the client had no session, or its
/// session has ended.
pub(super) fn opened(token: &str) -> Response {
    poll_answer(StatusCode::GONE, token, &Messages::none(), None)
}

fn poll_answer(
    status: StatusCode,
    token: &str,
    messages: &Messages,
    unread: Option<UnreadAnswer>,
) -> Response {
    #[derive(Serialize)]
    struct PollAnswer<'a> {
        messages: &'a Messages,
        status: u16,
        token: &'a str,
    }
    let status = status.as_u16();
    let body = to_json(&PollAnswer {
        messages,
        status,
        token,
    });
    of_json(match unread {
        Some(unread) => unread.into_body(body),
        None => body.into(),
    })
}

/// An answer that is a status and nothing else.
pub(super) fn status(status: StatusCode) -> Response {
    #[derive(Serialize)]
    struct StatusAnswer {
        status: u16,
    }
    let mut response = json(&StatusAnswer {
        status: status.as_u16(),
    });
    // These two speak of the request as HTTP, which Phoenix answers as such.
    if matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE
    ) {
        *response.status_mut() = status;
    }
    response
}

/// The answer to a client that does not connect. phoenix.js knows two statuses of a refusal; after
/// the second it tries again.
pub(super) fn refused(refusal: Refusal) -> Response {
    #[derive(Serialize)]
    struct RefusalAnswer<'a> {
        status: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        response: Option<&'a RawValue>,
    }
    let known = match &refusal {
        // Clients try again later, as after any failure of a proxy.
        Refusal::Stopping | Refusal::Full(_) => return empty(refusal.status()),
        Refusal::Query(_) => return status(refusal.status()),
        _ if refusal.status().is_server_error() => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::FORBIDDEN,
    };
    let (headers, body) = refusal.into_shown();
    // The app's body is JSON, or text, which becomes a string.
    let text = || serde_json::value::to_raw_value(&*String::from_utf8_lossy(&body)).ok();
    let body = match body.is_empty() {
        true => None,
        false => serde_json::from_slice(&body).ok().or_else(text),
    };
    let mut response = json(&RefusalAnswer {
        status: known.as_u16(),
        response: body.as_deref(),
    });
    for (name, value) in &headers {
        if name != header::CONTENT_TYPE {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

fn json(answer: &impl Serialize) -> Response {
    of_json(to_json(answer).into())
}

fn to_json(answer: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(answer).expect("strings and numbers have a JSON form")
}

fn of_json(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, json);
    response
}

/// An answer without a body, which phoenix.js takes for a reason to try again later.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The answer to a browser that asks whether it may send a request with `headers`.
pub(crate) fn preflight(headers: &HeaderMap) -> Response {
    let mut response = empty(StatusCode::OK);
    let allowed = response.headers_mut();
    let asked = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let asked: Vec<_> = asked.iter().map(HeaderValue::as_bytes).collect();
    if let Ok(asked) = HeaderValue::from_bytes(&asked.join(&b", "[..])) {
        allowed.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
    let methods = HeaderValue::from_static("get, post, options");
    allowed.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let an_hour = HeaderValue::from_static("3600");
    allowed.insert(header::ACCESS_CONTROL_MAX_AGE, an_hour);
    response
}

/// Marks an answer as one that any page may read and no cache may keep.
pub(crate) fn for_browsers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
