//! What a node can be tuned by.

use std::time::Duration;

/// How a node spreads its topics, tells others of changes, and judges who is there.
///
/// The names and most defaults are those of `Phoenix.Tracker`. All nodes of a cluster need the same
/// [`pool_size`](Self::pool_size); the rest may differ, but periods that differ much make one node's silence
/// another's alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// How many shards the topics are spread over. Default 8, from 1 to 256; a node with another number is refused.
    pub pool_size: usize,
    /// The least time between two diffs of one topic. Default 50 ms; zero is allowed.
    pub diff_interval: Duration,
    /// The least time between two deltas of a shard to other nodes. Default 5 ms; zero is allowed. The first change
    /// after a pause leaves at once. Raise it to spend fewer and larger messages on a busy cluster.
    pub delta_interval: Duration,
    /// How often a node says that it is there. Default 1.5 s, at least 10 ms. What a lost message left behind is
    /// noticed by the next heartbeat, so this bounds how long nodes differ.
    pub broadcast_period: Duration,
    /// After how many silent periods a node is suspected, and asked for by others too. Default 10, at least 1.
    /// A node that only one of its peers does not hear is thereby kept.
    pub max_silent_periods: u32,
    /// After what silence a node is down, and what it tracked hidden. Default 30 s; longer than
    /// `max_silent_periods` periods.
    pub down_period: Duration,
    /// How long what a node tracked is kept after it went down, in case it comes back; and again as long, how long it
    /// is remembered that it went. Default 20 min, at least `down_period`. It is memory against traffic.
    pub permdown_period: Duration,
    /// How long a node of whose end an engine tells has to prove the contrary. Default 1 s.
    pub suspect_period: Duration,
    /// About how large a message is, in bytes. Default 48 KiB, from 256 bytes to 256 KiB: below what the engine carries. One
    /// large entry makes a larger message.
    pub chunk_bytes: usize,
    /// What a shard spends on remembering removals, in bytes. Default 64 KiB. A node that missed more than fits
    /// here gets a list of what lives instead.
    pub removal_log_bytes: usize,
    /// How many entries a shard shows, hides or forgets in one turn. Default 2,000. A reader waits for one turn.
    pub batch: usize,
    /// How many entries a shard keeps of nodes that are down. Default 100,000. Beyond, the longest down lose
    /// theirs, and send all of it if they come back.
    pub max_hidden: usize,
    /// How many large answers a shard gives at once. Default 4. Who asks meanwhile is not answered, and asks again.
    pub max_answers: usize,
    /// How many other nodes there may be, those down included. Default 1,024. Further ones are refused.
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
    /// What of the options is out of its bounds, in words.
    pub(crate) fn fault(&self) -> Option<String> {
        let silent = self.broadcast_period * self.max_silent_periods;
        let faults = [
            (
                !(1..=256).contains(&self.pool_size),
                format!("pool_size is {}, and must be from 1 to 256", self.pool_size),
            ),
            (
                self.broadcast_period < Duration::from_millis(10),
                format!(
                    "broadcast_period is {:?}, and must be at least 10 ms",
                    self.broadcast_period
                ),
            ),
            (
                self.max_silent_periods == 0,
                "max_silent_periods is 0, so every node would be suspected at once".into(),
            ),
            (
                self.down_period <= silent,
                format!(
                    "down_period is {:?}, and must be longer than max_silent_periods broadcast_periods, {silent:?}",
                    self.down_period
                ),
            ),
            (
                self.permdown_period < self.down_period,
                format!(
                    "permdown_period is {:?}, and must be at least down_period",
                    self.permdown_period
                ),
            ),
            (
                !(256..=256 * 1024).contains(&self.chunk_bytes),
                format!(
                    "chunk_bytes is {}, and must be from 256 to 262,144",
                    self.chunk_bytes
                ),
            ),
            (
                self.batch == 0,
                "batch is 0, so nothing of other nodes would ever be shown".into(),
            ),
        ];
        faults
            .into_iter()
            .find_map(|(wrong, words)| wrong.then_some(words))
    }
}
