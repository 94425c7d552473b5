//! The options of replication: [`NodeOptions`], and the check of their bounds.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// The longest of all periods. Moments are sums of a few of them, which must not overflow.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The options of a node: how it spreads topics, replicates changes, and judges the other nodes.
///
/// The names and most defaults are those of `Phoenix.Tracker`. All nodes of a cluster need the same
/// [`pool_size`](Self::pool_size). The other options may differ, but with periods that differ much,
/// a node takes another's normal silence for a failure.
///
/// A tracker with an option out of its bounds does not start: it panics, and names the option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// The number of shards that the topics are spread over. Default 8, from 1 to 256. Messages of
    /// a node with another number are rejected.
    ///
    /// Raise it if the cores of a node wait for each other: a shard makes one change at a time.
    /// Each shard costs a message of its own when its topics change, and 1 to 10 bytes in a
    /// heartbeat. To change it, stop all nodes.
    pub pool_size: usize,
    /// The shortest time between two diffs of one topic. Default 50 ms, from zero to one day.
    ///
    /// Raise it for large rooms where many users join and leave: clients get fewer and larger
    /// diffs, later. With zero, each change is sent as soon as the diff before it was dispatched.
    pub diff_interval: Duration,
    /// The shortest time between two deltas of a shard to other nodes. Default 5 ms, from zero to
    /// one day. The first change after a pause is sent at once.
    ///
    /// Raise it to send fewer and larger messages in a busy cluster. Other nodes then see changes
    /// later, by up to this time.
    pub delta_interval: Duration,
    /// The time between two heartbeats of a node. Default 1.5 s, from 10 ms to one day. The next
    /// heartbeat reveals a lost message, so this option bounds the time for which nodes differ.
    ///
    /// Raise it for some hundred nodes or more, whose heartbeats add up; `down_period` then has to
    /// grow with it. Lower it, with `down_period`, to detect the death of a node sooner if the
    /// engine gives no hints.
    pub broadcast_period: Duration,
    /// The number of silent periods after which a node is suspect, and other nodes probe it too.
    /// Default 10, from 1 to 10,000. The probes save a node that only one of its peers cannot
    /// reach.
    ///
    /// Lower it together with `down_period`, so that some periods remain for the probes. Raise it
    /// on a network that loses many messages.
    pub max_silent_periods: u32,
    /// The silence after which a node is down, and its presences are hidden. Default 30 s, longer
    /// than `max_silent_periods` periods, and at most one day.
    ///
    /// Lower it to hide the users of a dead node sooner, if the engine gives no hints. If it is
    /// shorter than the longest pause of a live process, it hides users who are present.
    pub down_period: Duration,
    /// The time for which the presences of a down node are kept, in case the node comes back. The
    /// last message number of the node is remembered for the same time once more. Default 20 min,
    /// at least `down_period` and at most one day. It trades memory for traffic.
    ///
    /// Raise it if partitions last longer and the sets are large. Lower it if nodes come and go
    /// under new names all the time.
    pub permdown_period: Duration,
    /// The time that a node has to answer after an engine hints that it is gone. Default 1 s, from
    /// 100 ms to one day. With a shorter time, messages that wait for a slightly late driver would
    /// count as silence.
    ///
    /// Lower it to hide the users of a dead node sooner. Raise it on links with a long round trip.
    pub suspect_period: Duration,
    /// The approximate size of a message, in bytes. Default 48 KiB, from 256 bytes to 192 KiB, and
    /// below the engine's limit. One large entry makes a larger message. Even with the largest
    /// topic, key and meta, peers accept this message.
    ///
    /// Lower it for an engine or broker with a smaller limit. Raise it to send large sets in fewer
    /// messages.
    pub chunk_bytes: usize,
    /// The size of a shard's log of removals, in bytes. Default 64 KiB, from 4 KiB to 64 MiB. A
    /// removal takes 16 bytes. A node that missed more removals gets a list of the live entries
    /// instead.
    ///
    /// Raise it if many users leave large sets while nodes cannot reach each other. With less than
    /// 4 KiB, even a delta to a node that missed nothing may have to list all live entries, and for
    /// a large set such a list is longer than a message may be.
    pub removal_log_bytes: usize,
    /// The most entries that a shard shows, hides or forgets in one turn. Default 2,000, from 1 to
    /// 1,000,000. A reader waits for at most one turn.
    ///
    /// Lower it if lists are slow while a large node comes up or goes down. Raise it to finish
    /// these changes sooner.
    pub batch: usize,
    /// The most entries of down nodes that a shard keeps. Default 100,000, from 0 to 10,000,000.
    /// Beyond it, the entries of the nodes that are down longest are dropped, and these nodes send
    /// them again if they come back.
    ///
    /// Lower it to bound memory during partitions, at some 450 bytes for each entry. Raise it if
    /// one node alone tracks more entries in a shard.
    pub max_hidden: usize,
    /// The most large answers of a shard that have something to send at once. Default 4, from 1 to
    /// 64. Further requests wait.
    ///
    /// Raise it if many nodes start together: each then gets its answers sooner, and all of them
    /// more slowly.
    pub max_answers: usize,
    /// The most other nodes, down nodes included. Default 1,024, from 1 to 65,536. Further nodes
    /// are rejected.
    ///
    /// It bounds the memory that a peer can fill by inventing names. Raise it only for a larger
    /// cluster, counting all names that came and went within `permdown_period`.
    pub max_replicas: usize,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            pool_size: 8,
            diff_interval: Duration::from_millis(50),
            delta_interval: Duration::from_millis(5),
            broadcast_period: Duration::from_millis(1500),
            max_silent_periods: 10,
            down_period: Duration::from_secs(30),
            permdown_period: Duration::from_secs(20 * 60),
            suspect_period: Duration::from_secs(1),
            chunk_bytes: 48 * 1024,
            removal_log_bytes: 64 * 1024,
            batch: 2000,
            max_hidden: 100_000,
            max_answers: 4,
            max_replicas: 1024,
        }
    }
}

impl NodeOptions {
    /// The largest [`chunk_bytes`](Self::chunk_bytes). It leaves room for the largest presence: the
    /// unsent changes may be just below this size when that presence is added to their message.
    pub(crate) const MAX_CHUNK_BYTES: usize = 192 * 1024;

    /// Describes the first option that is out of its bounds. Returns `None` if there is no fault.
    pub(crate) fn fault(&self) -> Option<String> {
        let any = Duration::ZERO..=DAY;
        let periods = [
            ("diff_interval", self.diff_interval, any.clone()),
            ("delta_interval", self.delta_interval, any.clone()),
            ("broadcast_period", self.broadcast_period, 10 * MS..=DAY),
            ("down_period", self.down_period, any.clone()),
            ("permdown_period", self.permdown_period, any),
            ("suspect_period", self.suspect_period, 100 * MS..=DAY),
        ];
        let silent_periods = self.max_silent_periods as usize;
        let numbers = [
            ("pool_size", self.pool_size, 1..=256),
            ("max_silent_periods", silent_periods, 1..=10_000),
            ("chunk_bytes", self.chunk_bytes, 256..=Self::MAX_CHUNK_BYTES),
            (
                "removal_log_bytes",
                self.removal_log_bytes,
                4 << 10..=64 << 20,
            ),
            ("batch", self.batch, 1..=1_000_000),
            ("max_hidden", self.max_hidden, 0..=10_000_000),
            ("max_answers", self.max_answers, 1..=64),
            ("max_replicas", self.max_replicas, 1..=65_536),
        ];
        let periods = periods.into_iter().find_map(outside);
        let numbers = numbers.into_iter().find_map(outside);
        periods.or(numbers).or_else(|| self.contradiction())
    }

    /// Describes a contradiction between options that are within their bounds.
    fn contradiction(&self) -> Option<String> {
        let silent = self.broadcast_period * self.max_silent_periods;
        if self.down_period <= silent {
            return Some(format!(
                "down_period is {:?}, and must be longer than max_silent_periods broadcast_periods, {silent:?}",
                self.down_period
            ));
        }
        (self.permdown_period < self.down_period).then(|| {
            format!(
                "permdown_period is {:?}, and must be at least down_period, {:?}",
                self.permdown_period, self.down_period
            )
        })
    }
}

fn outside<T: Debug + PartialOrd>(
    (name, value, bounds): (&str, T, RangeInclusive<T>),
) -> Option<String> {
    let (least, most) = (bounds.start(), bounds.end());
    (!bounds.contains(&value))
        .then(|| format!("{name} is {value:?}, and must be from {least:?} to {most:?}"))
}

#[cfg(test)]
mod tests;
