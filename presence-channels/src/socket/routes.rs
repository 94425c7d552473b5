use std::sync::Arc;

use super::{ConnectionShared, UserSocket};
use crate::{
    Channel, Rate,
    channel::{Join, Started, start},
    node::topic,
    option_error::OptionError,
    telemetry::RouteMeter,
};

/// A channel whose `type Socket` is `S`, so that the socket `S` can route to it. Every such channel
/// implements this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a channel of the socket `{S}`",
    note = "a channel answers for one socket, its `type Socket`: it must be `{S}` here",
    note = "if `{Self}` is not a channel yet, `cargo phx gen channel` writes one"
)]
pub trait ChannelOf<S: UserSocket>: Channel<Socket = S> {}

// Without this the compiler would speak of `Channel` and of a type mismatch.
#[diagnostic::do_not_recommend]
impl<S: UserSocket, C: Channel<Socket = S>> ChannelOf<S> for C {}

/// A socket's channels, filled by [`UserSocket::channels`].
///
/// The first pattern that matches a topic decides.
pub struct Routes<S: UserSocket> {
    /// The path of the mount, which distinguishes its routes from another mount's.
    path: String,
    routes: Vec<RouteEntry<S>>,
    invalid: Vec<String>,
    /// The rate of a user, over all connections and routes.
    user_rate: Option<Rate>,
}

/// Begins a join to a channel of one type: types end here.
pub(super) type Start<S> = fn(Arc<ConnectionShared<S>>, Join) -> Started;

/// The topics of one pattern, and their channel.
pub(super) struct RouteEntry<S: UserSocket> {
    pattern: String,
    pub(super) start: Start<S>,
    pub(super) meter: RouteMeter,
    /// In a box that a route without rates does not have.
    pub(super) rates: Option<Box<RouteRates>>,
}

/// The rates of a route.
#[derive(Default)]
pub(super) struct RouteRates {
    pub(super) all: Option<Rate>,
    pub(super) events: Vec<(String, Rate)>,
    pub(super) user: Option<Rate>,
}

/// A route that was just added, for its rates. [`channel`](Self::channel) adds the next route.
///
/// A message over a rate is not handled, and is answered with an error that names the limit. The
/// connection and the channel stay. Joins and leaves do not count. Several rates may apply to one
/// message: those of the route, and those of the mount's [`Limits`](crate::Limits).
///
/// # Examples
/// ```
/// # use presence_channels::*;
/// # struct Room;
/// # impl Channel for Room {
/// #     type Socket = UserSocket;
/// #     type Info = ();
/// #     async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
/// #         Ok(Room.into())
/// #     }
/// # }
/// struct UserSocket;
///
/// impl presence_channels::UserSocket for UserSocket {
///     type State = ();
/// #   async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
/// #       Ok(Self)
/// #   }
///
///     fn channels(routes: &mut Routes<Self>) {
///         routes
///             .channel::<Room>("room:*")
///             .rate(Rate::per_second(20).burst(50))
///             .event_rate("typing", Rate::per_second(2))
///             .user_rate(Rate::per_second(40));
///     }
/// }
/// ```
pub struct Route<'a, S: UserSocket> {
    routes: &'a mut Routes<S>,
}

impl<'a, S: UserSocket> Route<'a, S> {
    /// Adds the next route, as [`Routes::channel`] does.
    pub fn channel<C: ChannelOf<S>>(self, pattern: &str) -> Route<'a, S> {
        self.routes.channel::<C>(pattern)
    }

    /// Limits the messages of each connection to all of its channels of this route together.
    /// Unlimited by default.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rates().all = Some(rate);
        self
    }

    /// Limits the messages of one event, of each connection to all of its channels of this route
    /// together. Unlimited by default. Set it for events that a client sends by itself, such as
    /// `typing`, so that they leave room for the others.
    pub fn event_rate(mut self, event: &str, rate: Rate) -> Self {
        let events = &mut self.rates().events;
        events.retain(|(known, _)| known != event);
        events.push((event.to_owned(), rate));
        self
    }

    /// Limits the messages of each user to the channels of this route, over all connections of the
    /// user to this node. Unlimited by default. A user is an [`id`](UserSocket::id); a client
    /// without an id is limited for itself.
    pub fn user_rate(mut self, rate: Rate) -> Self {
        self.rates().user = Some(rate);
        self
    }

    fn rates(&mut self) -> &mut RouteRates {
        let route = self.routes.routes.last_mut();
        let route = route.expect("a route was just added");
        route.rates.get_or_insert_default()
    }
}

impl<S: UserSocket> RouteEntry<S> {
    fn fits(&self, topic: &str) -> bool {
        match self.pattern.strip_suffix('*') {
            Some(prefix) => topic.starts_with(prefix),
            None => topic == self.pattern,
        }
    }
}

impl<S: UserSocket> Routes<S> {
    pub(crate) fn collect(path: &str) -> Self {
        let mut routes = Self {
            path: path.to_owned(),
            routes: Vec::new(),
            invalid: Vec::new(),
            user_rate: None,
        };
        S::channels(&mut routes);
        routes
    }

    /// Routes the topics that match `pattern` to the channel `C`. A pattern is a whole topic
    /// (`"system"`), or the beginning of topics, followed by `*` (`"room:*"`).
    ///
    /// No pattern matches the topics on which nodes speak to each other. Those topics begin with
    /// `phx_presence:`, `phx:lp:` or `phx:kick`.
    ///
    /// A pattern with `*` elsewhere, or an empty one, is an error when the endpoint starts.
    ///
    /// The returned [`Route`] takes rates for the route, and further routes.
    pub fn channel<C: ChannelOf<S>>(&mut self, pattern: &str) -> Route<'_, S> {
        let stars = pattern.matches('*').count();
        if pattern.is_empty() || stars > 1 || (stars == 1 && !pattern.ends_with('*')) {
            self.invalid.push(pattern.to_owned());
        }
        let route = RouteEntry {
            pattern: pattern.to_owned(),
            start: start::<C>,
            meter: RouteMeter::new(&self.path, pattern),
            rates: None,
        };
        self.routes.push(route);
        Route { routes: self }
    }

    /// Limits the messages of each user, joins included, over all routes and all connections of
    /// the user to this node. Unlimited by default. Heartbeats and leaves do not count. A user is
    /// an [`id`](UserSocket::id); a client without an id is limited for itself.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{Rate, Routes, UserSocket};
    /// fn channels<S: UserSocket>(routes: &mut Routes<S>) {
    ///     routes.user_rate(Rate::per_second(100).burst(300));
    /// }
    /// # let _ = channels::<Client>;
    /// # struct Client;
    /// # impl UserSocket for Client {
    /// #     type State = ();
    /// #     async fn connect(
    /// #         _: &presence_channels::Params,
    /// #         _: &presence_channels::ConnectInfo,
    /// #         _: &(),
    /// #     ) -> Result<Self, presence_channels::ConnectError> {
    /// #         Ok(Client)
    /// #     }
    /// #     fn channels(routes: &mut Routes<Self>) {
    /// #         channels(routes);
    /// #     }
    /// # }
    /// ```
    pub fn user_rate(&mut self, rate: Rate) -> &mut Self {
        self.user_rate = Some(rate);
        self
    }

    pub(super) fn check_rates(&self) -> Result<(), OptionError> {
        let check = |rate: Option<Rate>, option| rate.map_or(Ok(()), |rate| rate.check(option));
        check(self.user_rate, "Routes::user_rate")?;
        for rates in self.routes.iter().filter_map(|route| route.rates.as_ref()) {
            check(rates.all, "Route::rate")?;
            check(rates.user, "Route::user_rate")?;
            let events = &mut rates.events.iter();
            events.try_for_each(|(_, rate)| rate.check("Route::event_rate"))?;
        }
        Ok(())
    }

    pub(super) fn rate_of_users(&self) -> Option<Rate> {
        self.user_rate
    }

    /// Returns whether a rate counts the messages of users.
    pub(super) fn limits_users(&self) -> bool {
        let mut rates = self.routes.iter().filter_map(|route| route.rates.as_ref());
        self.user_rate.is_some() || rates.any(|rates| rates.user.is_some())
    }

    /// Returns the route of the number that [`find`](Self::find) returned.
    pub(super) fn get(&self, route: u32) -> &RouteEntry<S> {
        &self.routes[route as usize]
    }

    pub(crate) fn invalid_pattern(&self) -> Option<&str> {
        self.invalid.first().map(|pattern| &**pattern)
    }

    /// Returns the number of the first route that `topic` fits.
    pub(crate) fn find(&self, topic: &str) -> Option<u32> {
        if topic::is_of_nodes(topic) {
            return None;
        }
        let route = self.routes.iter().position(|route| route.fits(topic))?;
        u32::try_from(route).ok()
    }
}
