//! The channels of one connection, by topic.

use std::sync::Arc;

use crate::{Topic, channel::AnyChannel, limits::Bucket};

/// The channels that are joined, and those that ended by themselves and were not asked for since.
/// A list, because a client is in few topics and a table's memory is more than theirs.
#[derive(Default)]
pub(super) struct JoinedChannels {
    joined: Vec<JoinedChannel>,
    /// The buckets of topics whose channels have ended, until they are full again: to leave and to
    /// join again refills none.
    spent: Vec<(Topic, Box<Bucket>)>,
}

pub(super) struct JoinedChannel {
    pub(super) topic: Topic,
    pub(super) channel: Arc<dyn AnyChannel>,
    /// The messages that the client may still send to this channel, if a rate limits them.
    pub(super) bucket: Option<Box<Bucket>>,
    /// The number of the route.
    pub(super) route: u32,
    /// Set once the client has left. Its later messages are not for this channel.
    pub(super) leaving: bool,
}

impl JoinedChannels {
    /// Returns the channel that messages on `topic` are for.
    pub(super) fn find(&mut self, topic: &str) -> Option<&mut JoinedChannel> {
        let entry = self.joined.iter_mut().find(|entry| entry.topic == *topic)?;
        (!entry.leaving && !entry.channel.is_closed()).then_some(entry)
    }

    /// Returns the place of the topic's channel, in whatever state it is.
    pub(super) fn position(&self, topic: &str) -> Option<usize> {
        self.joined.iter().position(|entry| entry.topic == *topic)
    }

    /// Removes the channel at a place. The other places are no longer valid.
    pub(super) fn take(&mut self, index: usize) -> JoinedChannel {
        self.joined.swap_remove(index)
    }

    pub(super) fn push(&mut self, entry: JoinedChannel) {
        self.joined.reserve_exact(1);
        self.joined.push(entry);
    }

    /// Forgets channels that ended by themselves. Keeps their buckets that are not full, at most
    /// `most` of them, and of more those with the fewest messages left.
    pub(super) fn forget_ended(&mut self, most: usize, now: impl Fn() -> u64) {
        let ended = self
            .joined
            .extract_if(.., |entry| entry.channel.is_closed());
        let buckets = ended.filter_map(|entry| Some((entry.topic, entry.bucket?)));
        self.spent.extend(buckets);
        if self.spent.is_empty() {
            return;
        }
        let now = now();
        self.spent.retain(|(_, bucket)| !bucket.is_full(now));
        if self.spent.len() > most {
            self.spent
                .sort_unstable_by_key(|(_, bucket)| bucket.left(now));
            self.spent.truncate(most);
        }
        self.spent.shrink_to_fit();
    }

    /// Takes the bucket of the topic's last channel, if it was not full.
    pub(super) fn take_bucket(&mut self, topic: &str) -> Option<Box<Bucket>> {
        let index = self.spent.iter().position(|(spent, _)| *spent == *topic)?;
        Some(self.spent.swap_remove(index).1)
    }

    pub(super) fn len(&self) -> usize {
        self.joined.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &JoinedChannel> {
        self.joined.iter()
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = JoinedChannel> {
        self.joined.drain(..)
    }
}
