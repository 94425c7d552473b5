//! The defaults of a presence's methods, which a tracker recognises at its start.

use std::any::type_name;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Current, Diff, Presence, Presences};
use crate::tracker::Host;

/// The future of the `fetch` that adds nothing.
pub(super) struct Unfetched(pub(super) Presences);

impl Future for Unfetched {
    type Output = Presences;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Presences> {
        Poll::Ready(std::mem::take(&mut self.0))
    }
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
pub(crate) fn are_handled<P: Presence>(presence: &P) -> bool {
    size_of_result(|| presence.handle_first_joins("", &[])) > 0
        || size_of_result(|| presence.handle_last_leaves("", &[])) > 0
}

/// Returns whether the app has code that runs for a diff: `fetch`, or a callback.
///
/// A hint, because the name of a type is not promised to be unique. An error costs time alone.
pub(crate) fn has_own_code<P: Presence>(presence: &P, host: &Host) -> bool {
    let (diff, current) = (Diff::default(), Current::new(host, ""));
    are_handled(presence)
        || size_of_result(|| presence.handle_metas("", &diff, &current)) > 0
        || name_of_result(|| presence.fetch("", Presences::default())) != type_name::<Unfetched>()
}

/// Returns the size of the type that a function returns, without a call of it.
fn size_of_result<T>(_: impl FnOnce() -> T) -> usize {
    size_of::<T>()
}

/// Returns the name of the type that a function returns, without a call of it.
fn name_of_result<T>(_: impl FnOnce() -> T) -> &'static str {
    type_name::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::{KeyEvent, StatefulPresence, WithState};

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
