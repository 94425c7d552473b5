//! Who is online, as users see it: keys with their metas, and what a project adds to them.
//!
//! A [`Presence`] is a type of yours. `cargo phx gen presence` writes one; started as a
//! [`Tracker`](crate::Tracker) it tracks who is where, and tells each topic's listeners with
//! `presence_diff` messages. It works as `Phoenix.Presence` does.

mod current;
mod diff;
mod json;
mod presence_entry;
mod presences;

#[cfg(test)]
mod tests;

use std::future::Future;

pub use crate::crdt::{Meta, MetaError, PhxRef};
pub use current::Current;
pub use diff::Diff;
pub use presence_entry::{FieldError, PresenceEntry};
pub use presences::{Iter, IterMut, Presences};

/// A kind of presence: its name, and what the project adds to it.
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
/// Its methods run on tasks of the tracker (and `fetch` also on that of a caller of `list`), never
/// under a lock. One that panics, or takes longer than
/// [`callback_timeout`](crate::tracker::TrackerOptions::callback_timeout), is logged and given up,
/// and presences go out as they are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a presence",
    note = "`cargo phx gen presence` writes one",
    note = "by hand: implement the trait `Presence` for it, with a `NAME` such as \"my_app.presence\""
)]
pub trait Presence: Send + Sync + 'static {
    /// What the nodes of a cluster know this presence by: a name of your choice, the same on every
    /// node and in every version of the app. Presences of different names never mix.
    const NAME: &'static str;

    /// Adds to presences what is known elsewhere, a user's name from a database, say.
    ///
    /// Called once for each diff, with all that joins or leaves by it, and once for each
    /// [`list`](crate::Tracker::list) or [`get_by_key`](crate::Tracker::get_by_key). So one query
    /// can serve all keys. [`PresenceEntry::insert`] adds a field beside `metas`. A key that the
    /// returned presences lack is not shown.
    ///
    /// The diffs of one topic wait for each other, whatever `fetch` does; those of other topics do
    /// not.
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

    /// Called once, before anything else of this presence is. What it makes lives in `self`.
    ///
    /// Lists and diffs wait for it, so it must not list from its own tracker.
    fn init(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Called after each diff, when it has been broadcast, in the order of the topic's diffs. For
    /// what else should happen when someone comes or goes.
    ///
    /// `diff` has been through [`fetch`](Self::fetch); `presences` is who is there now, which may
    /// be more or fewer than right after the diff. The topic's next diff waits for this call.
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
