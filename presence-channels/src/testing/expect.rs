//! The assertions that sockets and channels of a test share.

use std::panic::Location;

use presence_core::pubsub::{IntoPayload, Payload};
use serde_json::Value;

use super::{
    Assertion, PushRef, Received, TestSocket,
    expected_payload::{ExpectedPayload, includes},
    inbox::{PATIENCE, WATCH},
};

/// An expectation of the messages that `is_own` accepts.
pub(super) struct Expect<'a, F> {
    at: &'static Location<'static>,
    socket: &'a TestSocket,
    is_own: F,
}

impl<'a, F: Fn(&Received) -> bool + Send + Sync + 'a> Expect<'a, F> {
    #[track_caller]
    pub(super) fn of(socket: &'a TestSocket, is_own: F) -> Self {
        let at = Location::caller();
        Self { at, socket, is_own }
    }

    pub(super) fn reply(
        self,
        push: PushRef,
        status: &'a str,
        expected: ExpectedPayload,
    ) -> Assertion<'a, Value> {
        let Self { at, socket, is_own } = self;
        Assertion::new(PATIENCE, move |time| async move {
            let is_it = |message: &Received| is_own(message) && push.is_answered_by(message);
            let Some(reply) = socket.client.inbox.take_within(time, is_it).await else {
                panic!("{at}: no reply within {time:?}; {socket:?}");
            };
            let reply = reply.json();
            let (got_status, got) = (&reply["status"], &reply["response"]);
            assert!(
                got_status == status && expected.json().is_some_and(|json| includes(got, json)),
                "{at}: expected the reply {status} {expected}, got {got_status} {got}"
            );
            got.clone()
        })
    }

    /// Refutes a reply, or the reply of a pattern.
    pub(super) fn no_reply(
        self,
        push: &'a PushRef,
        pattern: Option<(&'a str, ExpectedPayload)>,
    ) -> Assertion<'a, ()> {
        let Self { at, socket, is_own } = self;
        Assertion::new(WATCH, move |time| async move {
            let fits = |message: &Received| {
                pattern.as_ref().is_none_or(|(status, expected)| {
                    let reply = message.json();
                    let expected = expected.json();
                    reply["status"] == *status
                        && expected.is_some_and(|json| includes(&reply["response"], json))
                })
            };
            let is_it = |message: &Received| {
                is_own(message) && push.is_answered_by(message) && fits(message)
            };
            if let Some(message) = socket.client.inbox.take_within(time, is_it).await {
                panic!("{at}: an unexpected reply: {message:?}");
            }
        })
    }

    pub(super) fn push(self, event: &'a str, expected: ExpectedPayload) -> Assertion<'a, Payload> {
        let Self { at, socket, is_own } = self;
        Assertion::new(PATIENCE, move |time| async move {
            let is_it = |message: &Received| {
                is_own(message) && message.event == event && expected.fits(&message.payload)
            };
            match socket.client.inbox.take_within(time, is_it).await {
                Some(message) => message.payload,
                None => panic!("{at}: no push {event:?} {expected} within {time:?}; {socket:?}"),
            }
        })
    }

    /// Refutes an event, or the event with a payload of a pattern.
    pub(super) fn no_push(
        self,
        event: &'a str,
        pattern: Option<ExpectedPayload>,
    ) -> Assertion<'a, ()> {
        let Self { at, socket, is_own } = self;
        Assertion::new(WATCH, move |time| async move {
            let fits = |message: &Received| {
                let pattern = pattern.as_ref();
                pattern.is_none_or(|pattern| pattern.fits(&message.payload))
            };
            let is_it =
                |message: &Received| is_own(message) && message.event == event && fits(message);
            if let Some(message) = socket.client.inbox.take_within(time, is_it).await {
                panic!("{at}: an unexpected push: {message:?}");
            }
        })
    }

    /// Asserts one of the messages that end a channel.
    pub(super) fn end(self, event: &'a str) -> Assertion<'a, ()> {
        let Self { at, socket, is_own } = self;
        Assertion::new(PATIENCE, move |time| async move {
            let is_it = |message: &Received| is_own(message) && message.event == event;
            if socket.client.inbox.take_within(time, is_it).await.is_none() {
                panic!("{at}: no push {event:?} within {time:?}; {socket:?}");
            }
        })
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
    pub fn assert_reply<'a>(
        &'a self,
        push: PushRef,
        status: &'a str,
        response: impl IntoPayload,
    ) -> Assertion<'a, Value> {
        Expect::of(self, |_: &Received| true).reply(push, status, ExpectedPayload::of(response))
    }

    /// As [`TestChannel::assert_push`](super::TestChannel::assert_push), on any topic.
    ///
    /// # Panics
    /// If it has not come within a second.
    #[track_caller]
    pub fn assert_push<'a>(
        &'a self,
        topic: &'a str,
        event: &'a str,
        payload: impl IntoPayload,
    ) -> Assertion<'a, Payload> {
        Expect::of(self, move |message: &Received| message.topic == topic)
            .push(event, ExpectedPayload::of(payload))
    }

    /// As [`TestChannel::refute_push`](super::TestChannel::refute_push), on any topic.
    ///
    /// # Panics
    /// If it is.
    #[track_caller]
    pub fn refute_push<'a>(&'a self, topic: &'a str, event: &'a str) -> Assertion<'a, ()> {
        Expect::of(self, move |message: &Received| message.topic == topic).no_push(event, None)
    }
}
