//! A joined channel of a test, and its assertions.

use std::{panic::Location, time::Duration};

use presence_core::pubsub::{Broadcast, IntoPayload, Payload, Receiver};
use serde_json::Value;

use super::{
    Assertion, Received, TestSocket,
    expect::Expect,
    expected_payload::ExpectedPayload,
    inbox::{PATIENCE, WATCH},
};

/// A client's side of a joined channel. It is left when the whole [`TestSocket`] is dropped or
/// closed, or by [`leave`](Self::leave).
///
/// # Examples
/// A `shout` goes to the members of the topic, and to them alone. A channel that gets an event that
/// it does not know ends:
///
/// ```
/// # use presence_channels::testing::{TestChannel, TestSocket};
/// # use serde_json::json;
/// # async fn test(ann: TestSocket, bob: TestSocket) {
/// let (_, mut ann) = ann.join("room:1", json!({})).await.unwrap();
/// let (_, elsewhere) = bob.join("room:2", json!({})).await.unwrap();
/// let shout = ann.push("shout", json!({ "body": "hello" })).await;
/// ann.refute_reply(&shout).await;
/// ann.assert_broadcast("shout", json!({ "body": "hello" })).await;
/// ann.assert_push("shout", json!({ "body": "hello" })).await;
/// elsewhere.refute_push("shout").await;
///
/// elsewhere.push("stop", json!({})).await;
/// elsewhere.assert_closed().await;
/// ann.push("no such event", json!({})).await;
/// ann.assert_crashed().await;
/// ann.refute_broadcast("shout").await;
///
/// let (_, again) = bob.join("room:2", json!({})).await.unwrap();
/// again.leave().await;
/// # }
/// ```
#[derive(Debug)]
pub struct TestChannel {
    socket: TestSocket,
    topic: String,
    join_ref: String,
    broadcasts: Receiver,
    seen: Vec<Broadcast>,
}

/// A message pushed to a channel, to assert its reply by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRef(pub(super) String);

impl PushRef {
    pub(super) fn is_answered_by(&self, message: &Received) -> bool {
        message.event == "phx_reply" && message.reference == *self.0
    }
}

#[cfg(test)]
impl PushRef {
    pub(super) fn new(reference: &str) -> Self {
        Self(reference.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TestChannel {
    pub(super) fn new(
        socket: TestSocket,
        topic: &str,
        join_ref: String,
        broadcasts: Receiver,
    ) -> Self {
        Self {
            socket,
            topic: topic.to_owned(),
            join_ref,
            broadcasts,
            seen: Vec::new(),
        }
    }

    /// Returns the client that the channel belongs to.
    #[must_use]
    pub fn socket(&self) -> &TestSocket {
        &self.socket
    }

    /// Returns the topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Pushes an event to the channel.
    ///
    /// # Panics
    /// If `payload` has no JSON form.
    pub async fn push(&self, event: &str, payload: impl IntoPayload) -> PushRef {
        let client = &self.socket.client;
        let reference = client.next_ref();
        client
            .send(&self.join_ref, &reference, &self.topic, event, payload)
            .await;
        PushRef(reference)
    }

    /// Leaves the topic, and waits for the channel's end.
    ///
    /// # Panics
    /// If the channel has not ended within a second.
    ///
    /// # Examples
    /// A channel whose `terminate` writes to a database:
    ///
    /// ```
    /// # use presence_channels::testing::TestChannel;
    /// # use std::time::Duration;
    /// # async fn test(channel: TestChannel) {
    /// channel.leave().within(Duration::from_secs(10)).await;
    /// # }
    /// ```
    #[track_caller]
    pub fn leave(self) -> Assertion<'static, ()> {
        let at = Location::caller();
        Assertion::new(PATIENCE, move |time| async move {
            let inbox = &self.socket.client.inbox;
            let left = async {
                let leave = self.push("phx_leave", Payload::empty()).await;
                inbox.reply(&leave.0, &self.topic).await;
                let is_end =
                    |message: &Received| self.owns(message) && message.event == "phx_close";
                inbox.take(is_end).await;
            };
            if tokio::time::timeout(time, left).await.is_err() {
                let Self { socket, topic, .. } = &self;
                panic!("{at}: the channel of {topic:?} has not ended within {time:?}; {socket:?}");
            }
        })
    }

    /// Asserts that the channel ends with `phx_close`: it stopped in order.
    ///
    /// # Panics
    /// If it has not within a second.
    #[track_caller]
    pub fn assert_closed(&self) -> Assertion<'_, ()> {
        self.expect().end("phx_close")
    }

    /// Asserts that the channel ends with `phx_error`: it panicked, or stopped with an error.
    ///
    /// # Panics
    /// If it has not within a second.
    #[track_caller]
    pub fn assert_crashed(&self) -> Assertion<'_, ()> {
        self.expect().end("phx_error")
    }

    /// Asserts that `push` is answered with `status` and a response that includes `response`.
    /// Returns the whole response.
    ///
    /// An object includes another if it has all its fields, with values that include theirs; other
    /// values include what equals them.
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
        self.expect()
            .reply(push, status, ExpectedPayload::of(response))
    }

    /// Asserts that `push` is not answered for 100 ms.
    ///
    /// # Panics
    /// If it is.
    #[track_caller]
    pub fn refute_reply<'a>(&'a self, push: &'a PushRef) -> Assertion<'a, ()> {
        self.expect().no_reply(push, None)
    }

    /// Asserts that `push` is not answered with `status` and a response that includes `response`,
    /// for 100 ms. Another answer stays for the next assertion.
    ///
    /// # Panics
    /// If it is.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::testing::TestChannel;
    /// # use serde_json::json;
    /// # async fn test(channel: TestChannel) {
    /// let save = channel.push("save", json!({ "name": "ann" })).await;
    /// channel
    ///     .refute_reply_with(&save, "error", json!({ "reason": "name taken" }))
    ///     .await;
    /// channel.assert_reply(save, "ok", json!({})).await;
    /// # }
    /// ```
    #[track_caller]
    pub fn refute_reply_with<'a>(
        &'a self,
        push: &'a PushRef,
        status: &'a str,
        response: impl IntoPayload,
    ) -> Assertion<'a, ()> {
        let pattern = (status, ExpectedPayload::of(response));
        self.expect().no_reply(push, Some(pattern))
    }

    /// Asserts that the client is sent `event` with a payload that includes `payload` (see
    /// [`assert_reply`](Self::assert_reply)), pushed or broadcast. Returns the whole payload.
    ///
    /// # Panics
    /// If it has not come within a second.
    #[track_caller]
    pub fn assert_push<'a>(
        &'a self,
        event: &'a str,
        payload: impl IntoPayload,
    ) -> Assertion<'a, Payload> {
        self.expect().push(event, ExpectedPayload::of(payload))
    }

    /// Asserts that the client is sent no `event` for 100 ms.
    ///
    /// # Panics
    /// If it is.
    #[track_caller]
    pub fn refute_push<'a>(&'a self, event: &'a str) -> Assertion<'a, ()> {
        self.expect().no_push(event, None)
    }

    /// Asserts that the client is sent no `event` with a payload that includes `payload`, for
    /// 100 ms.
    ///
    /// # Panics
    /// If it is.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::testing::TestChannel;
    /// # use serde_json::json;
    /// # async fn test(channel: TestChannel) {
    /// channel.refute_push_with("message", json!({ "from": "a blocked user" })).await;
    /// # }
    /// ```
    #[track_caller]
    pub fn refute_push_with<'a>(
        &'a self,
        event: &'a str,
        payload: impl IntoPayload,
    ) -> Assertion<'a, ()> {
        self.expect()
            .no_push(event, Some(ExpectedPayload::of(payload)))
    }

    /// Broadcasts an event on the topic, as if another client had. The topic's members get it, this
    /// channel too. [`assert_broadcast`](Self::assert_broadcast) does not see it.
    ///
    /// # Panics
    /// If `payload` has no JSON form.
    pub fn broadcast_from(&self, event: &str, payload: impl IntoPayload) {
        let payload = payload.into_payload();
        let payload = payload.unwrap_or_else(|error| panic!("{error}"));
        let broadcast = Broadcast::new(&*self.topic, event, payload);
        let pubsub = self.socket.endpoint().pubsub();
        pubsub
            .broadcast_from(self.broadcasts.id(), broadcast)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Asserts that `event` is broadcast on the topic, with a payload that includes `payload` (see
    /// [`assert_reply`](Self::assert_reply)), since the join. Returns the whole payload.
    ///
    /// # Panics
    /// If it has not been within a second.
    #[track_caller]
    pub fn assert_broadcast<'a>(
        &'a mut self,
        event: &'a str,
        payload: impl IntoPayload,
    ) -> Assertion<'a, Payload> {
        let at = Location::caller();
        let expected = ExpectedPayload::of(payload);
        Assertion::new(PATIENCE, move |time| async move {
            let is_it =
                |message: &Broadcast| *message.event == *event && expected.fits(&message.payload);
            match self.take_broadcast(time, is_it).await {
                Some(message) => message.payload,
                None => panic!(
                    "{at}: no broadcast {event:?} {expected} within {time:?}; broadcast: {:?}",
                    self.seen
                ),
            }
        })
    }

    /// Asserts that no `event` is broadcast on the topic for 100 ms.
    ///
    /// # Panics
    /// If it is.
    #[track_caller]
    pub fn refute_broadcast<'a>(&'a mut self, event: &'a str) -> Assertion<'a, ()> {
        self.no_broadcast(event, None)
    }

    /// Asserts that no `event` with a payload that includes `payload` is broadcast on the topic for
    /// 100 ms.
    ///
    /// # Panics
    /// If it is.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::testing::TestChannel;
    /// # use serde_json::json;
    /// # async fn test(mut channel: TestChannel) {
    /// channel.refute_broadcast_with("shout", json!({ "secret": true })).await;
    /// # }
    /// ```
    #[track_caller]
    pub fn refute_broadcast_with<'a>(
        &'a mut self,
        event: &'a str,
        payload: impl IntoPayload,
    ) -> Assertion<'a, ()> {
        self.no_broadcast(event, Some(ExpectedPayload::of(payload)))
    }

    #[track_caller]
    fn no_broadcast<'a>(
        &'a mut self,
        event: &'a str,
        pattern: Option<ExpectedPayload>,
    ) -> Assertion<'a, ()> {
        let at = Location::caller();
        Assertion::new(WATCH, move |time| async move {
            let is_it = |message: &Broadcast| {
                let fits = |pattern: &ExpectedPayload| pattern.fits(&message.payload);
                *message.event == *event && pattern.as_ref().is_none_or(fits)
            };
            if let Some(message) = self.take_broadcast(time, is_it).await {
                panic!("{at}: an unexpected broadcast: {message:?}");
            }
        })
    }

    async fn take_broadcast(
        &mut self,
        patience: Duration,
        is: impl Fn(&Broadcast) -> bool,
    ) -> Option<Broadcast> {
        if let Some(index) = self.seen.iter().position(&is) {
            return Some(self.seen.remove(index));
        }
        let (broadcasts, seen) = (&mut self.broadcasts, &mut self.seen);
        let next = async {
            loop {
                let message = broadcasts.recv().await?;
                if is(&message) {
                    return Some(message);
                }
                seen.push(message);
            }
        };
        tokio::time::timeout(patience, next).await.ok()?
    }

    /// Expects something of what is for this join, or for all of the topic.
    #[track_caller]
    fn expect(&self) -> Expect<'_, impl Fn(&Received) -> bool + Send + Sync> {
        Expect::of(&self.socket, |message: &Received| self.owns(message))
    }

    fn owns(&self, message: &Received) -> bool {
        message.topic == self.topic
            && (message.join_ref.is_null() || message.join_ref == *self.join_ref)
    }
}
