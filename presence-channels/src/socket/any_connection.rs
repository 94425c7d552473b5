use std::{any::Any, sync::Arc, task::Context};

use super::{Connection, UserSocket};
use crate::{
    channel::AnyChannel,
    outgoing::Outbox,
    serializer::{Data, MalformedFrame},
    telemetry::Limit,
};

/// A [`Connection`] of any socket type, for the test kit and for long-polling. Dropping it ends its
/// channels.
pub(crate) trait AnyConnection: Send + Sync {
    fn outbox(&self) -> &Arc<Outbox>;

    /// See [`Connection::busy_limit`].
    fn busy_limit(&self) -> Option<Limit>;

    /// Returns whether [`Connection::has_grace`].
    fn has_grace(&self) -> bool;

    /// See [`Connection::channel`].
    fn channel(&self, topic: &str) -> Option<Arc<dyn AnyChannel>>;

    /// The value that `connect` made.
    fn any_user(&self) -> &dyn Any;

    /// See [`Connection::receive`].
    fn receive(&mut self, data: Data, cx: &mut Context<'_>) -> Result<(), MalformedFrame>;
}

impl<S: UserSocket> AnyConnection for Connection<S> {
    fn outbox(&self) -> &Arc<Outbox> {
        Connection::outbox(self)
    }

    fn busy_limit(&self) -> Option<Limit> {
        Connection::busy_limit(self)
    }

    fn has_grace(&self) -> bool {
        Connection::has_grace(self)
    }

    fn channel(&self, topic: &str) -> Option<Arc<dyn AnyChannel>> {
        Connection::channel(self, topic)
    }

    fn any_user(&self) -> &dyn Any {
        self.user()
    }

    fn receive(&mut self, data: Data, cx: &mut Context<'_>) -> Result<(), MalformedFrame> {
        Connection::receive(self, data, cx)
    }
}
