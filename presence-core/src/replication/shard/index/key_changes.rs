//! The keys of a topic that have come or gone since its last diff.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::replication::set::Entry;

/// A key that came or went by a diff.
#[derive(Clone, Debug)]
pub(crate) struct KeyChange {
    /// The first entry of a key that came, or the last one of a key that went.
    pub(crate) entry: Arc<Entry>,
    /// Set if the key came.
    pub(crate) came: bool,
}

/// The net changes of a topic's keys, each under its key. A key that came and went, or went and
/// came, is not among them.
///
/// A change costs its own step when it is made, so that taking all of them visits none.
#[derive(Clone, Debug, Default)]
pub(in crate::replication::shard) struct KeyChanges(BTreeMap<Arc<str>, KeyChange>);

impl KeyChanges {
    /// Notes that the first entry of a key is shown, or the last one no more.
    pub(super) fn note(&mut self, entry: &Arc<Entry>, came: bool) {
        let opposite = self.0.get(&entry.key);
        if opposite.is_some_and(|change| change.came != came) {
            self.0.remove(&entry.key);
            return;
        }
        let entry = Arc::clone(entry);
        self.0
            .insert(Arc::clone(&entry.key), KeyChange { entry, came });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the changes, in the order of the keys.
    pub(in crate::replication::shard) fn into_vec(self) -> Vec<KeyChange> {
        self.0.into_values().collect()
    }
}
