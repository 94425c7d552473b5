//! Messages of the app to a channel, which its `handle_info` gets.

use std::{sync::Arc, time::Duration};

use super::Socket;
use crate::{
    Channel, FromBroadcast, Notifier,
    channel::{Timer, notifier::Listener},
};

impl<C: Channel> Socket<C> {
    /// Calls [`handle_info`](Channel::handle_info) with `info`, right after the current callback:
    /// `send(self(), ...)` in Phoenix. From `join`, the call comes after the join was answered.
    /// `info` is a value of the channel's own [`type Info`](Channel::Info); a message of another
    /// kind becomes a variant of that type.
    ///
    /// At most [`Limits::max_waiting_messages`](crate::Limits::max_waiting_messages) such messages
    /// wait. One more ends the channel with `phx_error`: a channel that waited for itself would
    /// wait for ever. A task that has more to send uses [`Notifier::notify_wait`].
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// enum Info {
    ///     AfterJoin,
    /// }
    ///
    /// # async fn join<C: Channel<Info = Info>>(socket: &mut Socket<C>) -> Result<(), JoinError> {
    /// // In `join`, for what can be pushed only after it.
    /// socket.notify(Info::AfterJoin);
    /// # Ok(())
    /// # }
    /// ```
    pub fn notify(&self, info: C::Info) {
        self.server.post_own(info);
    }

    /// As [`notify`](Self::notify), after `delay`. The message is cancelled when the channel ends,
    /// or by the returned [`Timer`].
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// use std::time::Duration;
    ///
    /// enum Info {
    ///     TimeIsUp,
    /// }
    ///
    /// struct Game {
    ///     clock: Option<Timer>,
    /// }
    ///
    /// /// Gives the next player a minute.
    /// fn next_turn<C: Channel<Info = Info>>(game: &mut Game, socket: &mut Socket<C>) {
    ///     if let Some(clock) = &game.clock {
    ///         clock.cancel();
    ///     }
    ///     game.clock = Some(socket.notify_after(Duration::from_secs(60), Info::TimeIsUp));
    /// }
    /// ```
    pub fn notify_after(&mut self, delay: Duration, info: C::Info) -> Timer {
        let server = Arc::downgrade(&self.server);
        let timer = self.endpoint().node().runtime().spawn(async move {
            tokio::time::sleep(delay).await;
            if let Some(server) = server.upgrade() {
                server.post_own(info);
            }
        });
        let timer = timer.abort_handle();
        // Timers that have fired are removed from time to time, which costs nothing per timer.
        if self.timers.len().is_power_of_two() {
            self.timers.retain(|timer| !timer.is_finished());
        }
        self.timers.push(timer.clone());
        Timer(timer)
    }

    /// Returns a handle that sends messages to this channel from another task.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # async fn next_price() -> u64 { 1 }
    /// # fn handler<C: Channel<Info = u64>>(socket: &mut Socket<C>) {
    /// let notifier = socket.notifier();
    /// tokio::spawn(async move {
    ///     // The task ends with its channel.
    ///     while notifier.notify_wait(next_price().await).await.is_ok() {}
    /// });
    /// # }
    /// ```
    #[must_use]
    pub fn notifier(&self) -> Notifier<C> {
        Notifier::new(&self.server)
    }

    /// Calls [`handle_info`](Channel::handle_info) with each message that is broadcast on `topic`,
    /// until [`unsubscribe`](Self::unsubscribe) or the channel's end. The channel's own topic needs
    /// no subscription.
    ///
    /// Messages that wait for the channel are bounded in number and bytes, as broadcasts that it
    /// [intercepts](Channel::INTERCEPTS) are:
    /// [`Limits::max_waiting_messages`](crate::Limits::max_waiting_messages) and
    /// [`max_waiting_bytes`](crate::Limits::max_waiting_bytes). A client of this node that sends
    /// them too fast is made to wait. A channel that is still slower than its topics ends with
    /// `phx_error`, and its client joins again.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// enum Info {
    ///     News(Broadcast),
    /// }
    ///
    /// impl From<Broadcast> for Info {
    ///     fn from(broadcast: Broadcast) -> Self {
    ///         Self::News(broadcast)
    ///     }
    /// }
    ///
    /// fn follow<C: Channel<Info = Info>>(from: &str, to: &str, socket: &mut Socket<C>) {
    ///     socket.unsubscribe(from);
    ///     socket.subscribe(to);
    /// }
    /// ```
    pub fn subscribe(&mut self, topic: &str)
    where
        C::Info: FromBroadcast,
    {
        let listener = Arc::new(Listener::new(&self.server));
        self.subscriptions.push(
            self.server
                .shared
                .endpoint
                .pubsub()
                .subscribe(topic, listener),
        );
    }

    /// Removes all of the channel's [subscriptions](Self::subscribe) to `topic`.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # fn handle_in<C: Channel>(stock: &str, socket: &mut Socket<C>) -> HandleResult {
    /// socket.unsubscribe(&format!("prices:{stock}"));
    /// no_reply()
    /// # }
    /// ```
    pub fn unsubscribe(&mut self, topic: &str) {
        self.subscriptions
            .retain(|subscription| **subscription.topic() != *topic);
    }
}
