//! Runs one channel: `Phoenix.Channel.Server`, without a process.
//!
//! A channel has no task of its own. What is posted to an idle one makes a piece of [`Work`] that
//! holds the channel, handles what waits, and puts the channel back; what is posted meanwhile waits
//! in the mailbox. Work is polled once where the message arrived, which is all that most handlers
//! need, and becomes a task if it has to wait. An idle channel thus costs its own state and a few
//! words.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
};

use parking_lot::{Mutex, MutexGuard};
use presence_core::pubsub::{Dispatch, Message as Broadcast, Payload, Subscriber, Subscription};
use smol_str::SmolStr;

use super::{
    Accepted, Channel, ChannelError, Join, JoinResult, Reply, Socket, TerminateReason,
    guard::{Outcome, drop_guarded, guard},
    letter::Letter,
    reply::Then,
    terminate::Farewell,
};
use crate::{
    Topic,
    message::{Outgoing, Ref, TopicRef},
    serializer::BroadcastFrames,
    socket::{Shared, reason_payload},
};

/// Something a channel has to do.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A channel on its way in, and the work of joining.
pub(crate) type Started = (Arc<dyn AnyChannel>, Work);

/// A channel of any type, as its connection sees it.
pub(crate) trait AnyChannel: Send + Sync {
    /// May a message with this `join_ref` be for this channel, and not for one that was here before?
    fn answers_to(&self, join_ref: &Ref) -> bool;

    fn is_closed(&self) -> bool;

    /// Ready when the channel has ended.
    fn poll_closed(&self, waker: &Waker) -> Poll<()>;

    /// Takes a message from the client.
    fn receive(self: Arc<Self>, reference: Ref, event: SmolStr, payload: Payload) -> Option<Work>;

    fn leave(self: Arc<Self>, reference: Ref) -> Option<Work>;

    /// Ends the channel after what it is doing now.
    fn close(self: Arc<Self>, reason: TerminateReason) -> Option<Work>;

    /// The last words of a channel that was joined again; the new channel's reply goes before them.
    fn say_closed(&self);
}

/// One joined (or joining) channel.
pub(super) struct Server<C: Channel> {
    /// PubSub delivers to a borrowed subscriber; posting needs a shared one.
    me: Weak<Self>,
    pub(super) shared: Arc<Shared<C::Socket>>,
    pub(super) topic: Topic,
    /// As it came with the join: what the join's reply and the last words carry.
    join_ref: Ref,
    /// What pushes and other replies carry: the join's ref where its join_ref is null.
    pub(super) effective_join_ref: Ref,
    /// Has the join been answered? Read for every broadcast, so apart from the lock.
    joined: AtomicBool,
    mailbox: Mutex<Mailbox<C>>,
}

struct Mailbox<C: Channel> {
    letters: VecDeque<Letter<C>>,
    /// The channel, while nothing runs it.
    body: Option<Box<Body<C>>>,
    closed: bool,
    /// The join that waits for this channel's end.
    successor: Option<Waker>,
}

/// The channel, and what its callbacks are handed.
struct Body<C: Channel> {
    channel: C,
    socket: Socket<C>,
}

enum Flow {
    GoOn,
    End(TerminateReason),
}

/// Begins a join.
pub(crate) fn start<C: Channel>(shared: Arc<Shared<C::Socket>>, join: Join) -> Started {
    let Join {
        topic,
        join_ref,
        reference,
        payload,
        previous,
    } = join;
    let effective_join_ref = if join_ref.is_null() {
        reference.clone()
    } else {
        join_ref.clone()
    };
    let mailbox = Mailbox {
        letters: VecDeque::new(),
        body: None,
        closed: false,
        successor: None,
    };
    let server = Arc::new_cyclic(|me| Server::<C> {
        me: me.clone(),
        shared,
        topic,
        join_ref,
        effective_join_ref,
        joined: AtomicBool::new(false),
        mailbox: Mutex::new(mailbox),
    });
    let work = server.clone().join(reference, payload, previous);
    (server, Box::pin(work))
}

impl<C: Channel> Server<C> {
    /// Joins, and then handles what has come meanwhile.
    async fn join(
        self: Arc<Self>,
        reference: Ref,
        payload: Payload,
        previous: Option<Arc<dyn AnyChannel>>,
    ) {
        if let Some(previous) = &previous {
            poll_fn(|cx| previous.poll_closed(cx.waker())).await;
        }
        let mut socket = Socket::new(self.clone());
        let limit = self.shared.endpoint.handler_timeout();
        let joined = guard(limit, C::join(&self.topic, payload, &mut socket)).await;
        let accepted = self.judge(joined);
        let last_words = || {
            if let Some(previous) = &previous {
                previous.say_closed();
            }
        };
        match accepted {
            Ok(Accepted { channel, reply }) => {
                // Before the reply: a broadcast sent after the client has it must not be missed.
                socket.subscription = Some(self.subscribe());
                self.answer_join(&reference, &reply);
                last_words();
                tracing::debug!(topic = &*self.topic, "joined");
                run(self, Box::new(Body { channel, socket }), None).await;
            }
            Err(refusal) => {
                self.reply(&self.join_ref, &reference, "error", &refusal);
                last_words();
                drop_guarded(socket);
                self.close_mailbox();
            }
        }
    }

    /// The channel, or what the client is told instead.
    fn judge(&self, joined: Outcome<JoinResult<C>>) -> Result<Accepted<C>, Payload> {
        let topic = &*self.topic;
        match joined {
            Outcome::Done(Ok(accepted)) => Ok(accepted),
            Outcome::Done(Err(refusal)) => {
                if let Some(error) = refusal.source {
                    tracing::error!(topic, %error, "a join failed");
                }
                Err(refusal.payload)
            }
            Outcome::Panicked(panic) => {
                tracing::error!(topic, panic, "a join panicked");
                Err(reason_payload("join crashed"))
            }
            Outcome::TimedOut => {
                tracing::error!(topic, "a join took too long");
                Err(reason_payload("join timed out"))
            }
        }
    }

    fn subscribe(self: &Arc<Self>) -> Subscription {
        self.shared
            .endpoint
            .pubsub()
            .subscribe(&self.topic, self.clone())
    }

    /// Sends the join's reply, and after it the broadcasts that have come since the subscription.
    fn answer_join(&self, reference: &Ref, reply: &Payload) {
        let mut mailbox = self.mailbox.lock();
        self.reply(&self.join_ref, reference, "ok", reply);
        mailbox.letters.retain_mut(|letter| match letter {
            Letter::Held(frame) => {
                self.shared.outbox.send(frame.clone());
                false
            }
            _ => true,
        });
        self.joined.store(true, Ordering::Release);
    }

    /// Leaves a letter. Gives the work of handling it, if nobody is at work already.
    fn post(self: &Arc<Self>, letter: Letter<C>) -> Result<Option<Work>, Letter<C>> {
        let mailbox = self.mailbox.lock();
        if mailbox.closed {
            return Err(letter);
        }
        Ok(self.put(mailbox, letter))
    }

    fn put(
        self: &Arc<Self>,
        mut mailbox: MutexGuard<'_, Mailbox<C>>,
        letter: Letter<C>,
    ) -> Option<Work> {
        if let Some(body) = mailbox.body.take() {
            drop(mailbox);
            return Some(Box::pin(run(self.clone(), body, Some(letter))));
        }
        mailbox.letters.push_back(letter);
        None
    }

    /// Leaves a broadcast. A channel that handles them too slowly ends, and its client joins again:
    /// it must neither fill the memory nor miss some without knowing.
    fn post_broadcast(
        self: &Arc<Self>,
        mut mailbox: MutexGuard<'_, Mailbox<C>>,
        letter: Letter<C>,
    ) -> Option<Work> {
        let limit = self.shared.mount.options.limits.max_waiting_messages;
        if mailbox.closed {
            return None;
        }
        if mailbox.letters.len() >= limit {
            let reason = TerminateReason::Failed("too slow for its broadcasts".into());
            mailbox.letters.clear();
            mailbox.letters.push_back(Letter::Close(reason));
            return None;
        }
        self.put(mailbox, letter)
    }

    /// Leaves a letter from outside the connection's task. False if the channel has ended.
    pub(super) fn post_spawned(self: &Arc<Self>, letter: Letter<C>) -> bool {
        let posted = self.post(letter);
        if let Ok(Some(work)) = posted {
            self.shared.endpoint.runtime().spawn(work);
            return true;
        }
        posted.is_ok()
    }

    async fn serve(&self, body: &mut Body<C>, letter: Letter<C>) -> Flow {
        let limit = self.shared.endpoint.handler_timeout();
        let Body { channel, socket } = body;
        let outcome = match letter {
            Letter::In {
                reference,
                event,
                payload,
            } => {
                self.shared.messages_begun(1);
                socket.reference = Some(reference.clone());
                let handled = guard(limit, channel.handle_in(&event, payload, socket)).await;
                socket.reference = None;
                match handled {
                    Outcome::Done(handled) => return self.answer(&reference, &event, handled),
                    Outcome::Panicked(panic) => Outcome::Panicked(panic),
                    Outcome::TimedOut => Outcome::TimedOut,
                }
            }
            Letter::Info(info) => guard(limit, channel.handle_info(info, socket)).await,
            Letter::Out(Broadcast { event, payload, .. }) => {
                guard(limit, channel.handle_out(&event, payload, socket)).await
            }
            Letter::Held(frame) => {
                self.shared.outbox.send(frame);
                return Flow::GoOn;
            }
            Letter::Leave { reference } => {
                let join_ref = &self.effective_join_ref;
                self.reply(join_ref, &reference, "ok", &Payload::empty());
                return Flow::End(TerminateReason::Left);
            }
            Letter::Close(reason) => return Flow::End(reason),
        };
        match outcome {
            Outcome::Done(Ok(())) => {}
            Outcome::Done(Err(error)) => self.log_failure(&error),
            Outcome::Panicked(panic) => return Flow::End(TerminateReason::Panicked(panic)),
            Outcome::TimedOut => return Flow::End(TerminateReason::TimedOut),
        }
        Flow::GoOn
    }

    fn answer(&self, reference: &Ref, event: &str, handled: Result<Reply, ChannelError>) -> Flow {
        let join_ref = &self.effective_join_ref;
        let Reply { reply, then } = match handled {
            Ok(handled) => handled,
            Err(error) => {
                self.log_failure(&error);
                self.reply(join_ref, reference, "error", &error.payload());
                return Flow::GoOn;
            }
        };
        if let Some((status, payload)) = reply {
            tracing::trace!(topic = &*self.topic, event, status, "replied");
            self.reply(join_ref, reference, status, &payload);
        }
        match then {
            Then::GoOn => Flow::GoOn,
            Then::Stop => Flow::End(TerminateReason::Stopped),
            Then::Fail(reason) => Flow::End(TerminateReason::Failed(reason)),
        }
    }

    fn log_failure(&self, error: &ChannelError) {
        tracing::error!(topic = &*self.topic, %error, "a handler failed");
    }

    fn reply(&self, join_ref: &Ref, reference: &Ref, status: &str, payload: &Payload) {
        let topic = TopicRef::Text(&self.topic);
        let reply = Outgoing::Reply {
            join_ref,
            reference,
            topic,
            status,
            payload,
        };
        if let Err(error) = self.shared.send(&reply) {
            tracing::error!(topic = &*self.topic, %error, "a reply was dropped");
        }
    }

    /// Ends the channel: its last callback, then its presences and subscriptions, then what the
    /// client is told.
    async fn end(&self, mut body: Box<Body<C>>, reason: TerminateReason) {
        match &reason {
            TerminateReason::Failed(_)
            | TerminateReason::Panicked(_)
            | TerminateReason::TimedOut => {
                tracing::error!(topic = &*self.topic, ?reason, "a channel ended abnormally");
            }
            _ => tracing::debug!(topic = &*self.topic, ?reason, "a channel ended"),
        }
        let limit = self.shared.endpoint.handler_timeout();
        let Body { channel, socket } = &mut *body;
        if let Outcome::Panicked(panic) = guard(limit, channel.terminate(&reason, socket)).await {
            tracing::error!(topic = &*self.topic, panic, "terminate panicked");
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

    fn push_control(&self, event: &str, payload: &Payload) {
        let join_ref = &self.join_ref;
        let push = Outgoing::Push {
            join_ref,
            reference: join_ref,
            topic: &self.topic,
            event,
            payload,
        };
        self.shared
            .send(&push)
            .expect("JSON can be written down in every version");
    }

    /// Takes no more letters, and answers the client's that nobody will handle.
    fn close_mailbox(&self) {
        let (letters, successor) = {
            let mut mailbox = self.mailbox.lock();
            mailbox.closed = true;
            (
                std::mem::take(&mut mailbox.letters),
                mailbox.successor.take(),
            )
        };
        for letter in letters {
            let topic = TopicRef::Text(&self.topic);
            match letter {
                Letter::In { reference, .. } => {
                    self.shared.messages_begun(1);
                    self.shared
                        .refuse(&Ref::NULL, &reference, topic, "unmatched topic");
                }
                Letter::Leave { reference } => {
                    self.reply(&self.join_ref, &reference, "ok", &Payload::empty());
                }
                _ => {}
            }
        }
        if let Some(successor) = successor {
            successor.wake();
        }
    }
}

/// Handles `letter`, then all that waits, and puts the channel back or ends it.
async fn run<C: Channel>(
    server: Arc<Server<C>>,
    mut body: Box<Body<C>>,
    mut letter: Option<Letter<C>>,
) {
    loop {
        if let Some(reason) = body.socket.stopping.take() {
            return server.end(body, reason).await;
        }
        let next = match letter.take() {
            Some(letter) => letter,
            None => {
                let mut mailbox = server.mailbox.lock();
                let Some(letter) = mailbox.letters.pop_front() else {
                    // An idle channel holds no memory for letters.
                    mailbox.letters = VecDeque::new();
                    mailbox.body = Some(body);
                    return;
                };
                letter
            }
        };
        if let Flow::End(reason) = server.serve(&mut body, next).await {
            return server.end(body, reason).await;
        }
        // A channel with much to do lets others of its thread have a turn.
        tokio::task::coop::consume_budget().await;
    }
}

impl<C: Channel> AnyChannel for Server<C> {
    fn answers_to(&self, join_ref: &Ref) -> bool {
        join_ref.is_null() || *join_ref == self.join_ref || *join_ref == self.effective_join_ref
    }

    fn is_closed(&self) -> bool {
        self.mailbox.lock().closed
    }

    fn poll_closed(&self, waker: &Waker) -> Poll<()> {
        let mut mailbox = self.mailbox.lock();
        if mailbox.closed {
            return Poll::Ready(());
        }
        mailbox.successor = Some(waker.clone());
        Poll::Pending
    }

    fn receive(self: Arc<Self>, reference: Ref, event: SmolStr, payload: Payload) -> Option<Work> {
        self.shared.message_waits();
        match self.post(Letter::In {
            reference,
            event,
            payload,
        }) {
            Ok(work) => work,
            Err(Letter::In { reference, .. }) => {
                self.shared.messages_begun(1);
                let topic = TopicRef::Text(&self.topic);
                self.shared
                    .refuse(&Ref::NULL, &reference, topic, "unmatched topic");
                None
            }
            Err(_) => None,
        }
    }

    fn leave(self: Arc<Self>, reference: Ref) -> Option<Work> {
        match self.post(Letter::Leave {
            reference: reference.clone(),
        }) {
            Ok(work) => work,
            Err(_) => {
                self.reply(&self.join_ref, &reference, "ok", &Payload::empty());
                None
            }
        }
    }

    fn close(self: Arc<Self>, reason: TerminateReason) -> Option<Work> {
        let mut mailbox = self.mailbox.lock();
        if let Some(body) = mailbox.body.take() {
            drop(mailbox);
            let work = async move { self.end(body, reason).await };
            return Some(Box::pin(work));
        }
        if mailbox.closed {
            return None;
        }
        // What no handler has begun with is not begun with any more.
        mailbox.letters.push_front(Letter::Close(reason));
        None
    }

    fn say_closed(&self) {
        self.push_control("phx_close", &Payload::empty());
    }
}

impl<C: Channel> Subscriber for Server<C> {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let broadcast = dispatch.message();
        if C::INTERCEPTS.contains(&&*broadcast.event) {
            let mailbox = self.mailbox.lock();
            if let Some(server) = self.me.upgrade()
                && let Some(work) = server.post_broadcast(mailbox, Letter::Out(broadcast.clone()))
            {
                self.shared.endpoint.runtime().spawn(work);
            }
            return;
        }
        let frames: &mut BroadcastFrames = dispatch.shared();
        let frame = match frames.get(self.shared.version, broadcast) {
            Ok(frame) => frame.clone(),
            Err(error) => {
                let (topic, event) = (&*broadcast.topic, &*broadcast.event);
                tracing::warn!(topic, event, %error, "a broadcast was dropped for a client");
                return;
            }
        };
        if !self.joined.load(Ordering::Acquire) {
            let mailbox = self.mailbox.lock();
            // Looked at again under the lock that the join is answered under.
            if !self.joined.load(Ordering::Acquire) {
                if let Some(server) = self.me.upgrade() {
                    server.post_broadcast(mailbox, Letter::Held(frame));
                }
                return;
            }
        }
        self.shared.outbox.send(frame);
    }
}
