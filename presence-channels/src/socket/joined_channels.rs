//! The channels of one connection, by topic.

use std::sync::Arc;

use crate::{Topic, channel::AnyChannel, limits::Bucket};

/// The channels that are joined, and those that ended by themselves and were not asked for since.
/// A list, because a client is in few topics and a table's memory is more than theirs.
#[derive(Default)]
pub(super) struct JoinedChannels(Vec<JoinedChannel>);

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
        let entry = self.0.iter_mut().find(|entry| entry.topic == *topic)?;
        (!entry.leaving && !entry.channel.is_closed()).then_some(entry)
    }

    /// Returns the place of the topic's channel, in whatever state it is.
    pub(super) fn position(&self, topic: &str) -> Option<usize> {
        self.0.iter().position(|entry| entry.topic == *topic)
    }

    /// Removes the channel at a place. The other places are no longer valid.
    pub(super) fn take(&mut self, index: usize) -> JoinedChannel {
        self.0.swap_remove(index)
    }

    pub(super) fn push(&mut self, entry: JoinedChannel) {
        self.0.reserve_exact(1);
        self.0.push(entry);
    }

    /// Forgets channels that ended by themselves.
    pub(super) fn forget_ended(&mut self) {
        self.0.retain(|entry| !entry.channel.is_closed());
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &JoinedChannel> {
        self.0.iter()
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = JoinedChannel> {
        self.0.drain(..)
    }
}
