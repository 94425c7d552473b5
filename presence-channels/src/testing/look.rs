//! Looks behind a test's client: its channels and its user on the server.

use std::panic::Location;

use tokio::{sync::oneshot, time::timeout};

use super::{Assertion, TestChannel, TestSocket, inbox::PATIENCE};
use crate::{Channel, Socket, UserSocket, channel::Visited, guard::call_guarded};

impl TestSocket {
    /// Calls `look` with the value that [`connect`](UserSocket::connect) made for the client.
    ///
    /// # Panics
    /// If the client has disconnected, or connected to a socket of another type than `S`.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::testing::TestSocket;
    /// # struct UserSocket { user_id: String }
    /// # impl presence_channels::UserSocket for UserSocket {
    /// #     type State = ();
    /// #     async fn connect(
    /// #         _: &presence_channels::Params,
    /// #         _: &presence_channels::ConnectInfo,
    /// #         _: &(),
    /// #     ) -> Result<Self, presence_channels::ConnectError> {
    /// #         Ok(UserSocket { user_id: "alice".into() })
    /// #     }
    /// #     fn channels(_: &mut presence_channels::Routes<Self>) {}
    /// # }
    /// # fn test(socket: &TestSocket) {
    /// let user_id = socket.user(|user: &UserSocket| user.user_id.clone());
    /// assert_eq!(user_id, "alice");
    /// # }
    /// ```
    #[track_caller]
    pub fn user<S: UserSocket, R>(&self, look: impl FnOnce(&S) -> R) -> R {
        let connection = self.client.connection.lock();
        let Some(connection) = &*connection else {
            panic!("the client has disconnected");
        };
        match connection.any_user().downcast_ref() {
            Some(user) => look(user),
            None => panic!(
                "the client's socket is not a {}",
                std::any::type_name::<S>()
            ),
        }
    }
}

impl TestChannel {
    /// Calls `look` with the channel and its socket, between two callbacks of the channel. Returns
    /// what `look` returns.
    ///
    /// # Panics
    /// If the channel has ended, is of another type than `C`, or is busy for more than a second,
    /// and if `look` panics.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{Channel, testing::TestChannel};
    /// # use serde_json::json;
    /// # trait Counter: Channel { fn count(&self) -> u32; }
    /// # async fn test<RoomChannel: Counter>(channel: TestChannel) {
    /// channel.push("count", json!({})).await;
    /// let count = channel.inspect(|room: &RoomChannel, _| room.count()).await;
    /// assert_eq!(count, 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn inspect<C: Channel, R: Send + 'static>(
        &self,
        look: impl FnOnce(&C, &Socket<C>) -> R + Send + 'static,
    ) -> Assertion<'_, R> {
        let at = Location::caller();
        Assertion::new(PATIENCE, move |time| async move {
            let seen = timeout(time, self.look(at, look)).await;
            seen.unwrap_or_else(|_| panic!("{at}: {} is busy for {time:?}", self.shown()))
        })
    }

    /// Calls `look` as soon as the channel runs no callback.
    async fn look<C: Channel, R: Send + 'static>(
        &self,
        at: &Location<'_>,
        look: impl FnOnce(&C, &Socket<C>) -> R + Send + 'static,
    ) -> R {
        let (sender, seen) = oneshot::channel();
        let visited = self.visit(move |channel: &mut C, socket: &mut Socket<C>| {
            // A test that has given up does not listen.
            let _ = sender.send(call_guarded(|| look(channel, socket)));
        });
        match visited {
            Visited::Soon => {}
            Visited::Ended => panic!("{at}: {} has ended", self.shown()),
            Visited::OtherType => panic!(
                "{at}: {} is not a {}",
                self.shown(),
                std::any::type_name::<C>()
            ),
        }
        match seen.await {
            Ok(Ok(seen)) => seen,
            Ok(Err(panic)) => panic!("{at}: {panic}"),
            Err(_) => panic!("{at}: {} has ended", self.shown()),
        }
    }

    /// Calls [`handle_info`](Channel::handle_info) with `info`, as [`Socket::notify`] does, and
    /// waits until the channel has handled it.
    ///
    /// # Panics
    /// If the channel has ended, is of another type than `C`, or is busy for more than a second.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{Channel, testing::TestChannel};
    /// # use serde_json::json;
    /// # enum Info { Tick }
    /// # async fn test<RoomChannel: Channel<Info = Info>>(channel: TestChannel) {
    /// channel.send_info::<RoomChannel>(Info::Tick).await;
    /// channel.assert_push("ticked", json!({})).await;
    /// # }
    /// ```
    ///
    /// A handler that takes long:
    ///
    /// ```
    /// # use presence_channels::{Channel, testing::TestChannel};
    /// # use std::time::Duration;
    /// # enum Info { Import }
    /// # async fn test<RoomChannel: Channel<Info = Info>>(channel: TestChannel) {
    /// channel
    ///     .send_info::<RoomChannel>(Info::Import)
    ///     .within(Duration::from_secs(10))
    ///     .await;
    /// # }
    /// ```
    #[track_caller]
    pub fn send_info<C: Channel>(&self, info: C::Info) -> Assertion<'_, ()> {
        let at = Location::caller();
        Assertion::new(PATIENCE, move |time| async move {
            let handled = timeout(time, self.deliver::<C>(at, info)).await;
            handled.unwrap_or_else(|_| panic!("{at}: {} is busy for {time:?}", self.shown()));
        })
    }

    async fn deliver<C: Channel>(&self, at: &Location<'_>, info: C::Info) {
        self.look(at, |_: &C, socket: &Socket<C>| socket.notify(info))
            .await;
        let (sender, handled) = oneshot::channel();
        let visited = self.visit(move |_: &mut C, _: &mut Socket<C>| {
            let _ = sender.send(());
        });
        // A channel that has ended meanwhile has handled it, too.
        if matches!(visited, Visited::Soon) {
            let _ = handled.await;
        }
    }

    /// Returns the name of the channel in messages.
    fn shown(&self) -> String {
        format!("the channel of {:?}", self.topic())
    }

    fn visit<C: Channel>(
        &self,
        visit: impl FnOnce(&mut C, &mut Socket<C>) + Send + 'static,
    ) -> Visited {
        let connection = self.socket().client.connection.lock();
        let channel = connection
            .as_ref()
            .and_then(|connection| connection.channel(self.topic()));
        channel.map_or(Visited::Ended, |channel| {
            crate::channel::visit(channel, Box::new(visit))
        })
    }
}
