//! What a shard wants done.

use std::sync::Arc;

use crate::crdt::Entry;

/// What a shard wants done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Tell the topic's listeners, then answer with [`Input::Dispatched`](super::Input::Dispatched).
    TopicDiff(TopicDiff),
}

/// The net change of a topic since its last diff, each side by key, the oldest first within a key.
///
/// A meta may stand on both sides; then it joined before it left.
#[derive(Clone, Debug)]
pub struct TopicDiff {
    /// The topic.
    pub topic: Arc<str>,
    /// Who came.
    pub joins: Vec<Arc<Entry>>,
    /// Who went.
    pub leaves: Vec<Arc<Entry>>,
}

impl TopicDiff {
    /// All that joins or leaves, by key, the oldest first; what does both comes once.
    pub fn all(&self) -> Vec<&Arc<Entry>> {
        let mut all: Vec<_> = self.joins.iter().chain(&self.leaves).collect();
        all.sort_unstable_by_key(|entry| (&entry.key, &entry.tag));
        all.dedup_by_key(|entry| &entry.tag);
        all
    }
}
