//! The work of a channel: its callbacks, one at a time, and its end.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use presence_core::{
    pubsub::{Broadcast, Payload},
    tracker::Tracked,
};
use tracing::Instrument;

use super::{
    AnyChannel, ChannelServer, ChannelState,
    mailbox::{Leftovers, Next},
};
use crate::{
    channel::{
        Channel, ChannelError, Reply, Socket, TerminateReason, letter::Letter, reply::Then,
        terminate::Farewell,
    },
    failure::{Settled, reason_payload},
    guard::{CallbackOutcome, drop_guarded, guard_last, guard_progress},
    message::{Ref, TopicRef},
    telemetry::{self, Callback, Crash, Cut, Shown, Stopwatch, event_at, span_at},
    wakers,
};

enum Flow {
    GoOn,
    End(TerminateReason),
}

/// Handles `letter`, then all that waits, and puts the channel back or ends it.
// Each message has such a future. The rare end is in a box of its own.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn keeps each argument twice"
)]
pub(super) fn run<C: Channel>(
    server: Arc<ChannelServer<C>>,
    mut body: Box<ChannelState<C>>,
    mut letter: Option<Letter<C>>,
) -> impl Future<Output = ()> + Send {
    async move {
        if let Flow::End(reason) = server.unless_stopped(&mut body.socket, "join", Flow::GoOn) {
            return Box::pin(server.end(body, reason)).await;
        }
        // A flood may have been read already, and waits in the mailbox.
        if let Some(first) = letter.take_if(|letter| server.holds_up(letter)) {
            server.mailbox.lock().hold_first(first);
        }
        loop {
            if letter.is_none() {
                let mut mailbox = server.mailbox.lock();
                match mailbox.pop(server.limits(), || server.is_held()) {
                    Next::Letter(next, senders) => {
                        drop(mailbox);
                        senders.into_iter().for_each(wakers::wake);
                        letter = Some(next);
                    }
                    Next::Held => {}
                    Next::None => {
                        mailbox.body = Some(body);
                        return;
                    }
                }
            }
            if letter.is_none() {
                poll_fn(|cx| server.poll_unheld(cx)).await;
                continue;
            }
            if let Flow::End(reason) = server.serve(&mut body, &mut letter).await {
                return Box::pin(server.end(body, reason)).await;
            }
            // A channel with much to do lets others of its thread have a turn.
            tokio::task::coop::consume_budget().await;
        }
    }
}

impl<C: Channel> ChannelServer<C> {
    /// Returns whether the client's messages wait: too many of its broadcasts do.
    fn is_held(&self) -> bool {
        self.shared.outbox.sender().is_held()
    }

    fn holds_up(&self, letter: &Letter<C>) -> bool {
        matches!(letter, Letter::In { .. }) && self.is_held()
    }

    /// Ready when the client is held no more, or a letter waits that is not the client's.
    fn poll_unheld(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.shared.outbox.sender().poll_released(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => self.mailbox.lock().poll_unheld(cx.waker()),
        }
    }

    async fn serve(&self, body: &mut ChannelState<C>, letter: &mut Option<Letter<C>>) -> Flow {
        let limit = self.shared.node().handler_timeout();
        let ChannelState {
            channel, socket, ..
        } = body;
        let Some(mut letter) = letter.take() else {
            return Flow::GoOn;
        };
        letter.begin();
        match letter {
            Letter::In {
                reference,
                event,
                payload,
                bytes,
            } => {
                self.shared.message_begun(bytes);
                socket.reference = Some(reference.clone());
                let level = C::LOG_HANDLE_IN;
                let span = span_at!(
                    level,
                    telemetry::target::HANDLE_IN,
                    "handle_in",
                    topic = self.logged_topic(),
                    event = Cut(&*event).to_string(),
                    user = self.shared.logged_user(),
                    address = self.shared.logged_address()
                );
                let logged = (!span.is_disabled()).then(|| payload.clone());
                let watch = Stopwatch::start(logged.is_some());
                let callback = || {
                    let handling = span.in_scope(|| channel.handle_in(&event, payload, socket));
                    handling.instrument(span.clone())
                };
                let handled = guard_progress(limit, &self.progress, callback).await;
                socket.reference = None;
                self.meter.took(Callback::HandleIn, watch);
                if let Some(payload) = logged {
                    let filter = &self.shared.node().config().filter_parameters;
                    let (payload, elapsed) = (Shown(filter, &payload), watch.elapsed());
                    let answer = said(&handled);
                    span.in_scope(
                        || event_at!(level, telemetry::target::HANDLE_IN, %payload, answer, ?elapsed, "handled"),
                    );
                }
                let flow = match handled {
                    CallbackOutcome::Done(handled) => self.answer(&event, &reference, handled),
                    CallbackOutcome::Panicked(panic) => self.panicked(&event, panic),
                    CallbackOutcome::TimedOut => self.timed_out(&event),
                };
                self.unless_stopped(socket, &event, flow)
            }
            Letter::Info(info) | Letter::Heard { info, .. } => {
                let watch = Stopwatch::start(false);
                let handled =
                    guard_progress(limit, &self.progress, || channel.handle_info(info, socket))
                        .await;
                self.meter.took(Callback::HandleInfo, watch);
                let flow = self.after("handle_info", handled);
                self.unless_stopped(socket, "handle_info", flow)
            }
            Letter::Out {
                broadcast: Broadcast { event, payload, .. },
                ..
            } => {
                let watch = Stopwatch::start(false);
                // The channel pushes what the client would get.
                socket.may_drop_pushes = self.may_drop(&event);
                let handled = guard_progress(limit, &self.progress, || {
                    channel.handle_out(&event, payload, socket)
                })
                .await;
                socket.may_drop_pushes = false;
                self.meter.took(Callback::HandleOut, watch);
                let flow = self.after(&event, handled);
                self.unless_stopped(socket, &event, flow)
            }
            Letter::Visit(visit) => {
                visit(channel, socket);
                self.unless_stopped(socket, "visit", Flow::GoOn)
            }
            Letter::Held { frame, .. } => {
                self.shared.outbox.send(frame);
                Flow::GoOn
            }
            Letter::Leave { reference } => {
                let join_ref = &self.effective_join_ref;
                self.reply(join_ref, &reference, "ok", &Payload::empty());
                Flow::End(TerminateReason::Left)
            }
            Letter::Close(reason) => Flow::End(reason),
        }
    }

    /// Returns what follows a callback that may have [stopped](Socket::stop) its channel.
    fn unless_stopped(&self, socket: &mut Socket<C>, event: &str, flow: Flow) -> Flow {
        match flow {
            Flow::GoOn => socket.stopping.take().map_or(Flow::GoOn, |reason| {
                self.log_abnormal(Some(event), &reason);
                Flow::End(reason)
            }),
            end => end,
        }
    }

    /// Returns what follows a callback that answers nobody.
    fn after(&self, event: &str, handled: CallbackOutcome<Result<(), ChannelError>>) -> Flow {
        match handled {
            CallbackOutcome::Done(Ok(())) => Flow::GoOn,
            CallbackOutcome::Done(Err(error)) if error.ends_channel() => self.failed(event, &error),
            CallbackOutcome::Done(Err(error)) => {
                self.settle(event, error, false);
                Flow::GoOn
            }
            CallbackOutcome::Panicked(panic) => self.panicked(event, panic),
            CallbackOutcome::TimedOut => self.timed_out(event),
        }
    }

    /// Returns what follows an error that ends the channel: a payload that is not an object.
    fn failed(&self, event: &str, error: &ChannelError) -> Flow {
        let error = error.to_string();
        self.log_not_an_object(event, &error);
        Flow::End(TerminateReason::Failed(error))
    }

    fn panicked(&self, event: &str, panic: String) -> Flow {
        self.log_error(event, &panic, "a handler panicked");
        Flow::End(TerminateReason::Panicked(panic))
    }

    fn timed_out(&self, event: &str) -> Flow {
        self.took_too_long(event, "a handler took too long");
        Flow::End(TerminateReason::TimedOut)
    }

    fn answer(&self, event: &str, reference: &Ref, handled: Result<Reply, ChannelError>) -> Flow {
        let join_ref = &self.effective_join_ref;
        let Reply { reply, then } = match handled {
            Ok(handled) => handled,
            Err(error) if error.ends_channel() => return self.failed(event, &error),
            Err(error) => {
                let reply = self.settle(event, error, true);
                self.reply(join_ref, reference, "error", &reply);
                return Flow::GoOn;
            }
        };
        if let Some((status, payload)) = reply {
            self.reply(join_ref, reference, &status, &payload);
        }
        match then {
            Then::GoOn => Flow::GoOn,
            Then::Stop => Flow::End(TerminateReason::Stopped),
            Then::Fail(reason) => {
                self.log_error(event, &reason, "a handler ended its channel with an error");
                Flow::End(TerminateReason::Failed(reason))
            }
            Then::Unhandled(reason) => {
                self.log_unhandled(event, &reason);
                Flow::End(TerminateReason::Failed(reason))
            }
        }
    }

    /// Logs the error of a handler. Returns its reply to the client. A refusal that `is_answered`
    /// to nobody is a failure of the app.
    fn settle(&self, event: &str, error: ChannelError, is_answered: bool) -> Payload {
        let refusal = error.reason().to_owned();
        let is_of_clients_frames = error.failure.is_clients_frame();
        let Settled {
            reply,
            error,
            is_clients,
            may_be_clients,
        } = error.settle::<C::Socket>();
        if is_clients && (is_answered || error.is_some()) {
            self.log_refusal(event, &error.unwrap_or(refusal));
        } else if is_of_clients_frames {
            let error = error.unwrap_or(refusal);
            self.log_unsent(event, &error, "a handler's message cannot be sent");
        } else if may_be_clients {
            self.log_refused_presence(event, &error.unwrap_or(refusal));
        } else {
            self.log_error(event, &error.unwrap_or(refusal), "a handler failed");
        }
        reply
    }

    /// Ends the channel: its last callback, then its presences and subscriptions, then what the
    /// client is told.
    pub(super) async fn end(&self, mut body: Box<ChannelState<C>>, reason: TerminateReason) {
        self.log_end(&reason);
        // Broadcasts that no handler will take would hold their senders for nothing.
        let Leftovers { letters, waiters } = self.mailbox.lock().end();
        letters.into_iter().for_each(drop_guarded);
        waiters.into_iter().for_each(wakers::wake);
        // The client's doing, and counted as that.
        let is_clients = reason == TerminateReason::TimedOut && self.progress.waited_for_client();
        if let Some(crash) = reason.crash().filter(|_| !is_clients) {
            self.meter.crashed(crash);
        }
        let limit = self.shared.node().handler_timeout();
        let ChannelState {
            channel, socket, ..
        } = &mut *body;
        let crash =
            match guard_last(limit, &self.progress, || channel.terminate(&reason, socket)).await {
                CallbackOutcome::Done(()) => None,
                CallbackOutcome::Panicked(panic) => {
                    self.log_error("terminate", &panic, "terminate panicked");
                    Some(Crash::Panicked)
                }
                CallbackOutcome::TimedOut => {
                    self.took_too_long("terminate", "terminate took too long");
                    (!self.progress.waited_for_client()).then_some(Crash::TimedOut)
                }
            };
        if let Some(crash) = crash.filter(|_| reason.crash().is_none()) {
            self.meter.crashed(crash);
        }
        if let Some(end) = reason.disconnect(self.shared.outbox.disconnect()) {
            body.socket.owner().disconnect(end, C::DISCONNECT_GRACE);
        }
        drop_guarded(body);
        match reason.farewell() {
            Farewell::Close => self.say_closed(),
            Farewell::Error => {
                self.push_control("phx_error", &reason_payload("channel_crash"));
            }
            Farewell::None => {}
        }
        self.close_mailbox();
    }

    /// Closes the mailbox, and answers the client's letters that are not handled any more.
    pub(super) fn close_mailbox(&self) {
        let leftovers = self.mailbox.lock().close();
        for letter in leftovers.letters {
            let topic = TopicRef::Text(&self.topic);
            match letter {
                Letter::In {
                    reference, bytes, ..
                } => {
                    self.shared.message_begun(bytes);
                    self.shared
                        .refuse(&Ref::NULL, &reference, topic, "unmatched topic");
                }
                Letter::Leave { reference } => {
                    self.reply(&self.join_ref, &reference, "ok", &Payload::empty());
                }
                // Values of the app among them.
                letter => drop_guarded(letter),
            }
        }
        leftovers.waiters.into_iter().for_each(wakers::wake);
    }
}

/// Returns the answer to a message, as it is logged.
fn said(handled: &CallbackOutcome<Result<Reply, ChannelError>>) -> &str {
    match handled {
        CallbackOutcome::Done(Ok(Reply {
            reply: Some((status, _)),
            ..
        })) => status,
        CallbackOutcome::Done(Ok(_)) => "none",
        CallbackOutcome::Done(Err(_)) => "error",
        CallbackOutcome::Panicked(_) => "panicked",
        CallbackOutcome::TimedOut => "timed out",
    }
}
