//! What a node can be tuned by.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// The longest of all periods. Moments are sums of a few of them, which must not overflow.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a node spreads its topics, tells others of changes, and judges who is there.
///
/// The names and most defaults are those of `Phoenix.Tracker`. All nodes of a cluster need the same
/// [`pool_size`](Self::pool_size); the rest may differ, but periods that differ much make one
/// node's silence another's alarm.
///
/// A tracker does not start with an option out of its bounds: it panics, and says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// How many shards the topics are spread over. Default 8, from 1 to 256; a node with another
    /// number is refused.
    ///
    /// Raise it if one node's cores wait for each other: a shard does one thing at a time. Each
    /// costs a message of its own when its topics change, and 1 to 10 bytes a heartbeat. All nodes
    /// must be stopped to change it.
    pub pool_size: usize,
    /// The least time between two diffs of one topic. Default 50 ms, from zero to one day.
    ///
    /// Raise it where rooms are large and many come and go: clients get fewer and larger diffs,
    /// later. Zero: each change leaves as soon as the diff before it was carried out.
    pub diff_interval: Duration,
    /// The least time between two deltas of a shard to other nodes. Default 5 ms, from zero to one
    /// day. The first change after a pause leaves at once.
    ///
    /// Raise it to spend fewer and larger messages on a busy cluster; other nodes then see changes
    /// so much later.
    pub delta_interval: Duration,
    /// How often a node says that it is there. Default 1.5 s, from 10 ms to one day. What a lost
    /// message left behind is noticed by the next heartbeat, so this bounds how long nodes differ.
    ///
    /// Raise it beyond some hundred nodes, whose heartbeats add up; `down_period` then has to grow
    /// with it. Lower it, with `down_period`, to notice sooner that a node has died where no engine
    /// tells.
    pub broadcast_period: Duration,
    /// After how many silent periods a node is suspected, and asked for by others too. Default 10,
    /// from 1 to 10,000. A node that only one of its peers does not hear is thereby kept.
    ///
    /// Lower it together with `down_period`, to keep some periods for the asking in between; raise
    /// it on a network that loses many messages.
    pub max_silent_periods: u32,
    /// After what silence a node is down, and what it tracked hidden. Default 30 s; longer than
    /// `max_silent_periods` periods, and at most one day.
    ///
    /// Lower it to show the users of a dead node for less long, where no engine tells of its end.
    /// Shorter than the longest pause of a living node's process, it hides users who are there.
    pub down_period: Duration,
    /// How long what a node tracked is kept after it went down, in case it comes back; and again as
    /// long, how long it is remembered that it went. Default 20 min, at least `down_period` and at
    /// most one day. It is memory against traffic.
    ///
    /// Raise it if parted networks stay so for longer, and the sets are large; lower it where nodes
    /// come and go under new names all the time.
    pub permdown_period: Duration,
    /// How long a node of whose end an engine tells has to prove the contrary. Default 1 s, from
    /// 100 ms to one day. With less, what a driver that is a little late has not taken yet counts
    /// as silence.
    ///
    /// Lower it to show the users of a dead node for less long; raise it on links whose round trip
    /// takes long.
    pub suspect_period: Duration,
    /// About how large a message is, in bytes. Default 48 KiB, from 256 bytes to 192 KiB: below
    /// what the engine carries. One large entry makes a larger message; with the largest topic, key
    /// and meta, it is still one that peers take.
    ///
    /// Lower it for an engine or broker with a smaller limit. Raise it to send large sets in fewer
    /// messages.
    pub chunk_bytes: usize,
    /// What a shard spends on remembering removals, in bytes. Default 64 KiB, from 4 KiB to 64 MiB.
    /// A removal takes 16. A node that missed more than fits here gets a list of what lives
    /// instead.
    ///
    /// Raise it where many leave large sets within the time that nodes lose each other. With less
    /// than 4 KiB even a delta to those who missed nothing may have to list all that lives, which
    /// for a large set is longer than any message may be.
    pub removal_log_bytes: usize,
    /// How many entries a shard shows, hides or forgets in one turn. Default 2,000, from 1 to
    /// 1,000,000. A reader waits for one turn.
    ///
    /// Lower it if lists are slow while a large node comes or goes. Raise it to have that done
    /// sooner.
    pub batch: usize,
    /// How many entries a shard keeps of nodes that are down. Default 100,000, from 0 to
    /// 10,000,000. Beyond, the longest down lose theirs, and send all of it if they come back.
    ///
    /// Lower it to bound memory while networks are parted, at some 450 bytes an entry. Raise it if
    /// one node alone tracks more than that in a shard.
    pub max_hidden: usize,
    /// How many large answers a shard gives at once. Default 4, from 1 to 64. Who asks meanwhile is
    /// not answered, and asks again.
    ///
    /// Raise it where many nodes start at once and memory is plenty: an answer under way keeps
    /// alive what it is about to say.
    pub max_answers: usize,
    /// How many other nodes there may be, those down included. Default 1,024, from 1 to 65,536.
    /// Further ones are refused.
    ///
    /// It bounds what a peer can make this node remember by inventing names. Raise it only for a
    /// cluster that is larger, counting the names that came and went within `permdown_period`.
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
    /// The largest [`chunk_bytes`](Self::chunk_bytes). What is not sent yet may be just below it
    /// when the largest presence comes, and all of that is one message: so it leaves room for one.
    pub(crate) const MAX_CHUNK_BYTES: usize = 192 * 1024;

    /// What of the options is out of its bounds, in words.
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

    /// What does not go together, of options within their bounds.
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
