//! The state of a topic in parts, for clients that get diffs meanwhile.
//!
//! A client gets a part of the list as joins, and then the diffs. A part is **current** for a
//! client under one condition: each of its metas was here at a moment that sealed the topic, and no
//! diff was taken since. Then every later leave of them is in a diff to come, and a client that
//! gets the part before that diff keeps no ghost. So a part is queued for a client under the
//! shard's lock, in the hold that finds it current.
//!
//! A part may lack a meta that joined after it was read. The diff of that join is taken after the
//! read. A client that subscribed before that diff was taken gets the meta by the diff. So a part
//! serves each client that began no later, in diffs, than the part was read.

use std::sync::Arc;

use super::topic::ListPlace;
use crate::replication::set::{Entry, PhxRef};

/// The last diff and the last change of a topic, by their numbers within the shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The last diff that was taken.
    pub(crate) taken: u64,
    /// The last join or leave.
    pub(crate) changed: u64,
}

/// A batch of a topic's list, and the moment at which it was read.
#[derive(Debug)]
pub(crate) struct StateBatch {
    /// The entries by key.
    pub(crate) entries: Vec<Arc<Entry>>,
    /// The place of the next batch, `None` after the last one.
    pub(crate) next: Option<ListPlace>,
    /// The moment of the read, which sealed the topic.
    pub(crate) moment: Moment,
}

impl crate::replication::shard::Shard {
    /// Returns the topic's last diff and its last change.
    pub(crate) fn moment(&self, topic: &str) -> Moment {
        self.index.moment(topic)
    }

    /// Returns a batch as [`Shard::list_batch`] does, of about `most` entries.
    ///
    /// [`Shard::list_batch`]: crate::replication::shard::Shard::list_batch
    pub(crate) fn state_batch(
        &mut self,
        topic: &str,
        from: Option<&ListPlace>,
        most: usize,
    ) -> StateBatch {
        let moment = self.index.moment(topic);
        let most = most.min(self.index.batch());
        let (entries, next) = match self.index.topic_mut(topic) {
            Some(topic) => {
                topic.seal();
                topic.batch(from, most, usize::MAX)
            }
            None => (Vec::new(), None),
        };
        StateBatch {
            entries,
            next,
            moment,
        }
    }

    /// Returns those of the metas that are not here. Seals as a list does.
    pub(crate) fn gone<'a>(
        &mut self,
        topic: &str,
        metas: impl Iterator<Item = (&'a str, PhxRef)>,
    ) -> Vec<PhxRef> {
        let topic = self.index.topic_mut(topic);
        let topic = topic.map(|topic| {
            topic.seal();
            &*topic
        });
        let is_gone = |(key, phx_ref): &(&str, PhxRef)| {
            let is_here = topic.is_some_and(|topic| topic.holds(key, *phx_ref));
            !is_here
        };
        metas.filter(is_gone).map(|(_, phx_ref)| phx_ref).collect()
    }
}

impl super::Index {
    fn moment(&self, topic: &str) -> Moment {
        // A topic that nobody is in will begin after the last diff.
        self.topics.get(topic).map_or(
            Moment {
                taken: self.diffs,
                changed: self.changes,
            },
            |topic| topic.moment,
        )
    }
}
