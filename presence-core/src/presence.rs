//! The presences of a topic as clients see them: keys, their metas, and the app's own fields.
//!
//! An app implements [`Presence`]; `cargo phx gen presence` writes the implementation. A
//! [`Tracker`](crate::Tracker) runs it: it tracks the presences, and sends each topic's subscribers
//! `presence_diff` messages. It works like `Phoenix.Presence`.

mod current;
mod defaults;
mod deserialize;
mod diff;
mod json;
mod key_event;
mod presence_entry;
mod presences;
mod stateful;

#[cfg(test)]
mod tests;

use std::future::Future;

pub use crate::replication::set::{Meta, MetaError, PhxRef};
pub use current::Current;
pub(crate) use defaults::{are_handled, has_own_code};
pub use diff::Diff;
pub use key_event::KeyEvent;
pub use presence_entry::{FieldError, PresenceEntry};
pub use presences::{Iter, IterMut, Presences};
pub use stateful::{StatefulPresence, WithState};

/// A kind of presence: its name, and the fields that the app adds.
///
/// Everything but the name has a default, as in `Phoenix.Presence`:
///
/// ```
/// use presence_core::Presence;
///
/// struct Online;
/// impl Presence for Online {
///     const NAME: &str = "hello.presence";
/// }
/// ```
///
/// The methods run on tasks of the tracker (`fetch` also on the task that calls `list`), and never
/// under a lock. A call that panics, or takes longer than
/// [`callback_timeout`](crate::tracker::TrackerOptions::callback_timeout), is logged and dropped.
/// The presences are then sent without its fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a presence",
    note = "`cargo phx gen presence` writes one",
    note = "by hand: implement the trait `Presence` for it, with a `NAME` such as \"my_app.presence\""
)]
pub trait Presence: Send + Sync + 'static {
    /// The name of this presence in the cluster. Choose one, and keep it the same on every node and
    /// in every version of the app. Presences of different names never mix.
    const NAME: &'static str;

    /// Adds fields to presences, such as a user's name from a database.
    ///
    /// Called once for each diff, with all keys that join or leave by it, and once for each
    /// [`list`](crate::Tracker::list) or [`get_by_key`](crate::Tracker::get_by_key). So one query
    /// can serve all keys. [`PresenceEntry::insert`] adds a field beside `metas`. A key that the
    /// returned presences lack is not shown.
    ///
    /// The next diff of a topic waits for this call. The diffs of other topics do not.
    ///
    /// ```
    /// # use presence_core::Presence;
    /// # use presence_core::presence::Presences;
    /// # use std::collections::HashMap;
    /// # struct Db;
    /// # impl Db {
    /// #     async fn names(&self, ids: Vec<String>) -> HashMap<String, String> { HashMap::new() }
    /// # }
    /// struct Online {
    ///     db: Db,
    /// }
    ///
    /// impl Presence for Online {
    ///     const NAME: &str = "hello.presence";
    ///
    ///     async fn fetch(&self, _topic: &str, mut presences: Presences) -> Presences {
    ///         let ids = presences.keys().map(str::to_owned).collect();
    ///         let names = self.db.names(ids).await;
    ///         for (id, entry) in &mut presences {
    ///             if let Err(error) = entry.insert("name", names.get(id)) {
    ///                 tracing::warn!(%error, id, "no name shown");
    ///             }
    ///         }
    ///         presences
    ///     }
    /// }
    /// ```
    fn fetch(&self, topic: &str, presences: Presences) -> impl Future<Output = Presences> + Send {
        let _ = topic;
        defaults::Unfetched(presences)
    }

    /// Prepares the presence. Called once, before the other methods. The prepared state belongs in
    /// `self`.
    ///
    /// Lists and diffs wait for this call, so it must not list from its own tracker.
    fn init(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Handles a diff after its broadcast, for other actions when a user joins or leaves. Called in
    /// the order of the topic's diffs.
    ///
    /// `diff` has the fields of [`fetch`](Self::fetch). `presences` is the present state of the
    /// topic, which may have changed since the diff. The topic's next diff waits for this call.
    /// [`StatefulPresence`] has a state that lives from call to call.
    fn handle_metas(
        &self,
        topic: &str,
        diff: &Diff,
        presences: &Current<'_>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (topic, diff, presences);
        defaults::Unhandled
    }

    /// Handles keys that have joined a topic, once per cluster.
    ///
    /// A key joins with its first meta in the cluster, so further devices of a user are no event.
    /// [`handle_last_leaves`](Self::handle_last_leaves) has the rules of both callbacks.
    fn handle_first_joins(
        &self,
        topic: &str,
        joins: &[KeyEvent],
    ) -> impl Future<Output = ()> + Send {
        let _ = (topic, joins);
        defaults::Unhandled
    }

    /// Handles keys that have left a topic, once per cluster: their last metas are gone, on all
    /// nodes, and stayed away for
    /// [`last_leave_delay`](crate::tracker::TrackerOptions::last_leave_delay).
    ///
    /// One node of the cluster runs this callback and
    /// [`handle_first_joins`](Self::handle_first_joins) for a topic, the one that is
    /// [responsible](crate::Tracker::responsible_for). A node that has just started takes part
    /// after 10 s.
    ///
    /// The promise is **at least once**, and exactly once while the nodes stay the same. If the
    /// responsible node is seen down, the next one handles the events of the last
    /// [`down_period`](crate::tracker::TrackerOptions::down_period) and 10 s again, with
    /// [`is_repeated`](KeyEvent::is_repeated). If it leaves in order, the next one repeats those of
    /// the last two [`broadcast_period`](crate::tracker::TrackerOptions::broadcast_period)s. A node
    /// keeps the last 100,000 events for that, of at most 32 MiB.
    ///
    /// A key that comes and goes between two diffs is no event. Neither is a key that is shown all
    /// the time, such as that of a user who moves to another node within
    /// [`leave_grace`](crate::tracker::TrackerOptions::leave_grace). The users of a killed node
    /// leave when it is seen down. In a partition, each side handles the leaves of the other's
    /// users, and their joins when it ends. The last node of a cluster handles the leaves of its
    /// users when it stops.
    ///
    /// One call of a topic runs at a time, and the events of a key come in their order. Those that
    /// come during a call are in the next one together. Diffs do not wait for these calls, and a
    /// tracker that stops does. A call that panics, or takes longer than
    /// [`callback_timeout`](crate::tracker::TrackerOptions::callback_timeout), is logged and not
    /// repeated. If 100,000 events wait, or 32 MiB of them, further ones are dropped and logged.
    ///
    /// A presence with neither callback costs nothing more than before.
    ///
    /// ```
    /// # use presence_core::Presence;
    /// # use presence_core::presence::KeyEvent;
    /// # use std::time::SystemTime;
    /// # struct Db;
    /// # impl Db {
    /// #     async fn seen(&self, users: Vec<(&str, SystemTime)>) {}
    /// # }
    /// struct Online {
    ///     db: Db,
    /// }
    ///
    /// impl Presence for Online {
    ///     const NAME: &str = "hello.presence";
    ///
    ///     async fn handle_last_leaves(&self, _topic: &str, leaves: &[KeyEvent]) {
    ///         // The query keeps the later time, so that it may run twice.
    ///         let users = leaves.iter().map(|leave| (&*leave.key, leave.at)).collect();
    ///         self.db.seen(users).await;
    ///     }
    /// }
    /// ```
    fn handle_last_leaves(
        &self,
        topic: &str,
        leaves: &[KeyEvent],
    ) -> impl Future<Output = ()> + Send {
        let _ = (topic, leaves);
        defaults::Unhandled
    }
}
