//! The present state of a topic, for `handle_metas`.

use super::{PresenceEntry, Presences};
use crate::tracker::Pool;

/// A live view of one topic: each call returns the state of that moment.
///
/// The entries lack the fields that `fetch` adds. The diff has them.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    pool: &'a Pool,
    topic: &'a str,
}

impl<'a> Current<'a> {
    pub(crate) fn new(pool: &'a Pool, topic: &'a str) -> Self {
        Self { pool, topic }
    }

    /// Returns the entry under `key`, or `None` if the key is not present.
    pub fn get_by_key(&self, key: &str) -> Option<PresenceEntry> {
        self.pool.get_by_key(self.topic, key).take(key)
    }

    /// Returns the number of keys in the topic.
    pub fn count(&self) -> usize {
        self.pool.count(self.topic)
    }

    /// Returns all keys of the topic, with their entries.
    pub fn list(&self) -> Presences {
        self.pool.list(self.topic)
    }
}
