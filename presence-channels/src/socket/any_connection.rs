use std::{sync::Arc, task::Context};

use super::{Connection, UserSocket};
use crate::{
    serializer::{Data, MalformedFrame},
    transport::Outbox,
};

/// A [`Connection`] of any socket type, for the test kit and for long-polling. Dropping it ends its
/// channels.
pub(crate) trait AnyConnection: Send + Sync {
    fn outbox(&self) -> &Arc<Outbox>;

    /// Returns whether [`Connection::is_busy`].
    fn is_busy(&self) -> bool;

    /// See [`Connection::receive`].
    fn receive(&mut self, data: Data, cx: &mut Context<'_>) -> Result<(), MalformedFrame>;
}

impl<S: UserSocket> AnyConnection for Connection<S> {
    fn outbox(&self) -> &Arc<Outbox> {
        Connection::outbox(self)
    }

    fn is_busy(&self) -> bool {
        Connection::is_busy(self)
    }

    fn receive(&mut self, data: Data, cx: &mut Context<'_>) -> Result<(), MalformedFrame> {
        Connection::receive(self, data, cx)
    }
}
