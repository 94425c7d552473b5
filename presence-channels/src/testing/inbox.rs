//! The messages that a test's client has received and no assertion has taken.

use std::{fmt, future::poll_fn, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use presence_core::pubsub::Payload;
use serde_json::Value;
use tokio::{sync::Notify, time::timeout};

use crate::{
    Endpoint,
    outgoing::Outbox,
    serializer::{Frame, Opcode},
};

/// The time that an assertion waits for its message.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// The time that a refutation watches.
pub(super) const WATCH: Duration = Duration::from_millis(100);

/// One message to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The channel's join, null for a broadcast.
    pub join_ref: Value,
    /// The ref of the message that it replies to, null if it is not a reply.
    pub reference: Value,
    /// Its topic.
    pub topic: String,
    /// Its event: `phx_reply` for a reply.
    pub event: String,
    /// Its payload: an object of `status` and `response` for a reply in JSON.
    pub payload: Payload,
}

impl Received {
    /// The payload's JSON.
    ///
    /// # Panics
    /// If the payload is binary.
    #[must_use]
    pub fn json(&self) -> Value {
        self.payload
            .value()
            .unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }
}

/// A reply, taken apart.
pub(super) struct ReceivedReply(Value);

impl ReceivedReply {
    #[cfg(test)]
    pub(super) fn whole(self) -> Value {
        self.0
    }

    pub(super) fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or_default()
    }

    pub(super) fn response(&self) -> Value {
        self.0["response"].clone()
    }
}

pub(super) struct TestInbox {
    collector: Arc<Collector>,
    outbox: Arc<Outbox>,
}

#[derive(Default)]
struct Collector {
    state: Mutex<Collected>,
    changed: Notify,
}

#[derive(Default)]
struct Collected {
    received: Vec<Received>,
    closed: Option<u16>,
}

impl TestInbox {
    /// Collects the frames that the server sends to `outbox`, until the outbox closes. Calls
    /// `ended` when the connection is to go, once or more.
    pub(super) fn collect(
        endpoint: &Endpoint,
        outbox: Arc<Outbox>,
        ended: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let collector = Arc::new(Collector::default());
        let (collecting, from) = (collector.clone(), outbox.clone());
        endpoint.node().runtime().spawn(async move {
            let next = || {
                poll_fn(|cx| {
                    let taken = from.poll_take(cx);
                    if from.is_draining() {
                        ended();
                    }
                    taken
                })
            };
            while let Some(frame) = next().await {
                collecting.state.lock().take_in(&frame);
                collecting.changed.notify_waiters();
            }
            ended();
        });
        Self { collector, outbox }
    }

    /// Stops collecting.
    pub(super) fn close(&self) {
        self.outbox.abandon();
    }

    /// Waits until `find` finds something.
    async fn wait<T>(&self, mut find: impl FnMut(&mut Collected) -> Option<T>) -> T {
        loop {
            let changed = self.collector.changed.notified();
            if let Some(found) = find(&mut self.collector.state.lock()) {
                return found;
            }
            changed.await;
        }
    }

    /// Takes the first message that `is` accepts.
    pub(super) async fn take(&self, is: impl Fn(&Received) -> bool) -> Received {
        let first = |state: &mut Collected| {
            let index = state.received.iter().position(&is)?;
            Some(state.received.remove(index))
        };
        self.wait(first).await
    }

    /// As [`take`](Self::take). Returns `None` if no such message has come after `patience`.
    pub(super) async fn take_within(
        &self,
        patience: Duration,
        is: impl Fn(&Received) -> bool,
    ) -> Option<Received> {
        timeout(patience, self.take(is)).await.ok()
    }

    /// Takes the reply to the message `reference` of `topic`.
    pub(super) async fn reply(&self, reference: &str, topic: &str) -> ReceivedReply {
        let is_it = |message: &Received| {
            message.event == "phx_reply"
                && message.reference == *reference
                && message.topic == topic
        };
        ReceivedReply(self.take(is_it).await.json())
    }

    /// Waits until the server has closed the connection. Returns the close code.
    pub(super) async fn closed(&self) -> u16 {
        self.wait(|state| state.closed).await
    }
}

impl Collected {
    fn take_in(&mut self, frame: &Frame) {
        let body = frame.body();
        match frame.opcode() {
            Opcode::Text => {
                let (join_ref, reference, topic, event, payload): (_, _, _, _, Value) =
                    serde_json::from_slice(&body).expect("a text frame is an array of five");
                let payload = Payload::encode(&payload).expect("JSON has a JSON form");
                self.received.push(Received {
                    join_ref,
                    reference,
                    topic,
                    event,
                    payload,
                });
            }
            Opcode::Binary => self.received.push(binary(&body)),
            Opcode::Pong => {}
            Opcode::Close => self.closed = Some(u16::from_be_bytes([body[0], body[1]])),
        }
    }
}

/// Reads a server's binary frame: a kind, the lengths of its names, the names, the data.
fn binary(body: &Bytes) -> Received {
    let count = [3, 4, 2][usize::from(body[0])];
    let mut at = 1 + count;
    let mut names = body[1..=count].iter().map(|length| {
        let name = body.slice(at..at + usize::from(*length));
        at += usize::from(*length);
        String::from_utf8(name.to_vec()).expect("names are UTF-8")
    });
    let mut name = || names.next().unwrap_or_default();
    let (join_ref, reference, topic, event) = match body[0] {
        0 => (name().into(), Value::Null, name(), name()),
        1 => {
            let (join_ref, reference, topic) = (name().into(), name().into(), name());
            (join_ref, reference, topic, "phx_reply".to_owned())
        }
        _ => (Value::Null, Value::Null, name(), name()),
    };
    names.for_each(drop);
    Received {
        join_ref,
        reference,
        topic,
        event,
        payload: Payload::Binary(body.slice(at..)),
    }
}

impl fmt::Debug for TestInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.collector.state.lock();
        let shown = state.received.iter().map(|message| {
            let Received {
                topic,
                event,
                payload,
                ..
            } = message;
            format!(
                "{topic} {event} {}",
                String::from_utf8_lossy(payload.bytes())
            )
        });
        f.debug_list().entries(shown).finish()
    }
}
