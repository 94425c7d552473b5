use std::time::Duration;

use futures_util::future::BoxFuture;
use presence_core::{Presence, Tracker};

/// A presence that is stopped with the endpoint, of whatever type.
pub(crate) trait Supervised: Send + Sync + 'static {
    /// Its name, unique in the endpoint.
    fn name(&self) -> &str;

    /// Tells other nodes that this one leaves, before its clients are disconnected over `spread`.
    fn leave(&self, spread: Duration);

    /// Ends it in order.
    fn stop(&self) -> BoxFuture<'_, ()>;
}

impl<P: Presence> Supervised for Tracker<P> {
    fn name(&self) -> &str {
        P::NAME
    }

    fn leave(&self, spread: Duration) {
        Tracker::leave(self, spread);
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(Tracker::stop(self))
    }
}
