//! One client's channels: the transport process of `Phoenix.Socket`.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Waker},
};

use presence_core::pubsub::{Dispatch, Payload, Subscriber, Subscription};
use smol_str::SmolStr;

use super::{
    ConnectionShared, UserSocket,
    client_rates::{ClientRates, OverRate},
    joined_channels::{JoinedChannel, JoinedChannels},
    refresh,
};
use crate::{
    Limits, TerminateReason, Topic,
    channel::{AnyChannel, Join, Work},
    limits::Bucket,
    message::{Message, Ref, TopicRef, WireTopic},
    node::expiry,
    outgoing::{Outbox, close_code},
    serializer::{Data, MalformedFrame},
    telemetry::{Drops, Limit, LoggedClient},
};

/// A connected client. Dropping it ends its channels.
pub(crate) struct Connection<S: UserSocket> {
    shared: Arc<ConnectionShared<S>>,
    channels: JoinedChannels,
    rates: ClientRates,
    /// Listens for `disconnect` on the socket's id.
    _disconnects: Option<Subscription>,
}

impl<S: UserSocket> Connection<S> {
    pub(crate) fn new(shared: Arc<ConnectionShared<S>>) -> Self {
        let id = shared.user.id();
        let disconnects = id.as_ref().map(|id| {
            let listener = Arc::new(DisconnectListener(shared.outbox.clone()));
            shared.node().pubsub().subscribe(id, listener)
        });
        let mount = &shared.mount;
        let users = mount.routes.limits_users().then_some(&mount.user_rates);
        let rate = mount.options.limits.max_message_rate;
        let rates = ClientRates::new(rate, users, id.as_deref(), shared.node().now());
        Self {
            shared,
            channels: JoinedChannels::default(),
            rates,
            _disconnects: disconnects,
        }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.shared.outbox
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.mount.options.limits
    }

    /// Returns whether the messages that wait for handlers have reached a limit, so that the client
    /// should send no more.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy_limit().is_some()
    }

    /// Returns the limit that makes the connection [busy](Self::is_busy).
    pub(super) fn busy_limit(&self) -> Option<Limit> {
        self.shared.busy_limit()
    }

    /// Milliseconds since the endpoint's start.
    pub(crate) fn now(&self) -> u64 {
        self.shared.node().now()
    }

    /// Takes a frame from the client.
    pub(crate) fn receive(
        &mut self,
        data: Data,
        cx: &mut Context<'_>,
    ) -> Result<(), MalformedFrame> {
        let meter = self.shared.outbox.meter();
        let frame_bytes = data.bytes().len();
        meter.message_in(frame_bytes);
        let decoded = self.shared.version.decode(data);
        // Whatever serializer read it: a channel keeps the ref of its join, and an answer repeats
        // one.
        let decoded = decoded.and_then(|message| match message.ref_bytes() {
            bytes if bytes > self.limits().max_ref_bytes => Err(MalformedFrame::RefTooLong(bytes)),
            _ => Ok(message),
        });
        let message = decoded.inspect_err(|malformed| {
            meter.dropped(Drops::Malformed);
            if let MalformedFrame::RefTooLong(bytes) = malformed {
                self.limit_refused(Limit::RefBytes, format_args!("a ref of {bytes} bytes"));
            }
        })?;
        self.handle(message, frame_bytes, cx);
        Ok(())
    }

    /// Counts what a limit refuses to the client, and logs it.
    pub(crate) fn limit_refused(&self, limit: Limit, what: impl fmt::Display) {
        refused(&self.shared, limit, what);
    }

    fn handle(&mut self, message: Message, frame_bytes: usize, cx: &mut Context<'_>) {
        let bytes = message.held_bytes(frame_bytes);
        let Message {
            join_ref,
            reference,
            topic,
            event,
            payload,
        } = message;
        let is_heartbeat = event == "heartbeat"
            && matches!(&topic, WireTopic::Text(topic) if topic == expiry::TOPIC);
        // A refused heartbeat or leave would cost more than it saves.
        if !is_heartbeat
            && event != "phx_leave"
            && let Err(OverRate { limit, reason }) = self.count_message()
        {
            self.limit_refused(limit, &*event);
            return self
                .shared
                .refuse(&join_ref, &reference, TopicRef::from(&topic), &reason);
        }
        let topic = match topic {
            WireTopic::Text(topic) => topic,
            WireTopic::Other(topic) => {
                // No channel can have this topic, so a leave has nothing to end.
                let topic = TopicRef::Raw(&topic);
                return match &*event {
                    "phx_leave" => self.shared.confirm(&join_ref, &reference, topic),
                    _ => self
                        .shared
                        .refuse(&Ref::NULL, &reference, topic, "unmatched topic"),
                };
            }
        };
        let work = match &*event {
            _ if is_heartbeat => {
                self.shared
                    .confirm(&Ref::NULL, &reference, TopicRef::Text(&topic));
                None
            }
            refresh::EVENT if topic == expiry::TOPIC && self.shared.expiry.is_some() => {
                refresh::refresh(&self.shared, reference, payload)
            }
            "phx_join" => self.join(topic, join_ref, reference, payload, bytes, cx),
            "phx_leave" => self.leave(&topic, &join_ref, reference),
            _ => self.dispatch(&topic, &join_ref, reference, event, payload, bytes),
        };
        if let Some(work) = work {
            self.perform(work, cx);
        }
    }

    /// Counts a message of any topic.
    fn count_message(&mut self) -> Result<(), OverRate> {
        let of_users = self.shared.mount.routes.rate_of_users();
        self.rates.count(of_users, || self.shared.node().now())
    }

    /// Polls work once in this task, which is all that most handlers need; then on its own.
    fn perform(&self, mut work: Work, cx: &mut Context<'_>) {
        if work.as_mut().poll(cx).is_pending() {
            self.shared.node().runtime().spawn(work);
        }
    }

    fn join(
        &mut self,
        topic: SmolStr,
        join_ref: Ref,
        reference: Ref,
        payload: Payload,
        bytes: usize,
        cx: &mut Context<'_>,
    ) -> Option<Work> {
        if topic.len() > self.limits().max_topic_bytes {
            self.limit_refused(Limit::TopicBytes, &topic);
            return self.refuse_join(&topic, &join_ref, &reference, "topic too long");
        }
        let Some(route) = self.shared.mount.routes.find(&topic) else {
            return self.refuse_join(&topic, &Ref::NULL, &reference, "unmatched topic");
        };
        // Channels that ended by themselves are forgotten when the client joins the next.
        let max_channels = self.limits().max_channels;
        self.channels
            .forget_ended(max_channels, || self.shared.node().now());
        let previous = self.channels.position(&topic);
        if previous.is_none() && self.channels.len() >= max_channels {
            self.limit_refused(Limit::Channels, &topic);
            return self.refuse_join(&topic, &join_ref, &reference, "too many channels joined");
        }
        if self.shared.joins_under_way() >= self.limits().max_joins_under_way {
            self.limit_refused(Limit::JoinsUnderWay, &topic);
            return self.refuse_join(&topic, &join_ref, &reference, "too many joins under way");
        }
        let previous = previous.map(|index| self.channels.take(index));
        // A second join does not refill the channel's bucket, nor does one after a leave.
        let (previous, bucket) = match previous {
            Some(JoinedChannel {
                channel, bucket, ..
            }) => (Some(channel), bucket),
            None => {
                let spent = self.channels.take_bucket(&topic);
                let rate = self.limits().max_channel_message_rate;
                (None, spent.or_else(|| Bucket::of(rate, self.now())))
            }
        };
        if let Some(previous) = previous.clone()
            && let Some(end) = previous.close(TerminateReason::Rejoined)
        {
            self.perform(end, cx);
        }
        let topic = Topic::from(&*topic);
        // Clients of version 1 send no join_ref. They know a channel by the ref of its join, and
        // take a `phx_close` without one to be for whatever channel the topic has by then.
        let join_ref = match self.shared.version.is_v1() && join_ref.is_null() {
            true => reference.clone(),
            false => join_ref,
        };
        let join = Join {
            topic: topic.clone(),
            join_ref,
            reference,
            payload,
            previous,
            bytes,
            meter: self.shared.mount.routes.get(route).meter.clone(),
        };
        let start = self.shared.mount.routes.get(route).start;
        let (channel, work) = start(self.shared.clone(), join);
        self.channels.push(JoinedChannel {
            topic,
            channel,
            bucket,
            route,
            leaving: false,
        });
        Some(work)
    }

    fn refuse_join(
        &self,
        topic: &str,
        join_ref: &Ref,
        reference: &Ref,
        reason: &str,
    ) -> Option<Work> {
        self.shared
            .refuse(join_ref, reference, TopicRef::Text(topic), reason);
        None
    }

    fn leave(&mut self, topic: &str, join_ref: &Ref, reference: Ref) -> Option<Work> {
        let Some(entry) = self.channels.find(topic) else {
            self.shared
                .confirm(join_ref, &reference, TopicRef::Text(topic));
            return None;
        };
        if !entry.channel.answers_to(join_ref) {
            return None;
        }
        entry.leaving = true;
        entry.channel.clone().leave(reference)
    }

    fn dispatch(
        &mut self,
        topic: &str,
        join_ref: &Ref,
        reference: Ref,
        event: SmolStr,
        payload: Payload,
        bytes: usize,
    ) -> Option<Work> {
        let shared = &self.shared;
        let refuse = |join_ref: &Ref, reason: &str| {
            shared.refuse(join_ref, &reference, TopicRef::Text(topic), reason);
            None
        };
        let Some(entry) = self.channels.find(topic) else {
            return refuse(&Ref::NULL, "unmatched topic");
        };
        if !entry.channel.answers_to(join_ref) {
            return None;
        }
        if event.len() > shared.mount.options.limits.max_event_bytes {
            refused(shared, Limit::EventBytes, topic);
            return refuse(join_ref, "event too long");
        }
        if let Some(rate) = Bucket::over(&mut entry.bucket, || shared.node().now()) {
            refused(shared, Limit::ChannelMessageRate, topic);
            let reason = format!("over the channel's limit of {rate} messages a second");
            return refuse(join_ref, &reason);
        }
        let (channel, route) = (entry.channel.clone(), entry.route);
        if let Some(rates) = &shared.mount.routes.get(route).rates {
            let now = shared.node().now();
            if let Err(OverRate { limit, reason }) =
                self.rates.count_for_route(rates, route, &event, now)
            {
                refused(shared, limit, topic);
                return refuse(join_ref, &reason);
            }
        }
        channel.receive(reference, event, payload, bytes)
    }

    /// Returns whether presences of the client would stay if its connection were lost.
    pub(super) fn has_grace(&self) -> bool {
        let mut channels = self.channels.iter();
        channels.any(|entry| entry.channel.has_grace())
    }

    /// Returns the client's channel of `topic`, for the test kit.
    pub(super) fn channel(&self, topic: &str) -> Option<Arc<dyn AnyChannel>> {
        let index = self.channels.position(topic)?;
        let entry = self.channels.iter().nth(index)?;
        Some(entry.channel.clone())
    }

    pub(super) fn user(&self) -> &S {
        &self.shared.user
    }
}

impl<S: UserSocket> Drop for Connection<S> {
    fn drop(&mut self) {
        self.shared.log_end();
        let runtime = self.shared.node().runtime().clone();
        let _entered = runtime.enter();
        for JoinedChannel { channel, .. } in self.channels.drain() {
            if let Some(mut work) = channel.close(TerminateReason::Closed) {
                // Most channels have nothing to wait for in `terminate`.
                let mut cx = Context::from_waker(Waker::noop());
                if work.as_mut().poll(&mut cx).is_pending() {
                    runtime.spawn(work);
                }
            }
        }
    }
}

/// Counts what a limit refuses to the client, and logs it with the client's user and address.
fn refused<S: UserSocket>(shared: &ConnectionShared<S>, limit: Limit, what: impl fmt::Display) {
    let limits = shared.mount.meters.limits();
    limits.refused_to(limit, what, || LoggedClient {
        user: shared.logged_user(),
        address: shared.logged_address(),
    });
}

/// Closes the connection when `disconnect` is broadcast on the socket's id.
struct DisconnectListener(Arc<Outbox>);

impl Subscriber for DisconnectListener {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        if &*dispatch.message().event == "disconnect" {
            self.0.close(close_code::GOING_AWAY, "disconnected");
        }
    }
}
