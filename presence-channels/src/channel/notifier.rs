use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Weak},
    task::Poll,
};

use presence_core::pubsub::{Broadcast, Dispatch, Subscriber};
use tokio::task::AbortHandle;

use super::{
    Channel, TerminateReason,
    letter::{Letter, broadcast_bytes},
    server::ChannelServer,
};
use crate::{guard::call_guarded, outgoing::BroadcastFrames};

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
    /// current callback. A message that waits when the channel ends is dropped with it.
    ///
    /// At most [`Limits::max_waiting_messages`](crate::Limits::max_waiting_messages) such messages
    /// wait for a channel. [`notify_wait`](Self::notify_wait) waits for room instead.
    ///
    /// # Errors
    /// [`NotifyError::Full`] if as many messages wait as may, and [`NotifyError::Closed`] if the
    /// channel has ended, or is in `terminate`. The message is dropped then.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{Channel, Notifier};
    /// use presence_channels::NotifyError;
    ///
    /// fn price_changed<C: Channel<Info = u64>>(notifier: &Notifier<C>, price: u64) {
    ///     match notifier.notify(price) {
    ///         Ok(()) => {}
    ///         Err(NotifyError::Full) => println!("a slow channel missed the price {price}"),
    ///         Err(error) => println!("no need for prices: {error}"),
    ///     }
    /// }
    /// ```
    pub fn notify(&self, info: C::Info) -> Result<(), NotifyError> {
        let server = self.server.upgrade().ok_or(NotifyError::Closed)?;
        server.post_info(info, None).map_err(|(error, _)| error)
    }

    /// As [`notify`](Self::notify), but waits while as many messages wait for the channel as may.
    ///
    /// This method is cancel safe: a message is taken only by a call that returns `Ok`. Do not call
    /// it from the channel's own callbacks, because the channel makes room between callbacks.
    ///
    /// # Errors
    /// [`NotifyError::Closed`] if the channel has ended, or ends meanwhile.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{Channel, Notifier};
    /// /// Sends the lines of a file at the pace of the channel.
    /// async fn replay<C: Channel<Info = String>>(notifier: Notifier<C>, lines: Vec<String>) {
    ///     for line in lines {
    ///         if notifier.notify_wait(line).await.is_err() {
    ///             return;
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn notify_wait(&self, info: C::Info) -> Result<(), NotifyError> {
        let mut unsent = Some(info);
        poll_fn(|cx| {
            let Some(server) = self.server.upgrade() else {
                return Poll::Ready(Err(NotifyError::Closed));
            };
            let info = unsent.take().expect("ready only once");
            match server.post_info(info, Some(cx.waker())) {
                Ok(()) => Poll::Ready(Ok(())),
                Err((NotifyError::Full, info)) => {
                    unsent = Some(info);
                    Poll::Pending
                }
                Err((error, _)) => Poll::Ready(Err(error)),
            }
        })
        .await
    }
}

/// A channel did not take the message of a [`Notifier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// As many messages wait for the channel as
    /// [`Limits::max_waiting_messages`](crate::Limits::max_waiting_messages) allows. The channel
    /// still runs, and takes messages when it has caught up.
    #[error("as many messages wait for the channel as max_waiting_messages allows")]
    Full,
    /// The channel has ended, or is in [`terminate`](Channel::terminate), and takes no message any
    /// more.
    #[error("the channel has ended")]
    Closed,
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
pub(super) struct Listener<C: Channel>(Weak<ChannelServer<C>>);

impl<C: Channel> Listener<C> {
    pub(super) fn new(server: &Arc<ChannelServer<C>>) -> Self {
        Self(Arc::downgrade(server))
    }
}

impl<C: Channel> Subscriber for Listener<C>
where
    C::Info: FromBroadcast,
{
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let Some(server) = self.0.upgrade() else {
            return;
        };
        let message = dispatch.message();
        let bytes = broadcast_bytes(message);
        let unhandled = match dispatch.is_remote() {
            true => None,
            false => {
                let frames: &mut BroadcastFrames = dispatch.shared();
                frames.unhandled(&server.shared.outbox, bytes)
            }
        };
        // This is the broadcaster's task, which may be any other channel's.
        server.post_heard(match call_guarded(|| message.clone().into()) {
            Ok(info) => Ok(Letter::Heard {
                info,
                bytes,
                unhandled,
            }),
            Err(panic) => Err(TerminateReason::Panicked(panic)),
        });
    }
}

/// A message that [`Socket::notify_after`](crate::Socket::notify_after) sends later.
/// [`cancel`](Self::cancel) and the end of the channel cancel the message; dropping the timer does
/// not.
#[derive(Debug)]
pub struct Timer(pub(super) AbortHandle);

impl Timer {
    /// Cancels the message, unless it was sent already.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::Timer;
    /// /// Cancels the reminder of a user who has answered.
    /// fn answered(reminder: &mut Option<Timer>) {
    ///     if let Some(reminder) = reminder.take() {
    ///         reminder.cancel();
    ///     }
    /// }
    /// # let _ = answered;
    /// ```
    pub fn cancel(&self) {
        self.0.abort();
    }
}
