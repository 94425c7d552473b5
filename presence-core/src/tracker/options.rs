//! [`TrackerOptions`], and the check of its bounds.

use std::time::Duration;

use super::DisconnectGrace;
use super::changes::MAX_NAME_BYTES;
use super::dispatcher::MAX_DIFF_BYTES;
use super::messenger::Sizes;
use crate::replication::message;
use crate::replication::options::{DAY, MS, NodeOptions, OptionError, at_least, within};

/// The largest limit on metas: one fits into a message between nodes, with its topic and key, and
/// with all that waits to be sent.
const MAX_META_BYTES: usize = 256 * 1024;

const SECOND: Duration = Duration::from_secs(1);

/// The most bytes of a message besides the texts of its entries: 256 removals of up to 10 bytes,
/// the header, and the references of the last meta.
const MAX_OVERHEAD: usize = 4 * 1024;

// Peers drop a message that is over the limit. The sender would repeat it for ever.
const _: () = assert!(
    NodeOptions::MAX_CHUNK_BYTES + MAX_META_BYTES + 2 * MAX_NAME_BYTES + MAX_OVERHEAD
        <= message::MAX_BYTES,
    "the longest delta is longer than a message may be"
);

/// The options of a tracker: how it spreads topics, replicates changes, judges the other nodes, and
/// runs the callbacks of its presence. The defaults suit rooms of up to some ten thousand users.
///
/// The names and most defaults are those of `Phoenix.Tracker`. All nodes of a cluster need the same
/// [`pool_size`](Self::pool_size). The other options may differ, but with periods that differ much,
/// a node takes another's normal silence for a failure.
///
/// A tracker with an option out of its bounds does not start
/// ([`OptionError`](super::OptionError)).
///
/// # Examples
///
/// ```
/// use presence_core::tracker::TrackerOptions;
/// use std::time::Duration;
///
/// let options = TrackerOptions::default()
///     .diff_interval(Duration::from_millis(200))
///     .max_meta_bytes(1024);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerOptions {
    pub(crate) node: NodeOptions,
    pub(super) leave_grace: Duration,
    pub(super) disconnect_grace: DisconnectGrace,
    pub(super) max_meta_bytes: usize,
    pub(super) max_presences_per_owner: usize,
    pub(super) callback_timeout: Duration,
    pub(super) max_concurrent_diffs: usize,
    pub(super) count_interval: Duration,
    pub(super) last_leave_delay: Duration,
    /// The most bytes of a part of a list.
    pub(super) part_bytes: usize,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self {
            node: NodeOptions::default(),
            leave_grace: Duration::from_secs(10),
            disconnect_grace: DisconnectGrace::NONE,
            max_meta_bytes: 16 * 1024,
            max_presences_per_owner: 1000,
            callback_timeout: Duration::from_secs(10),
            max_concurrent_diffs: 64,
            count_interval: SECOND,
            last_leave_delay: SECOND,
            part_bytes: MAX_DIFF_BYTES,
        }
    }
}

impl TrackerOptions {
    /// Sets the number of shards that the topics are spread over. Default 8, from 1 to 256.
    /// Messages of a node with another number are rejected.
    ///
    /// Raise it if the cores of a node wait for each other: a shard makes one change at a time.
    /// Each shard costs a message of its own when its topics change, and 1 to 10 bytes in a
    /// heartbeat. To change it, stop all nodes.
    #[must_use]
    pub fn pool_size(mut self, shards: usize) -> Self {
        self.node.pool_size = shards;
        self
    }

    /// Sets the shortest time between two diffs of one topic. Default 50 ms, from zero to one day.
    ///
    /// Raise it for large rooms where many users join and leave: clients get fewer and larger
    /// diffs, later. With zero, each change is sent as soon as the diff before it was dispatched.
    #[must_use]
    pub fn diff_interval(mut self, interval: Duration) -> Self {
        self.node.diff_interval = interval;
        self
    }

    /// Sets the shortest time between two deltas of a shard to other nodes. Default 5 ms, from zero
    /// to one day. The first change after a pause is sent at once.
    ///
    /// Raise it to send fewer and larger messages in a busy cluster. Other nodes then see changes
    /// later, by up to this time.
    #[must_use]
    pub fn delta_interval(mut self, interval: Duration) -> Self {
        self.node.delta_interval = interval;
        self
    }

    /// Sets the time between two heartbeats of a node. Default 1.5 s, from 10 ms to one day. The
    /// next heartbeat reveals a lost message, so this option bounds the time for which nodes
    /// differ.
    ///
    /// Raise it for some hundred nodes or more, whose heartbeats add up;
    /// [`down_period`](Self::down_period) then has to grow with it. Lower it, with `down_period`,
    /// to detect the death of a node sooner if the engine gives no hints.
    #[must_use]
    pub fn broadcast_period(mut self, period: Duration) -> Self {
        self.node.broadcast_period = period;
        self
    }

    /// Sets the number of silent periods after which a node is suspect, and other nodes probe it
    /// too. Default 10, from 1 to 10,000. The probes save a node that only one of its peers cannot
    /// reach.
    ///
    /// Lower it together with [`down_period`](Self::down_period), so that some periods remain for
    /// the probes. Raise it on a network that loses many messages.
    #[must_use]
    pub fn max_silent_periods(mut self, periods: u32) -> Self {
        self.node.max_silent_periods = periods;
        self
    }

    /// Sets the silence after which a node is down, and its presences are hidden. Default 30 s,
    /// longer than [`max_silent_periods`](Self::max_silent_periods) periods, and at most one day.
    ///
    /// Lower it to hide the users of a dead node sooner, if the engine gives no hints. If it is
    /// shorter than the longest pause of a live process, it hides users who are present.
    #[must_use]
    pub fn down_period(mut self, period: Duration) -> Self {
        self.node.down_period = period;
        self
    }

    /// Sets the time for which the presences of a down node are kept, in case the node comes back.
    /// The last message number of the node is remembered for the same time once more. Default 20
    /// min, at least [`down_period`](Self::down_period) and at most one day. It trades memory for
    /// traffic.
    ///
    /// Raise it if partitions last longer and the sets are large. Lower it if nodes come and go
    /// under new names all the time.
    #[must_use]
    pub fn permdown_period(mut self, period: Duration) -> Self {
        self.node.permdown_period = period;
        self
    }

    /// Sets the time that a node has to answer after an engine hints that it is gone. Default 1 s,
    /// from 100 ms to one day. With a shorter time, messages that wait for a slightly late driver
    /// would count as silence.
    ///
    /// Lower it to hide the users of a dead node sooner. Raise it on links with a long round trip.
    #[must_use]
    pub fn suspect_period(mut self, period: Duration) -> Self {
        self.node.suspect_period = period;
        self
    }

    /// Sets the approximate size of a message, in bytes. Default 48 KiB, from 256 bytes to 192 KiB.
    /// One large entry makes a larger message. Even with the largest topic, key and meta, peers
    /// accept this message.
    ///
    /// If the engine has a limit
    /// ([`Adapter::max_message_bytes`](crate::pubsub::Adapter::max_message_bytes)), messages are
    /// cut to half of that limit where that is less. The tracker logs this when it starts.
    ///
    /// Lower it for a broker with a smaller limit that the engine does not know. Raise it to send
    /// large sets in fewer messages.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.node.chunk_bytes = bytes;
        self
    }

    /// Sets the size of a shard's log of removals, in bytes. Default 64 KiB, from 4 KiB to 64 MiB.
    /// A removal takes 16 bytes. A node that missed more removals gets a list of the live entries
    /// instead.
    ///
    /// Raise it if many users leave large sets while nodes cannot reach each other. With less than
    /// 4 KiB, even a delta to a node that missed nothing may have to list all live entries, and for
    /// a large set such a list is longer than a message may be.
    #[must_use]
    pub fn removal_log_bytes(mut self, bytes: usize) -> Self {
        self.node.removal_log_bytes = bytes;
        self
    }

    /// Sets the most entries that a shard shows, hides or forgets in one turn. Default 2,000, from
    /// 1 to 1,000,000. A reader waits for at most one turn.
    ///
    /// Lower it if lists are slow while a large node comes up or goes down. Raise it to finish
    /// these changes sooner.
    #[must_use]
    pub fn batch(mut self, entries: usize) -> Self {
        self.node.batch = entries;
        self
    }

    /// Sets the most entries of down nodes that a shard keeps. Default 100,000, from 0 to
    /// 10,000,000. Beyond it, the entries of the nodes that are down longest are dropped, and these
    /// nodes send them again if they come back.
    ///
    /// Lower it to bound memory during partitions: an entry takes some 225 to 360 bytes, and more
    /// with a longer meta. Raise it if one node alone tracks more entries in a shard.
    #[must_use]
    pub fn max_hidden(mut self, entries: usize) -> Self {
        self.node.max_hidden = entries;
        self
    }

    /// Sets the most snapshots and long deltas that one shard sends in parallel. Default 4, from 1
    /// to 64. Further requests wait.
    ///
    /// Raise it if many nodes start together: each then gets its answers sooner, and all of them
    /// more slowly.
    #[must_use]
    pub fn max_answers(mut self, answers: usize) -> Self {
        self.node.max_answers = answers;
        self
    }

    /// Sets the most other nodes, down nodes included. Default 1,024, from 1 to 65,536. For a
    /// further node, the node that has been down for longest is given up. If none is down, the
    /// further node is rejected.
    ///
    /// The limit bounds the memory that a peer can fill by inventing names. Raise it only for a
    /// larger cluster, counting all names that came and went within
    /// [`permdown_period`](Self::permdown_period).
    #[must_use]
    pub fn max_replicas(mut self, nodes: usize) -> Self {
        self.node.max_replicas = nodes;
        self
    }

    /// Sets the time for which other nodes keep showing this node's presences after it
    /// [left](crate::Tracker::leave). Default 10 s, from zero to 10 min.
    ///
    /// A user who connects to another node within this time never leaves, for all others. A user
    /// who does not connect again is shown until the end of this time. Set it to the time that your
    /// clients need to connect again.
    #[must_use]
    pub fn leave_grace(mut self, grace: Duration) -> Self {
        self.leave_grace = grace;
        self
    }

    /// Sets the time for which presences stay when their connection is lost. Default: no time, as
    /// in Phoenix. At most one day.
    ///
    /// Set it to the time that a phone needs to find the network again, such as 15 s. A user who
    /// does not come back is shown until the end of this time. See [`DisconnectGrace`].
    #[must_use]
    pub fn disconnect_grace(mut self, grace: impl Into<DisconnectGrace>) -> Self {
        self.disconnect_grace = grace.into();
        self
    }

    /// Sets the longest meta, in bytes of JSON without `phx_ref`. Default 16,384, from 2, which is
    /// an empty object, to 262,144. A longer meta is [refused](super::TrackError::Meta).
    ///
    /// If the engine has a limit
    /// ([`Adapter::max_message_bytes`](crate::pubsub::Adapter::max_message_bytes)), the meta may
    /// also not exceed half of that limit. The tracker logs this when it starts.
    ///
    /// Each subscriber of a topic gets each meta, so keep metas small. Details belong in `fetch`.
    #[must_use]
    pub fn max_meta_bytes(mut self, bytes: usize) -> Self {
        self.max_meta_bytes = bytes;
        self
    }

    /// Sets the most presences that one [`Owner`](super::Owner) may have in this tracker. Default
    /// 1,000, at least 1. A further presence is [refused](super::TrackError::TooManyPresences).
    ///
    /// The limit keeps a channel whose clients choose keys from filling the memory. Raise it for an
    /// owner that stands for a whole system.
    #[must_use]
    pub fn max_presences_per_owner(mut self, presences: usize) -> Self {
        self.max_presences_per_owner = presences;
        self
    }

    /// Sets the longest that one call of `fetch`, `init` or a handler of the presence may take.
    /// Default 10 s, from 10 ms to one day.
    ///
    /// A call that takes longer is dropped at its next await, and logged. The presences are then
    /// sent without the fields of `fetch`. Without this limit, one hung query would silence a topic
    /// for ever. Raise it if the resource behind `fetch` is slow at times.
    #[must_use]
    pub fn callback_timeout(mut self, timeout: Duration) -> Self {
        self.callback_timeout = timeout;
        self
    }

    /// Sets the most topics that may be in `fetch` or `handle_metas` at once, and the most that may
    /// be in `handle_first_joins` or `handle_last_leaves`. Default 64, from 1 to 65,536.
    ///
    /// The diffs of further topics wait. Match it to the resource behind `fetch`, such as a
    /// connection pool.
    #[must_use]
    pub fn max_concurrent_diffs(mut self, topics: usize) -> Self {
        self.max_concurrent_diffs = topics;
        self
    }

    /// Sets the shortest time between two counts of one topic, for members that
    /// [count](super::Tracker::counting). Default 1 s, from zero to one day.
    ///
    /// Lower it for a number that follows each change. Raise it for very large rooms, where the
    /// number changes all the time.
    #[must_use]
    pub fn count_interval(mut self, interval: Duration) -> Self {
        self.count_interval = interval;
        self
    }

    /// Sets the time for which a [last leave](crate::Presence::handle_last_leaves) is held back.
    /// Default 1 s, from zero to 10 min. A key that comes back within it is no event.
    ///
    /// Raise it if users who load a page anew should not leave, or those of a killed node who
    /// connect to another one: then to the time that your clients need to connect again, such as
    /// 10 s. Lower it if a leave must be handled at once. It has no effect on diffs and lists.
    ///
    /// At most 100,000 leaves of 32 MiB are held back. Beyond it, the oldest are handled early.
    #[must_use]
    pub fn last_leave_delay(mut self, delay: Duration) -> Self {
        self.last_leave_delay = delay;
        self
    }

    /// Sets the most bytes of a part of a list, for tests with small rooms.
    #[cfg(test)]
    pub(super) fn part_bytes(mut self, bytes: usize) -> Self {
        self.part_bytes = bytes;
        self
    }

    /// Fails if an option is out of its bounds.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        self.node.check()?;
        within(
            "leave_grace",
            self.leave_grace,
            Duration::ZERO..=600 * SECOND,
        )?;
        let grace = self.disconnect_grace.time;
        within("disconnect_grace", grace, Duration::ZERO..=DAY)?;
        within("max_meta_bytes", self.max_meta_bytes, 2..=MAX_META_BYTES)?;
        at_least("max_presences_per_owner", self.max_presences_per_owner, 1)?;
        within("callback_timeout", self.callback_timeout, 10 * MS..=DAY)?;
        within(
            "max_concurrent_diffs",
            self.max_concurrent_diffs,
            1..=65_536,
        )?;
        within("count_interval", self.count_interval, Duration::ZERO..=DAY)?;
        within(
            "last_leave_delay",
            self.last_leave_delay,
            Duration::ZERO..=600 * SECOND,
        )
    }

    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            chunk_bytes: self.node.chunk_bytes,
            max_meta_bytes: self.max_meta_bytes,
        }
    }

    /// Lowers the sizes to what the engine carries, and logs that.
    pub(super) fn fit(&mut self, presence: &'static str, engine: Option<usize>) {
        let fit = self.sizes().fit(engine);
        let Sizes {
            chunk_bytes,
            max_meta_bytes,
        } = fit;
        if fit != self.sizes() {
            tracing::info!(
                presence,
                engine_bytes = engine,
                chunk_bytes,
                max_meta_bytes,
                "the engine's limit lowers the sizes of messages and metas"
            );
        }
        self.node.chunk_bytes = chunk_bytes;
        self.max_meta_bytes = max_meta_bytes;
    }
}

#[cfg(test)]
mod tests;
