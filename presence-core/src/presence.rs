//! The presences of a topic as clients see them: keys, their metas, and the app's own fields.
//!
//! An app implements [`Presence`]; `cargo phx gen presence` writes the implementation. A
//! [`Tracker`](crate::Tracker) runs it: it tracks the presences, and sends each topic's subscribers
//! `presence_diff` messages. It works like `Phoenix.Presence`.

mod current;
mod deserialize;
mod diff;
mod json;
mod presence_entry;
mod presences;
mod stateful;

#[cfg(test)]
mod tests;

use std::future::Future;

pub use crate::replication::set::{Meta, MetaError, PhxRef};
pub use current::Current;
pub use diff::Diff;
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
        async { presences }
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
        async {}
    }
}
