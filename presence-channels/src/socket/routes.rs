use std::sync::Arc;

use super::{ConnectionShared, UserSocket};
use crate::{
    Channel,
    channel::{Join, Started, start},
    telemetry::RouteMeter,
    transport::longpoll,
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
    routes: Vec<Route<S>>,
    invalid: Vec<String>,
}

/// The beginnings of topics on which nodes send messages to each other. No pattern matches them.
const INTERNAL: [&str; 2] = [presence_core::tracker::TOPIC_PREFIX, longpoll::TOPIC_PREFIX];

/// Begins a join to a channel of one type: types end here.
pub(super) type Start<S> = fn(Arc<ConnectionShared<S>>, Join) -> Started;

struct Route<S: UserSocket> {
    pattern: String,
    start: Start<S>,
    meter: RouteMeter,
}

impl<S: UserSocket> Routes<S> {
    pub(crate) fn collect(path: &str) -> Self {
        let mut routes = Self {
            path: path.to_owned(),
            routes: Vec::new(),
            invalid: Vec::new(),
        };
        S::channels(&mut routes);
        routes
    }

    /// Routes the topics that match `pattern` to the channel `C`. A pattern is a whole topic
    /// (`"system"`), or the beginning of topics, followed by `*` (`"room:*"`).
    ///
    /// No pattern matches the topics on which nodes speak to each other, `phx_presence:` and
    /// `phx:lp:`.
    ///
    /// A pattern with `*` elsewhere, or an empty one, is an error when the endpoint starts.
    pub fn channel<C: ChannelOf<S>>(&mut self, pattern: &str) -> &mut Self {
        let stars = pattern.matches('*').count();
        if pattern.is_empty() || stars > 1 || (stars == 1 && !pattern.ends_with('*')) {
            self.invalid.push(pattern.to_owned());
        }
        let route = Route {
            pattern: pattern.to_owned(),
            start: start::<C>,
            meter: RouteMeter::new(&self.path, pattern),
        };
        self.routes.push(route);
        self
    }

    pub(crate) fn invalid_pattern(&self) -> Option<&str> {
        self.invalid.first().map(|pattern| &**pattern)
    }

    pub(crate) fn find(&self, topic: &str) -> Option<(Start<S>, &RouteMeter)> {
        if INTERNAL.iter().any(|prefix| topic.starts_with(prefix)) {
            return None;
        }
        let route = self
            .routes
            .iter()
            .find(|route| match route.pattern.strip_suffix('*') {
                Some(prefix) => topic.starts_with(prefix),
                None => topic == route.pattern,
            });
        route.map(|route| (route.start, &route.meter))
    }
}
