//! Who is in a topic now, for `handle_metas`.

use super::{PresenceEntry, Presences};
use crate::tracker::Pool;

/// A live view of one topic: each call answers as of now.
///
/// Without what `fetch` adds; the diff at hand has that.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    pool: &'a Pool,
    topic: &'a str,
}

impl<'a> Current<'a> {
    pub(crate) fn new(pool: &'a Pool, topic: &'a str) -> Self {
        Self { pool, topic }
    }

    /// What is under `key`. `None`: nobody is left.
    pub fn get_by_key(&self, key: &str) -> Option<PresenceEntry> {
        self.pool.get_by_key(self.topic, key).take(key)
    }

    /// How many keys the topic has.
    pub fn count(&self) -> usize {
        self.pool.count(self.topic)
    }

    /// All of the topic.
    pub fn list(&self) -> Presences {
        self.pool.list(self.topic)
    }
}
