//! Handles the requests of clients that poll.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, StatusCode, request::Parts};

use super::{
    Longpoll, SessionKey,
    answer::{self, Messages},
    batch::{BadBody, BodyKind},
    unread::UnreadAnswer,
};
use crate::{
    Endpoint, Params,
    outgoing::Flushers,
    serializer::Data,
    socket::{
        LONGPOLL_TOKEN_HEADER, Mounted, Refusal,
        handshake::{self, Candidate},
    },
    telemetry::{Limit, Transport},
};

/// The bytes for a client that one answer carries, unless one message is larger. They are in memory
/// three times while the answer is made, and once while the client reads it (`unread.rs`). The rest
/// comes with the next poll.
const ANSWER_BYTES: usize = 1024 * 1024;

/// Answers a request at the mount's `/longpoll`.
pub(crate) async fn serve(
    longpoll: Arc<Longpoll>,
    mount: Arc<dyn Mounted>,
    endpoint: Endpoint,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let answered = answered(&longpoll, mount, endpoint, parts, body).await;
    answer::for_browsers(answered.unwrap_or_else(answer::refused))
}

async fn answered(
    longpoll: &Arc<Longpoll>,
    mount: Arc<dyn Mounted>,
    endpoint: Endpoint,
    mut parts: Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let params = handshake::examine(&*mount, endpoint.node(), &mut parts).await?;
    match parts.method {
        Method::OPTIONS => Ok(answer::preflight(&parts.headers)),
        Method::GET => get(longpoll, mount, endpoint, params, parts).await,
        Method::POST => Ok(post(longpoll, &params, &parts, body).await),
        _ => Ok(answer::empty(StatusCode::BAD_REQUEST)),
    }
}

/// Answers a poll, or opens a session, if the socket lets the client in.
async fn get(
    longpoll: &Arc<Longpoll>,
    mount: Arc<dyn Mounted>,
    endpoint: Endpoint,
    mut params: Params,
    parts: Parts,
) -> Result<Response, Refusal> {
    if let Some(token) = session_token(&params, &parts.headers)
        && let Some(key) = longpoll.tokens.verify(token)
    {
        let flushers = endpoint.node().flushers();
        if let Some((messages, unread)) = longpoll.poll(&key, flushers).await {
            return Ok(answer::polled(token, &messages, unread));
        }
        // An app may have a `token` of its own, which this one would hide from `connect`.
        let ended = token.to_owned();
        params.remove("token", &ended);
    }
    let mut candidate =
        handshake::admit(&*mount, endpoint.node(), params, parts, Transport::Longpoll)?;
    let connection = mount.connect_queue(endpoint, &mut candidate).await?;
    let Candidate { admission, .. } = candidate;
    Ok(answer::opened(&longpoll.open(connection, admission)))
}

async fn post(longpoll: &Longpoll, params: &Params, parts: &Parts, body: Body) -> Response {
    let token = session_token(params, &parts.headers);
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
    match headers.get(LONGPOLL_TOKEN_HEADER) {
        Some(token) => token.to_str().ok(),
        None => params.get("token"),
    }
}

impl Longpoll {
    /// Returns the messages that wait for the client. Returns `None` if the session has ended.
    async fn poll(
        &self,
        key: &SessionKey,
        flushers: &Arc<Flushers>,
    ) -> Option<(Messages, Option<UnreadAnswer>)> {
        if !self.is_here(key) {
            return self.poll_elsewhere(key, flushers).await;
        }
        let taken = self.find_here(key)?.poll(ANSWER_BYTES).await;
        Some((Messages::of(&taken.frames), taken.answer))
    }

    /// As a poll of a session here. This node has the answer until the client has read it, and the
    /// session's node no more.
    async fn poll_elsewhere(
        &self,
        key: &SessionKey,
        flushers: &Arc<Flushers>,
    ) -> Option<(Messages, Option<UnreadAnswer>)> {
        let unread = self.unread.of(key, flushers);
        let room = tokio::time::timeout(self.options.window, unread.has_room()).await;
        if room.is_err() {
            return Some((Messages::none(), None));
        }
        let messages = self.poll_peer(key).await?;
        let answer = (!messages.is_empty()).then(|| unread.begin(messages.len()));
        Some((messages, answer))
    }

    /// Counts a body that a limit refuses.
    pub(super) async fn metered(
        &self,
        batch: impl Future<Output = Result<Vec<Data>, BadBody>>,
    ) -> Result<Vec<Data>, BadBody> {
        batch.await.inspect_err(|bad| self.count(*bad))
    }

    fn count(&self, bad: BadBody) {
        if let BadBody::TooLarge(limit) = bad {
            self.meters.refused(limit, "a publish");
        }
    }

    async fn publish(&self, key: &SessionKey, kind: BodyKind, body: Body) -> StatusCode {
        let limit = self.limits.body_bytes;
        if self.is_here(key) {
            let Some(session) = self.find_here(key) else {
                return StatusCode::GONE;
            };
            let batch = async { kind.read(read(body, limit).await?, self.limits) };
            return session.publish(self.metered(batch)).await;
        }
        let body = async {
            let turn = self.publish_turns.begin(key).await;
            Ok((turn, read(body, limit).await?))
        };
        match tokio::time::timeout(self.options.window, body).await {
            Ok(Ok((_turn, body))) => self.publish_to_peer(key, kind, &body).await,
            Ok(Err(bad)) => {
                self.count(bad);
                bad.status()
            }
            Err(_) => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// The body, if it is whole and within `limit`, in memory of its own. A part of it may be one byte,
/// or keep the server's whole buffer.
async fn read(body: Body, limit: usize) -> Result<Bytes, BadBody> {
    let mut body = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(|_| BadBody::Incomplete)?;
        if part.len() > limit - bytes.len() {
            return Err(BadBody::TooLarge(Limit::BodyBytes));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes.into_boxed_slice().into())
}
