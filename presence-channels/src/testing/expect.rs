//! The assertions that sockets and channels of a test share.

use std::panic::Location;

use presence_core::pubsub::{IntoPayload, Payload};
use serde_json::Value;

use super::{
    PushRef, Received, TestSocket,
    expected_payload::{ExpectedPayload, includes},
    inbox::{PATIENCE, WATCH},
};

/// An expectation of the messages that `is_own` accepts.
pub(super) struct Expect<'a, F> {
    at: &'static Location<'static>,
    socket: &'a TestSocket,
    is_own: F,
}

impl<'a, F: Fn(&Received) -> bool> Expect<'a, F> {
    #[track_caller]
    pub(super) fn of(socket: &'a TestSocket, is_own: F) -> Self {
        let at = Location::caller();
        Self { at, socket, is_own }
    }

    pub(super) async fn reply(
        self,
        push: PushRef,
        status: &str,
        expected: ExpectedPayload,
    ) -> Value {
        let Self { at, socket, is_own } = self;
        let is_it = |message: &Received| is_own(message) && push.is_answered_by(message);
        let Some(reply) = socket.client.inbox.take(PATIENCE, is_it).await else {
            panic!("{at}: no reply within {PATIENCE:?}; {socket:?}");
        };
        let reply = reply.json();
        let (got_status, got) = (&reply["status"], &reply["response"]);
        assert!(
            got_status == status && expected.json().is_some_and(|json| includes(got, json)),
            "{at}: expected the reply {status} {expected}, got {got_status} {got}"
        );
        got.clone()
    }

    pub(super) async fn no_reply(self, push: &PushRef) {
        let Self { at, socket, is_own } = self;
        let is_it = |message: &Received| is_own(message) && push.is_answered_by(message);
        if let Some(message) = socket.client.inbox.take(WATCH, is_it).await {
            panic!("{at}: an unexpected reply: {message:?}");
        }
    }

    pub(super) async fn push(self, event: &str, expected: ExpectedPayload) -> Payload {
        let Self { at, socket, is_own } = self;
        let is_it = |message: &Received| {
            is_own(message) && message.event == event && expected.fits(&message.payload)
        };
        match socket.client.inbox.take(PATIENCE, is_it).await {
            Some(message) => message.payload,
            None => {
                panic!("{at}: no push {event:?} {expected} within {PATIENCE:?}; {socket:?}")
            }
        }
    }

    pub(super) async fn no_push(self, event: &str) {
        let Self { at, socket, is_own } = self;
        let is_it = |message: &Received| is_own(message) && message.event == event;
        if let Some(message) = socket.client.inbox.take(WATCH, is_it).await {
            panic!("{at}: an unexpected push: {message:?}");
        }
    }

    /// Asserts one of the messages that end a channel.
    pub(super) async fn end(self, event: &str) {
        self.push(event, ExpectedPayload::of(Payload::empty()))
            .await;
    }
}

/// Assertions on messages of no joined channel: heartbeats, or the topic `phoenix`, on which a
/// client shows a new token.
impl TestSocket {
    /// Pushes an event on a topic that may not be joined.
    ///
    /// # Panics
    /// If `payload` has no JSON form.
    pub async fn push(&self, topic: &str, event: &str, payload: impl IntoPayload) -> PushRef {
        let reference = self.client.next_ref();
        self.client
            .send("", &reference, topic, event, payload)
            .await;
        PushRef(reference)
    }

    /// As [`TestChannel::assert_reply`](super::TestChannel::assert_reply).
    ///
    /// # Panics
    /// If the reply is another, or has not come within a second.
    #[track_caller]
    pub fn assert_reply(
        &self,
        push: PushRef,
        status: &str,
        response: impl IntoPayload,
    ) -> impl Future<Output = Value> {
        Expect::of(self, |_: &Received| true).reply(push, status, ExpectedPayload::of(response))
    }

    /// As [`TestChannel::assert_push`](super::TestChannel::assert_push), on any topic.
    ///
    /// # Panics
    /// If it has not come within a second.
    #[track_caller]
    pub fn assert_push(
        &self,
        topic: &str,
        event: &str,
        payload: impl IntoPayload,
    ) -> impl Future<Output = Payload> {
        Expect::of(self, move |message: &Received| message.topic == topic)
            .push(event, ExpectedPayload::of(payload))
    }

    /// As [`TestChannel::refute_push`](super::TestChannel::refute_push), on any topic.
    ///
    /// # Panics
    /// If it is.
    #[track_caller]
    pub fn refute_push(&self, topic: &str, event: &str) -> impl Future<Output = ()> {
        Expect::of(self, move |message: &Received| message.topic == topic).no_push(event)
    }
}
