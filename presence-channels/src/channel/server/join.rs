//! Runs a join: the channel begins, or the client gets the refusal.

use std::{
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
};

use presence_core::pubsub::{Interest, Payload, Subscription};
use tracing::Instrument;

use super::{AnyChannel, ChannelServer, ChannelState, log::OVER_TIME, run::run};
use crate::{
    UserSocket,
    channel::{Accepted, Channel, JoinError, JoinResult, Socket},
    failure::{Settled, reason_payload},
    guard::{CallbackOutcome, drop_guarded, guard},
    message::Ref,
    serializer::Frame,
    socket::Joining,
    telemetry::{self, Asked, Callback, CutError, Refused, Shown, Stopwatch, event_at, span_at},
};

impl<C: Channel> ChannelServer<C> {
    /// Joins, and then handles what has come meanwhile. `previous` comes with what the join holds
    /// until that channel has ended, which is counted as waiting already.
    pub(super) async fn join(
        self: Arc<Self>,
        reference: Ref,
        payload: Payload,
        previous: Option<(Arc<dyn AnyChannel>, usize)>,
        under_way: Joining<C::Socket>,
    ) {
        if let Some((previous, bytes)) = &previous {
            poll_fn(|cx| previous.poll_closed(cx.waker())).await;
            self.shared.bytes_begun(*bytes);
        }
        let mut socket = Socket::new(self.clone());
        let mark = self.shared.node().recent_kicks().mark();
        let limit = self.shared.node().handler_timeout();
        let span = span_at!(
            C::LOG_JOIN,
            telemetry::target::JOIN,
            "join",
            topic = self.logged_topic(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address()
        );
        let logged = (!span.is_disabled()).then(|| payload.clone());
        let watch = Stopwatch::start(logged.is_some());
        let callback = || {
            let joining = span.in_scope(|| C::join(&self.topic, payload, &mut socket));
            joining.instrument(span.clone())
        };
        let joined = guard(limit, callback).await;
        self.meter.took(Callback::Join, watch);
        let accepted = span.in_scope(|| self.judge(joined));
        if let Some(payload) = logged {
            let payload = Shown(&self.shared.node().config().filter_parameters, &payload);
            let elapsed = watch.elapsed();
            span.in_scope(|| match &accepted {
                Ok(_) => {
                    event_at!(C::LOG_JOIN, telemetry::target::JOIN, %payload, ?elapsed, "joined");
                }
                Err(refusal) => {
                    let answer = Shown(&self.shared.node().config().filter_parameters, refusal);
                    if let Some(suppressed) = self.pass(Refused::Join) {
                        event_at!(C::LOG_JOIN, telemetry::target::JOIN, %answer, %payload, ?elapsed, suppressed, "refused a join");
                    }
                }
            });
        }
        let last_words = || {
            if let Some((previous, _)) = &previous {
                previous.say_closed();
            }
        };
        match accepted {
            Ok(Accepted { channel, reply }) => {
                // Before the reply: a broadcast sent after the client has it must not be missed.
                socket.subscription = Some(self.subscribe(socket.interest()));
                if let Some(kicked) = self.kicked_since(mark) {
                    socket.stopping = Some(kicked);
                }
                self.answer_join(&reference, &reply);
                if let Err(error) = socket.push_count() {
                    tracing::warn!(topic = self.logged_topic(), %error, "a count was not sent");
                }
                drop(under_way);
                last_words();
                let body = ChannelState {
                    channel,
                    socket,
                    _present: self.meter.present(),
                };
                // In a box of its own: it seldom finds a message, and the join has no place for it.
                Box::pin(run(self, Box::new(body), None)).await;
            }
            Err(refusal) => {
                self.reply(&self.join_ref, &reference, "error", &refusal);
                last_words();
                drop_guarded(socket);
                self.close_mailbox();
            }
        }
    }

    /// Returns the channel, or the refusal for the client.
    fn judge(&self, joined: CallbackOutcome<JoinResult<C>>) -> Result<Accepted<C>, Payload> {
        let (asked, judged) = match joined {
            CallbackOutcome::Done(Ok(accepted)) => (Asked::Ok, Ok(accepted)),
            CallbackOutcome::Done(Err(JoinError(failure))) => {
                let is_clients_frame = failure.is_clients_frame();
                let Settled {
                    reply,
                    error,
                    is_clients,
                    may_be_clients,
                } = failure.settle(C::Socket::error_reply);
                let is_clients = is_clients || is_clients_frame;
                match error {
                    Some(error) if is_clients => {
                        let error = CutError(&error);
                        if let Some(suppressed) = self.pass(Refused::JoinError) {
                            event_at!(
                                C::LOG_JOIN,
                                telemetry::target::JOIN,
                                %error,
                                suppressed,
                                "the client's error"
                            );
                        }
                    }
                    Some(error) if may_be_clients => self.log_refused_presence("join", &error),
                    Some(error) => self.log_error("join", &error, "a join failed"),
                    None => {}
                }
                let asked = match is_clients || may_be_clients {
                    true => Asked::Refused,
                    false => Asked::Failed,
                };
                (asked, Err(reply))
            }
            CallbackOutcome::Panicked(panic) => {
                self.log_error("join", &panic, "a join panicked");
                (Asked::Failed, Err(reason_payload("join crashed")))
            }
            CallbackOutcome::TimedOut => {
                self.log_error("join", OVER_TIME, "a join took too long");
                (Asked::Failed, Err(reason_payload("join timed out")))
            }
        };
        self.meter.joined(asked);
        judged
    }

    fn subscribe(self: &Arc<Self>, interest: Interest) -> Subscription {
        self.shared
            .endpoint
            .pubsub()
            .subscribe_as(&self.topic, interest, self.clone())
    }

    /// Sends the join's reply, and after it the broadcasts that have come since the subscription.
    ///
    /// All of it without the mailbox's lock, because a full queue is written at once. Until
    /// `joined` is set, a broadcast is held in the mailbox, so none overtakes those that are sent
    /// here. If they come faster than they are sent, the limits of the mailbox end the channel.
    fn answer_join(&self, reference: &Ref, reply: &Payload) {
        self.reply(&self.join_ref, reference, "ok", reply);
        while let Some(held) = self.take_held() {
            held.into_iter()
                .for_each(|frame| self.shared.outbox.send(frame));
        }
    }

    /// Takes the broadcasts that wait for the join's reply. Returns `None` if none do, and from
    /// then on broadcasts go to the client at once.
    fn take_held(&self) -> Option<Vec<Frame>> {
        let mut mailbox = self.mailbox.lock();
        let mut held = Vec::new();
        mailbox.take_held(|frame| held.push(frame));
        if held.is_empty() {
            self.joined.store(true, Ordering::Release);
            return None;
        }
        Some(held)
    }
}
