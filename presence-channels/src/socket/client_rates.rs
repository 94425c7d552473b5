//! The rates that limit the messages of one client: of its connection, of its user, and of the
//! routes and events that it sends to.

use std::sync::Arc;

use super::{
    routes::RouteRates,
    user_rates::{UserBuckets, UserRates, take},
};
use crate::{Rate, limits::Bucket, telemetry::Limit};

/// The messages that one client may still send.
pub(super) struct ClientRates {
    /// The messages of any topic, if a rate limits them.
    all: Option<Box<Bucket>>,
    /// The messages to routes and of events that rates limit: by route, and by the event's place in
    /// the route.
    routes: Vec<((u32, Option<u32>), Bucket)>,
    /// The messages of the client's user, if a rate limits users.
    user: Option<Arc<UserBuckets>>,
}

/// A message that a rate refuses.
pub(super) struct OverRate {
    pub(super) limit: Limit,
    /// The reason for the client.
    pub(super) reason: String,
}

impl OverRate {
    fn new(limit: Limit, of: &str, messages: u32) -> Self {
        let reason = format!("over the {of}'s limit of {messages} messages a second");
        Self { limit, reason }
    }
}

impl ClientRates {
    /// `users` is `None` if no rate limits users. A client without an id is a user by itself.
    pub(super) fn new(
        rate: Option<Rate>,
        users: Option<&UserRates>,
        id: Option<&str>,
        now: u64,
    ) -> Self {
        Self {
            all: Bucket::of(rate, now),
            routes: Vec::new(),
            user: users.map(|users| match id {
                Some(id) => users.of(id, now),
                None => Arc::default(),
            }),
        }
    }

    /// Counts a message of any topic. `of_users` is the rate of a user over all routes.
    pub(super) fn count(
        &mut self,
        of_users: Option<Rate>,
        now: impl Fn() -> u64,
    ) -> Result<(), OverRate> {
        if let Some(rate) = Bucket::over(&mut self.all, &now) {
            return Err(OverRate::new(Limit::MessageRate, "socket", rate));
        }
        if let (Some(rate), Some(user)) = (of_users, &self.user)
            && !user.take(None, rate, now())
        {
            return Err(OverRate::new(Limit::UserRate, "user", rate.messages()));
        }
        Ok(())
    }

    /// Counts a message to a channel of `route`. A message that one rate refuses does not count for
    /// the rates after it.
    pub(super) fn count_for_route(
        &mut self,
        rates: &RouteRates,
        route: u32,
        event: &str,
        now: u64,
    ) -> Result<(), OverRate> {
        let events = &mut rates.events.iter().zip(0_u32..);
        if let Some(((_, rate), index)) = events.find(|((limited, _), _)| limited == event)
            && !take(&mut self.routes, (route, Some(index)), *rate, now)
        {
            return Err(OverRate::new(Limit::EventRate, "event", rate.messages()));
        }
        if let Some(rate) = rates.all
            && !take(&mut self.routes, (route, None), rate, now)
        {
            return Err(OverRate::new(Limit::RouteRate, "route", rate.messages()));
        }
        if let (Some(rate), Some(user)) = (rates.user, &self.user)
            && !user.take(Some(route), rate, now)
        {
            return Err(OverRate::new(Limit::RouteUserRate, "user", rate.messages()));
        }
        Ok(())
    }
}
