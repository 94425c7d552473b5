//! The present state of a topic, for `handle_metas`.

use super::{PresenceEntry, Presences};
use crate::tracker::Host;

/// A live view of one topic: each call returns the state of that moment.
///
/// The entries lack the fields that `fetch` adds. The diff has them.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    host: &'a Host,
    topic: &'a str,
}

impl<'a> Current<'a> {
    pub(crate) fn new(host: &'a Host, topic: &'a str) -> Self {
        Self { host, topic }
    }

    /// Returns the entry under `key`, or `None` if the key is not present.
    pub fn get_by_key(&self, key: &str) -> Option<PresenceEntry> {
        self.host.get_by_key(self.topic, key).take(key)
    }

    /// Returns the number of keys in the topic.
    pub fn count(&self) -> usize {
        self.host.count(self.topic)
    }

    /// Returns all keys of the topic, with their entries.
    pub fn list(&self) -> Presences {
        self.host.list(self.topic)
    }
}
