//! Joining: the channel begins, or the client is told why not.

use std::{
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
};

use presence_core::pubsub::{Payload, Subscription};

use super::{AnyChannel, Body, Server, run::run};
use crate::{
    channel::{
        Accepted, Channel, JoinResult, Socket,
        guard::{Outcome, drop_guarded, guard},
        letter::Letter,
    },
    message::Ref,
    socket::reason_payload,
};

impl<C: Channel> Server<C> {
    /// Joins, and then handles what has come meanwhile.
    pub(super) async fn join(
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
        // Before the lock: a serializer may be the app's own.
        let reply = self.encode_reply(&self.join_ref, reference, "ok", reply);
        let mut mailbox = self.mailbox.lock();
        if let Some(reply) = reply {
            self.shared.outbox.send(reply);
        }
        mailbox.letters.retain_mut(|letter| match letter {
            Letter::Held(frame) => {
                self.shared.outbox.send(frame.clone());
                false
            }
            _ => true,
        });
        self.joined.store(true, Ordering::Release);
    }
}
