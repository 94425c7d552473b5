//! The tracker: it runs the shards on tokio, untracks when an owner ends, and serves reads.
//!
//! # Design
//!
//! - A tracker spreads topics over a **pool of shards**, by a hash of the topic. Each shard has a
//!   lock of its own. A lock rather than a task, for two reasons: an owner's drop must untrack
//!   before it returns, on any thread, and a `list` must see the `track` before it. A lock is held
//!   for one change, or to copy pointers to one batch of a topic's entries: a long list is taken in
//!   several batches. It is never held for I/O, for a callback, or to encode JSON.
//! - The **driver** is a task that wakes when a topic may send its next diff.
//! - The **dispatcher** is a task that takes each diff through `fetch`, to the topic's subscribers
//!   on this node, and through `handle_metas`. A topic has at most one diff there. Later changes
//!   wait in the shard as one net change. So a slow `fetch` delays one topic, and costs no memory.
//! - A **turn** of a socket's task sends the small diffs that it causes itself, at its end, if the
//!   presence has no code of the app. Such a diff needs no other task, and shares the write of the
//!   answer.
//!
//! In a cluster, one more task handles the messages of other nodes, and another sends heartbeats.
//! The heartbeat is a task of its own, so that a busy node does not look dead.
//!
//! The tasks end with [`Tracker::stop`], and when the last clone of the tracker is dropped.

mod callback;
mod changes;
mod counting;
mod disconnect;
mod dispatcher;
mod driver;
mod error;
mod found;
mod handle;
mod host;
mod last_events;
mod messenger;
mod once;
mod options;
mod owner;
mod reads;
mod responsible;
mod state;
mod turn;
mod waiting;
mod watch;
mod work;

#[cfg(all(test, shuttle))]
mod model;
#[cfg(test)]
mod tests;

pub use crate::replication::node::{ReplicaEvent, ReplicaView, ShardView, Status};
pub use crate::replication::options::OptionError;
pub use crate::replication::set::{Clock, Incarnation, Origin, ReplicaName};
pub use counting::Counting;
pub use disconnect::{Disconnect, DisconnectGrace};
pub use error::{TrackError, UpdateError};
pub use handle::Tracker;
pub(crate) use host::Host;
pub use messenger::TOPIC_PREFIX;
#[cfg(any(test, feature = "sim"))]
pub(crate) use messenger::chunk_bytes;
pub use options::TrackerOptions;
pub use owner::{Owner, Tracked};
pub use reads::Page;
pub use state::{StatePart, StateParts};
#[doc(hidden)]
pub use turn::in_turn;
#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) use waiting::is_control;
pub use watch::{Watch, WatchEvent};

/// The event of the messages that carry a [`Diff`](crate::presence::Diff) to a topic's subscribers.
pub const PRESENCE_DIFF: &str = "presence_diff";

/// The event of a topic's list, or of the first part of it. See [`Tracker::state_parts`].
pub const PRESENCE_STATE: &str = "presence_state";

/// The event of a topic's count of distinct keys: its payload is `{"count": 42}`. See
/// [`Tracker::counting`].
pub const PRESENCE_COUNT: &str = "presence_count";
