//! A presence whose `handle_metas` has a state of its own.

use std::future::Future;

use tokio::sync::Mutex;

use super::defaults::Unhandled;
use super::{Current, Diff, KeyEvent, Presence, Presences};

/// A [`Presence`] whose [`handle_metas`](Self::handle_metas) keeps a state from call to call, as
/// `Phoenix.Presence` with `init/1` does. [`WithState`] makes a tracker run it.
///
/// # Examples
///
/// ```
/// use presence_core::presence::{Current, Diff, StatefulPresence, WithState};
/// use presence_core::{PubSub, Tracker};
/// use std::collections::HashMap;
///
/// /// Tells the greatest number of users that each topic has had.
/// struct Online;
///
/// impl StatefulPresence for Online {
///     const NAME: &str = "docs.online";
///
///     type State = HashMap<String, usize>;
///
///     async fn init(&self) -> Self::State {
///         HashMap::new()
///     }
///
///     async fn handle_metas(
///         &self,
///         topic: &str,
///         _: &Diff,
///         presences: &Current<'_>,
///         most: &mut Self::State,
///     ) {
///         let most = most.entry(topic.to_owned()).or_default();
///         *most = presences.count().max(*most);
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let online = Tracker::start(&PubSub::local(), WithState::new(Online));
/// # online.stop().await;
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a presence with a state",
    note = "implement `StatefulPresence` for it: a `NAME`, a `State`, `init` and `handle_metas`"
)]
pub trait StatefulPresence: Send + Sync + 'static {
    /// As [`Presence::NAME`].
    const NAME: &'static str;

    /// The state that [`init`](Self::init) creates.
    type State: Send + 'static;

    /// As [`Presence::fetch`].
    fn fetch(&self, topic: &str, presences: Presences) -> impl Future<Output = Presences> + Send {
        let _ = topic;
        async { presences }
    }

    /// Creates the state, as [`Presence::init`] prepares a presence. If it panics or takes too
    /// long, [`handle_metas`](Self::handle_metas) is not called.
    fn init(&self) -> impl Future<Output = Self::State> + Send;

    /// As [`Presence::handle_metas`], with the state. One call runs at a time, whatever its topic,
    /// so a slow call delays the diffs of other topics. A call that waits counts as running for
    /// [`callback_timeout`](crate::tracker::TrackerOptions::callback_timeout). A call that panics
    /// leaves the state as it is then.
    fn handle_metas(
        &self,
        topic: &str,
        diff: &Diff,
        presences: &Current<'_>,
        state: &mut Self::State,
    ) -> impl Future<Output = ()> + Send;

    /// As [`Presence::handle_first_joins`]. Without the state, which another call may have.
    fn handle_first_joins(
        &self,
        topic: &str,
        joins: &[KeyEvent],
    ) -> impl Future<Output = ()> + Send {
        let _ = (topic, joins);
        Unhandled
    }

    /// As [`Presence::handle_last_leaves`]. Without the state, which another call may have.
    fn handle_last_leaves(
        &self,
        topic: &str,
        leaves: &[KeyEvent],
    ) -> impl Future<Output = ()> + Send {
        let _ = (topic, leaves);
        Unhandled
    }
}

/// Makes a [`Presence`] from a [`StatefulPresence`], whose state it holds.
#[derive(Debug)]
pub struct WithState<P: StatefulPresence> {
    presence: P,
    state: Mutex<Option<P::State>>,
}

impl<P: StatefulPresence> WithState<P> {
    /// Creates the presence. A tracker that starts with it creates the state.
    pub fn new(presence: P) -> Self {
        Self {
            presence,
            state: Mutex::new(None),
        }
    }

    /// Returns the presence without the state.
    pub fn get(&self) -> &P {
        &self.presence
    }
}

impl<P: StatefulPresence> Presence for WithState<P> {
    const NAME: &'static str = P::NAME;

    fn fetch(&self, topic: &str, presences: Presences) -> impl Future<Output = Presences> + Send {
        self.presence.fetch(topic, presences)
    }

    async fn init(&self) {
        let state = self.presence.init().await;
        *self.state.lock().await = Some(state);
    }

    async fn handle_metas(&self, topic: &str, diff: &Diff, presences: &Current<'_>) {
        if let Some(state) = &mut *self.state.lock().await {
            let handling = self.presence.handle_metas(topic, diff, presences, state);
            handling.await;
        }
    }

    fn handle_first_joins(
        &self,
        topic: &str,
        joins: &[KeyEvent],
    ) -> impl Future<Output = ()> + Send {
        self.presence.handle_first_joins(topic, joins)
    }

    fn handle_last_leaves(
        &self,
        topic: &str,
        leaves: &[KeyEvent],
    ) -> impl Future<Output = ()> + Send {
        self.presence.handle_last_leaves(topic, leaves)
    }
}
