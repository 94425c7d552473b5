use std::{
    fmt,
    sync::{Arc, Weak},
};

use presence_core::pubsub::{Broadcast, Dispatch, Subscriber};
use tokio::task::AbortHandle;

use super::{Channel, TerminateReason, guard::call_guarded, letter::Letter, server::ChannelServer};

/// Sends messages to a channel from anywhere. A notifier does not keep its channel alive.
pub struct Notifier<C: Channel> {
    server: Weak<ChannelServer<C>>,
}

impl<C: Channel> Notifier<C> {
    pub(super) fn new(server: &Arc<ChannelServer<C>>) -> Self {
        Self {
            server: Arc::downgrade(server),
        }
    }

    /// Calls [`handle_info`](Channel::handle_info) with `info` when the channel has finished its
    /// current callback. Returns whether the channel still runs.
    ///
    /// Messages wait in memory until the channel handles them. A caller that notifies faster than
    /// the channel works must slow down by itself.
    pub fn notify(&self, info: C::Info) -> bool {
        self.post(Letter::Info(info))
    }

    fn post(&self, letter: Letter<C>) -> bool {
        self.server
            .upgrade()
            .is_some_and(|server| server.post_spawned(letter))
    }
}

impl<C: Channel> Clone for Notifier<C> {
    fn clone(&self) -> Self {
        Self {
            server: self.server.clone(),
        }
    }
}

impl<C: Channel> fmt::Debug for Notifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifier")
    }
}

/// The `Info` of a channel that subscribes to other topics. Every type with `From<Broadcast>`
/// implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot tell a channel of a broadcast",
    note = "implement `From<presence_channels::Broadcast>` for the channel's `Info`"
)]
pub trait FromBroadcast: From<Broadcast> {}

// Without this the compiler would speak of `From` and list what implements it.
#[diagnostic::do_not_recommend]
impl<I: From<Broadcast>> FromBroadcast for I {}

/// The messages of a topic that a channel subscribed to, on their way to its `handle_info`.
pub(super) struct Listener<C: Channel>(pub(super) Notifier<C>);

impl<C: Channel> Subscriber for Listener<C>
where
    C::Info: FromBroadcast,
{
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        // This is the broadcaster's task, which may be any other channel's.
        let letter = match call_guarded(|| dispatch.message().clone().into()) {
            Ok(info) => Letter::Info(info),
            Err(panic) => Letter::Close(TerminateReason::Panicked(panic)),
        };
        self.0.post(letter);
    }
}

/// A message that [`Socket::notify_after`](crate::Socket::notify_after) sends later.
/// [`cancel`](Self::cancel) and the end of the channel cancel the message; dropping the timer does
/// not.
#[derive(Debug)]
pub struct Timer(pub(super) AbortHandle);

impl Timer {
    /// Cancels the message, unless it was sent already.
    pub fn cancel(&self) {
        self.0.abort();
    }
}
