//! The first joins and last leaves of keys.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use super::Meta;

/// The first join or the last leave of a key in a topic, for
/// [`Presence::handle_first_joins`](super::Presence::handle_first_joins) and
/// [`handle_last_leaves`](super::Presence::handle_last_leaves).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyEvent {
    /// The key.
    pub key: Arc<str>,
    /// The first meta of a key that joined, or the last one of a key that left.
    pub meta: Meta,
    /// The time at which this node saw the event, by the node's clock. A callback may run later.
    pub at: SystemTime,
    /// Set if another node was to run the callback for this event and then went. It may have run
    /// it.
    pub is_repeated: bool,
}

/// The future of a callback that the app does not have.
///
/// It has no size, while a future that can see its arguments has one. So a tracker knows at its
/// start whether the app has the callback, and does nothing for a callback that it lacks.
pub(super) struct Unhandled;

impl Future for Unhandled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Returns whether the app has one of the callbacks for keys.
pub(crate) fn are_handled<P: super::Presence>(presence: &P) -> bool {
    size_of_result(|| presence.handle_first_joins("", &[])) > 0
        || size_of_result(|| presence.handle_last_leaves("", &[])) > 0
}

/// Returns the size of the type that a function returns, without a call of it.
fn size_of_result<T>(_: impl FnOnce() -> T) -> usize {
    size_of::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::{Presence, StatefulPresence, WithState};

    struct Neither;
    impl Presence for Neither {
        const NAME: &str = "test.neither";
    }

    struct Joins;
    impl Presence for Joins {
        const NAME: &str = "test.joins";

        async fn handle_first_joins(&self, _: &str, _: &[KeyEvent]) {}
    }

    struct Leaves;
    impl Presence for Leaves {
        const NAME: &str = "test.leaves";

        fn handle_last_leaves(&self, _: &str, _: &[KeyEvent]) -> impl Future<Output = ()> + Send {
            std::future::ready(())
        }
    }

    struct Stateful<const HANDLES: bool>;
    impl StatefulPresence for Stateful<false> {
        const NAME: &str = "test.stateful";
        type State = ();

        async fn init(&self) {}

        async fn handle_metas(
            &self,
            _: &str,
            _: &crate::presence::Diff,
            _: &crate::presence::Current<'_>,
            (): &mut (),
        ) {
        }
    }
    impl StatefulPresence for Stateful<true> {
        const NAME: &str = "test.stateful";
        type State = ();

        async fn init(&self) {}

        async fn handle_metas(
            &self,
            _: &str,
            _: &crate::presence::Diff,
            _: &crate::presence::Current<'_>,
            (): &mut (),
        ) {
        }

        async fn handle_last_leaves(&self, _: &str, _: &[KeyEvent]) {}
    }

    #[test]
    fn a_presence_without_the_callbacks_is_known_as_such() {
        assert!(!are_handled(&Neither));
        assert!(are_handled(&Joins));
        assert!(are_handled(&Leaves));
        assert!(!are_handled(&WithState::new(Stateful::<false>)));
        assert!(are_handled(&WithState::new(Stateful::<true>)));
    }
}
