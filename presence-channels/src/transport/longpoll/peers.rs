//! Requests that reach a node which does not hold their session.
//!
//! The token names the node that does, and the topic on which it listens. The node that was asked
//! sends it the request, with a topic of its own for the answer. The holder answers twice: `held`
//! or `gone` at once, so that a dead node costs a client [`PEER_TIMEOUT`] and not a window; then
//! the answer that its own client would get.
//!
//! PubSub delivers at most once. A request that is lost is answered as one to a dead node: the
//! client gets a new session, and its channels join again. A publish that is larger than the engine
//! carries is answered with 413, as one that is over a limit here, and the session lives. An answer
//! that cannot be sent ends the session, for its messages are lost. So does an answer to a poll
//! that is lost on its way, or whose client disconnects before the answer comes. Such a poll is
//! given up by the topic for its answers, because the client may have polled again, and requests
//! may overtake one another.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use presence_core::pubsub::{
    AdapterError, Broadcast, Dispatch, IntoPayload, Payload, PubSubError, Receiver, Subscriber,
    Subscription,
};
use serde::{Deserialize, Serialize};

use super::{Longpoll, SessionKey, answer::Messages, batch::BodyKind, session::Session};
use crate::{
    node::topic::LONGPOLL as TOPIC_PREFIX,
    outgoing::close_code,
    telemetry::{Limit, Refused},
};

/// The timeout for another node to say that it holds a session. Its answer may take this much
/// longer than a window. As in Phoenix.
const PEER_TIMEOUT: Duration = Duration::from_secs(2);

/// The bytes for a client that one answer carries between nodes. They are well below the limits of
/// engines, also when quoting doubles them. The rest comes with the next poll.
const ANSWER_BYTES: usize = 256 * 1024;

/// The first line of a request to another node, in JSON. A publish's body follows. A request that
/// gives up a poll has the `reply_topic` of that poll, or an empty one if it is of an older node.
#[derive(Serialize, Deserialize)]
struct RequestHeader {
    id: u64,
    reply_node: String,
    reply_topic: String,
}

const POLL: &str = "poll";
const PUBLISH: &str = "publish";
const PUBLISH_BATCH: &str = "publish_batch";
const GIVEN_UP: &str = "given_up";
const HELD: &str = "held";
const GONE: &str = "gone";
const ANSWER: &str = "answer";

/// Takes other nodes' requests.
pub(super) fn listen(longpoll: &Arc<Longpoll>) -> Subscription {
    let requests = PeerRequests(Arc::downgrade(longpoll));
    let topic = topic(&longpoll.instance);
    longpoll.pubsub.subscribe(&topic, Arc::new(requests))
}

fn topic(instance: &str) -> String {
    format!("{TOPIC_PREFIX}{instance}")
}

impl Longpoll {
    /// As a poll of a session here. Returns `None` if its node does not answer.
    pub(super) async fn poll_peer(&self, key: &SessionKey) -> Option<Messages> {
        let name = self.reply_topic();
        // Before the request is sent: the client may disconnect before the node confirms.
        let mut waiting_poll = WaitingPoll(Some((self, key, &name)));
        let Ok(mut answers) = self.ask(key, POLL, &name, &[]).await else {
            waiting_poll.0 = None;
            return None;
        };
        let messages = answers.next(self.options.window + PEER_TIMEOUT).await;
        // Without an answer the poll is given up: it may have taken messages.
        if messages.is_some() {
            waiting_poll.0 = None;
        }
        // The node holds the session, so the client should poll again and not open a new session.
        Some(messages.unwrap_or_else(Messages::none))
    }

    /// As a publish to a session here. Returns 410 if its node does not answer, and 413 if the
    /// engine cannot carry it.
    pub(super) async fn publish_to_peer(
        &self,
        key: &SessionKey,
        kind: BodyKind,
        body: &[u8],
    ) -> StatusCode {
        let event = match kind {
            BodyKind::Message => PUBLISH,
            BodyKind::Batch => PUBLISH_BATCH,
        };
        let mut answers = match self.ask(key, event, &self.reply_topic(), body).await {
            Ok(answers) => answers,
            Err(PeerRequestError::NotHeld) => return StatusCode::GONE,
            Err(PeerRequestError::TooLarge) => return StatusCode::PAYLOAD_TOO_LARGE,
        };
        let status = answers.next(self.options.window + PEER_TIMEOUT).await;
        let status = status.and_then(|status: u16| StatusCode::from_u16(status).ok());
        status.unwrap_or(StatusCode::REQUEST_TIMEOUT)
    }

    /// Returns a topic for the answers to one request, which no request of any node has had before.
    /// It is the name of a poll, too.
    fn reply_topic(&self) -> String {
        let number = self.next_id.fetch_add(1, Ordering::Relaxed);
        format!("{}:{number}", topic(&self.instance))
    }

    /// Sends a request to the node that holds the session, and waits until the node confirms that
    /// it does.
    async fn ask(
        &self,
        key: &SessionKey,
        event: &str,
        reply_topic: &str,
        body: &[u8],
    ) -> Result<PeerAnswers, PeerRequestError> {
        let mut answers = PeerAnswers(self.pubsub.receiver(reply_topic, 2));
        self.send(key, event, reply_topic, body)?;
        let answer = tokio::time::timeout(PEER_TIMEOUT, answers.0.recv()).await;
        let is_held = answer
            .ok()
            .flatten()
            .is_some_and(|answer| &*answer.event == HELD);
        is_held.then_some(answers).ok_or(PeerRequestError::NotHeld)
    }

    fn send(
        &self,
        key: &SessionKey,
        event: &str,
        reply_topic: &str,
        body: &[u8],
    ) -> Result<(), PeerRequestError> {
        let header = RequestHeader {
            id: key.id,
            reply_node: self.pubsub.node_name().to_owned(),
            reply_topic: reply_topic.to_owned(),
        };
        let mut request = serde_json::to_vec(&header).expect("it has a JSON form");
        request.push(b'\n');
        request.extend_from_slice(body);
        let payload = Payload::Binary(request.into());
        let message = Broadcast::new(topic(&key.instance), event, payload);
        let node = &key.node;
        self.pubsub
            .direct(node, message)
            .map_err(|error| match error {
                PubSubError::Adapter(AdapterError::TooLarge { .. }) => {
                    let what = format_args!("a publish for a session of {node}: {error}");
                    self.meters.refused(Limit::BodyBytes, what);
                    PeerRequestError::TooLarge
                }
                _ => {
                    tracing::debug!(node, %error, "a long-poll session's node cannot be asked");
                    PeerRequestError::NotHeld
                }
            })
    }
}

/// The reason that a request to another node failed.
enum PeerRequestError {
    /// The node does not hold the session, or does not say so.
    NotHeld,
    /// The request is larger than the engine carries.
    TooLarge,
}

/// A poll of this name that waits for another node's answer. If the client disconnects before the
/// answer comes, or the answer is late or lost, the node gets a request that gives the poll up,
/// because nobody reads its answer.
struct WaitingPoll<'a>(Option<(&'a Longpoll, &'a SessionKey, &'a str)>);

impl Drop for WaitingPoll<'_> {
    fn drop(&mut self) {
        if let Some((longpoll, key, name)) = self.0 {
            let _ = longpoll.send(key, GIVEN_UP, name, &[]);
        }
    }
}

/// The holder's answers to one request.
struct PeerAnswers(Receiver);

impl PeerAnswers {
    async fn next<T: for<'a> Deserialize<'a>>(&mut self, patience: Duration) -> Option<T> {
        let answer = tokio::time::timeout(patience, self.0.recv()).await;
        answer.ok().flatten()?.payload.json().ok()
    }
}

/// The subscriber for other nodes' requests.
struct PeerRequests(Weak<Longpoll>);

impl Subscriber for PeerRequests {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let Some(longpoll) = self.0.upgrade() else {
            return;
        };
        let message = dispatch.message().clone();
        let runtime = longpoll.runtime.clone();
        runtime.spawn(async move { longpoll.answer(message).await });
    }
}

impl Longpoll {
    async fn answer(&self, request: Broadcast) {
        let Some((header, body)) = parse(request.payload.bytes()) else {
            let bytes = request.payload.bytes().len();
            tracing::warn!(bytes, "another node sent what is no request");
            return;
        };
        let Some(session) = self.find(header.id) else {
            if &*request.event != GIVEN_UP {
                self.reply(&header, GONE, ());
            }
            return;
        };
        if &*request.event == GIVEN_UP {
            session.give_up(&header.reply_topic);
            return;
        }
        if !self.reply(&header, HELD, ()) {
            return;
        }
        let kind = match &*request.event {
            POLL => return self.answer_poll(&header, &session).await,
            PUBLISH => BodyKind::Message,
            PUBLISH_BATCH => BodyKind::Batch,
            event => {
                tracing::warn!(event, "another node sent what is no request");
                return;
            }
        };
        let bytes = body.len();
        // A message that waits must not keep the engine's buffer.
        let batch = async { kind.read(Bytes::copy_from_slice(&body), self.limits) };
        let batch = self.metered(batch);
        let status = session.publish_of_peer(bytes, batch).await;
        self.reply(&header, ANSWER, status.as_u16());
    }

    async fn answer_poll(&self, header: &RequestHeader, session: &Session) {
        // The node that is asked counts the answer until the client has read it.
        let taken = session
            .poll_of_peer(&header.reply_topic, ANSWER_BYTES)
            .await;
        let messages = Messages::of(&taken.frames);
        let is_empty = messages.is_empty();
        if !self.reply(header, ANSWER, messages) && !is_empty {
            session.close(close_code::TRY_AGAIN, "messages were lost");
        }
    }

    /// Sends an answer to another node. Returns whether the engine took it.
    fn reply(&self, header: &RequestHeader, event: &str, payload: impl IntoPayload) -> bool {
        let payload = payload.into_payload().expect("it has a JSON form");
        let message = Broadcast::new(&*header.reply_topic, event, payload);
        let sent = self.pubsub.direct(&header.reply_node, message);
        if let Err(error) = &sent
            && let Some(suppressed) = self.meters.pass(Refused::PeerAnswer)
        {
            let node = &header.reply_node;
            tracing::warn!(node, %error, suppressed, "a long-poll request cannot be answered");
        }
        sent.is_ok()
    }
}

/// Header and body of a request.
fn parse(request: &Bytes) -> Option<(RequestHeader, Bytes)> {
    let end = request.iter().position(|byte| *byte == b'\n')?;
    let header = serde_json::from_slice(&request[..end]).ok()?;
    Some((header, request.slice(end + 1..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_none() {
        let whole = br#"{"id":7,"reply_node":"a","reply_topic":"t"}
body
more"#;
        let (header, body) = parse(&Bytes::from_static(whole)).unwrap();
        assert_eq!(
            (header.id, &*header.reply_node, &*header.reply_topic),
            (7, "a", "t")
        );
        assert_eq!(&body[..], b"body\nmore");
        let nonsense: [&[u8]; 5] = [b"", b"\n", b"{}\n", b"\xff\n", &whole[..20]];
        for nonsense in nonsense {
            assert!(
                parse(&Bytes::from_static(nonsense)).is_none(),
                "{nonsense:?}"
            );
        }
    }
}
