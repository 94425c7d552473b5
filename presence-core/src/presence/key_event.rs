//! The first joins and last leaves of keys.

use std::sync::Arc;
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
