//! Runs one channel: `Phoenix.Channel.Server`, without a process.
//!
//! A channel has no task of its own. A message that is posted to an idle channel creates a piece of
//! [`Work`]. The work takes the channel out, handles the waiting messages, and puts the channel
//! back. Messages that are posted meanwhile wait in the mailbox. The work is polled once where the
//! message arrived, which is enough for most handlers, and becomes a task if it has to wait. An
//! idle channel thus costs its own state and a few words.

mod deliver;
mod join;
mod log;
mod mailbox;
mod post;
mod run;
mod work;

use std::{
    any::Any,
    pin::Pin,
    sync::{Arc, Weak, atomic::AtomicBool},
    task::{Poll, Waker},
};

use mailbox::Mailbox;
use parking_lot::Mutex;
use presence_core::{
    pubsub::Payload,
    tracker::{Disconnect, Tracked},
};
use smol_str::SmolStr;

use super::{
    Channel, Join, Socket, TerminateReason,
    letter::{Letter, Visit},
};
use crate::{
    Topic,
    guard::{Progress, call_guarded},
    message::{Outgoing, Ref, TopicRef},
    serializer::Frame,
    socket::ConnectionShared,
    telemetry::{Present, RouteMeter},
};

/// Something a channel has to do.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A channel on its way in, and the work of joining.
pub(crate) type Started = (Arc<dyn AnyChannel>, Work);

/// A channel of any type, as its connection sees it.
pub(crate) trait AnyChannel: Send + Sync {
    /// Returns whether a message with this `join_ref` is for this channel, and not for an earlier
    /// channel of the topic.
    fn answers_to(&self, join_ref: &Ref) -> bool;

    fn is_closed(&self) -> bool;

    /// Returns whether presences of the idle channel would stay if the connection were lost.
    fn has_grace(&self) -> bool;

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;

    /// Ready when the channel has ended.
    fn poll_closed(&self, waker: &Waker) -> Poll<()>;

    /// Takes a message from the client, which holds `bytes` while it waits.
    fn receive(
        self: Arc<Self>,
        reference: Ref,
        event: SmolStr,
        payload: Payload,
        bytes: usize,
    ) -> Option<Work>;

    fn leave(self: Arc<Self>, reference: Ref) -> Option<Work>;

    /// Ends the channel after what it is doing now.
    fn close(self: Arc<Self>, reason: TerminateReason) -> Option<Work>;

    /// Sends the last message of a channel that was joined again. The new channel's reply comes
    /// before it.
    fn say_closed(&self);
}

/// One joined (or joining) channel.
pub(super) struct ChannelServer<C: Channel> {
    /// PubSub delivers to a borrowed subscriber; posting needs a shared one.
    me: Weak<Self>,
    pub(super) shared: Arc<ConnectionShared<C::Socket>>,
    pub(super) topic: Topic,
    meter: RouteMeter,
    /// The join_ref of the join as it came, for the join's reply and the channel's last messages.
    join_ref: Ref,
    /// The ref that pushes and later replies carry: the join's ref if its join_ref is null.
    pub(super) effective_join_ref: Ref,
    /// Set once the join has been answered. Read for every broadcast, so it stands outside the
    /// lock.
    joined: AtomicBool,
    /// Of the callback under way.
    pub(super) progress: Progress,
    mailbox: Mutex<Mailbox<C>>,
}

/// The channel, and what its callbacks are handed.
struct ChannelState<C: Channel> {
    channel: C,
    socket: Socket<C>,
    _present: Present,
}

impl<C: Channel> Drop for ChannelState<C> {
    /// A panic outside of a callback is a crash, too: the presences stay for their grace.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let owner = self.socket.owner();
            let lost = || owner.disconnect(Disconnect::Lost, C::DISCONNECT_GRACE);
            if let Err(panic) = call_guarded(lost) {
                tracing::error!(
                    panic,
                    "the presences of a channel that panicked have no grace"
                );
            }
        }
    }
}

/// Begins a join.
pub(crate) fn start<C: Channel>(shared: Arc<ConnectionShared<C::Socket>>, join: Join) -> Started {
    let Join {
        topic,
        join_ref,
        reference,
        payload,
        previous,
        bytes,
        meter,
    } = join;
    let effective_join_ref = if join_ref.is_null() {
        reference.clone()
    } else {
        join_ref.clone()
    };
    let server = Arc::new_cyclic(|me| ChannelServer::<C> {
        me: me.clone(),
        shared,
        topic,
        meter,
        join_ref,
        effective_join_ref,
        joined: AtomicBool::new(false),
        progress: Progress::default(),
        mailbox: Mutex::default(),
    });
    let under_way = server.shared.join_begins();
    let previous = previous.map(|previous| {
        server.shared.bytes_wait(bytes);
        (previous, bytes)
    });
    let join = server.clone().join(reference, payload, previous, under_way);
    let work = server.work(join);
    (server, work)
}

/// The result of a [`visit`].
pub(crate) enum Visited {
    /// The visit runs after the current callback, unless the channel ends before.
    Soon,
    Ended,
    OtherType,
}

/// Calls `look` between two callbacks of the channel, for the test kit.
pub(crate) fn visit<C: Channel>(channel: Arc<dyn AnyChannel>, look: Visit<C>) -> Visited {
    let Ok(server) = channel.into_any().downcast::<ChannelServer<C>>() else {
        return Visited::OtherType;
    };
    let runtime = server.shared.node().runtime().clone();
    match server.post(Letter::Visit(look)) {
        Ok(work) => {
            work.map(|work| runtime.spawn(work));
            Visited::Soon
        }
        Err(_) => Visited::Ended,
    }
}

impl<C: Channel> ChannelServer<C> {
    fn reply(&self, join_ref: &Ref, reference: &Ref, status: &str, payload: &Payload) {
        if let Some(reply) = self.encode_reply(join_ref, reference, status, payload) {
            self.shared.outbox.send(reply);
        }
    }

    /// The frame of a reply; none if another answer had to be sent in its place.
    fn encode_reply(
        &self,
        join_ref: &Ref,
        reference: &Ref,
        status: &str,
        payload: &Payload,
    ) -> Option<Frame> {
        let topic = TopicRef::Text(&self.topic);
        let reply = Outgoing::Reply {
            join_ref,
            reference,
            topic,
            status,
            payload,
        };
        let frame = self.shared.version.encode(&reply);
        frame
            .inspect_err(|error| {
                // The client waits for an answer: it gets one that every version can carry.
                self.log_unsent_reply(error);
                self.shared
                    .refuse(join_ref, reference, topic, "internal error");
            })
            .ok()
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
        self.shared.say(&push);
    }
}

impl<C: Channel> AnyChannel for ChannelServer<C> {
    fn answers_to(&self, join_ref: &Ref) -> bool {
        join_ref.is_null() || *join_ref == self.join_ref
    }

    fn is_closed(&self) -> bool {
        self.mailbox.lock().closed
    }

    fn has_grace(&self) -> bool {
        let mailbox = self.mailbox.lock();
        let body = mailbox.body.as_ref();
        body.is_some_and(|body| body.socket.owner().has_grace(C::DISCONNECT_GRACE))
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn poll_closed(&self, waker: &Waker) -> Poll<()> {
        let mut mailbox = self.mailbox.lock();
        if mailbox.closed {
            return Poll::Ready(());
        }
        mailbox.successor = Some(waker.clone());
        Poll::Pending
    }

    fn receive(
        self: Arc<Self>,
        reference: Ref,
        event: SmolStr,
        payload: Payload,
        bytes: usize,
    ) -> Option<Work> {
        self.shared.message_waits(bytes);
        match self.post(Letter::In {
            reference,
            event,
            payload,
            bytes,
        }) {
            Ok(work) => work,
            Err(Letter::In { reference, .. }) => {
                self.shared.message_begun(bytes);
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
        self.log_abnormal(None, &reason);
        let mut mailbox = self.mailbox.lock();
        if let Some(body) = mailbox.body.take() {
            mailbox.ending = true;
            drop(mailbox);
            let server = self.clone();
            return Some(self.work(async move { server.end(body, reason).await }));
        }
        if mailbox.closed || mailbox.ending {
            return None;
        }
        // Letters that no handler has begun with are not handled any more.
        let runner = mailbox.push_close(reason);
        drop(mailbox);
        runner.into_iter().for_each(Waker::wake);
        None
    }

    fn say_closed(&self) {
        self.push_control("phx_close", &Payload::empty());
    }
}
