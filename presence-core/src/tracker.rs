//! Presences at work: the shards on tokio, the owners whose end untracks, and reads.
//!
//! # How it is made
//!
//! - A tracker spreads topics over a **pool of shards**, by a named hash of the topic, each behind
//!   a lock of its own. A lock rather than a task: an owner's drop must untrack before it returns,
//!   whatever thread it happens on, and a `track` must be seen by the `list` after it. A lock is
//!   held for one change or for copying pointers to one topic's entries, never for I/O, a callback
//!   or encoding JSON.
//! - The **driver** is a task that wakes when a topic may send its next diff.
//! - The **dispatcher** is a task that takes the shards' diffs through `fetch`, to the topic's
//!   subscribers on this node, and through `handle_metas`. A topic has at most one diff there; what
//!   changes meanwhile gathers in the shard, netted. So a slow `fetch` costs delay, not memory, and
//!   holds up one topic.
//!
//! In a cluster two more take what other nodes send, and say that this one is there. That one is a
//! task of its own, so that a busy node is not taken for a dead one.
//!
//! The tasks end with [`Tracker::stop`], and when the last clone of the tracker is dropped.

mod callback;
mod changes;
mod dispatcher;
mod driver;
mod error;
mod handle;
mod messenger;
mod options;
mod owner;
mod pool;
mod trouble;

#[cfg(test)]
mod tests;

pub use crate::crdt::{Clock, Incarnation, Origin, ReplicaName};
pub use crate::node::{NodeOptions, ReplicaEvent, ReplicaView, ShardView, Status};
pub use error::{TrackError, UpdateError};
pub use handle::Tracker;
pub use messenger::TOPIC_PREFIX;
pub use options::TrackerOptions;
pub use owner::{Owner, Tracked};
pub(crate) use pool::Pool;

/// The event of the messages that tell a topic's subscribers of a [`Diff`](crate::presence::Diff).
pub const PRESENCE_DIFF: &str = "presence_diff";
