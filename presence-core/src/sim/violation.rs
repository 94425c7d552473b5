//! The broken promises of a run.

use std::fmt;
use std::time::Duration;

/// A promise of the replicated set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// No node shows two incarnations of one replica in a topic, unless the older one is in its
    /// grace.
    OneIncarnation,
    /// A node's copy of a replica at a clock has exactly the entries of the replica at that clock.
    ExactContents,
    /// A node shows only presences that were tracked, and under that topic and key.
    NothingInvented,
    /// No two metas have one reference, unless a restored machine makes it once more.
    UniqueRefs,
    /// A node lists what is tracked on it, at once, and nothing else as its own.
    LocalListed,
    /// The diffs of a topic come one after another, no sooner than the interval, and a meta joins
    /// and leaves in turns.
    OrderedDiffs,
    /// A client that takes a list and applies the diffs from then on ends with the state that a
    /// list shows.
    ClientsFollow,
    /// A count is the number of distinct keys of a list.
    CountsKeys,
    /// Soon after the network heals, all nodes that are up list the same, and it is the truth.
    Converges,
    /// Of replicas that are gone, nothing is shown after their time, and later nothing is kept.
    Forgets,
    /// A replica that left in order never comes back, and is shown no longer than its grace.
    LeftForGood,
    /// A node is not down for a running process that got its message a moment ago.
    DownWhenSilent,
    /// A change is seen on other nodes at once, and not at the next heartbeat.
    AtOnce,
    /// The first diff of a quiet topic leaves at once, whatever the shard is doing.
    QuietTopic,
    /// A node that lacks everything receives little more than the bytes that hold it.
    Thrifty,
    /// Catching up leaves room for the app's messages and the changes in the queue of a link.
    LiveFirst,
    /// No message is longer than the engine carries.
    FitsEngine,
    /// Some time after the network heals, no node lacks changes, and no node sends a request.
    Quiet,
    /// The presences of a node that leaves in order are shown until the grace ends.
    Grace,
    /// When all has settled, diffs have told which keys are there, and the nodes agree on the one
    /// that handles the first joins and last leaves of a topic.
    Once,
    /// Time goes on: a tick moves the next deadline.
    Progress,
    /// Nothing panics.
    NoPanic,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneIncarnation => "two incarnations of a replica are shown",
            Self::ExactContents => "contents are not what the replica held",
            Self::NothingInvented => "something is shown that was never tracked",
            Self::UniqueRefs => "two metas have one reference",
            Self::LocalListed => "what is tracked here is not what is listed here",
            Self::OrderedDiffs => "diffs are out of order",
            Self::ClientsFollow => "a client that applies the diffs has something else than a list",
            Self::CountsKeys => "the count is not the number of keys",
            Self::Converges => "the nodes do not agree",
            Self::Forgets => "something of a replica that is gone remains",
            Self::LeftForGood => "a replica that left is back",
            Self::DownWhenSilent => "a replica is down that was heard",
            Self::AtOnce => "a change is not seen at once",
            Self::QuietTopic => "the first diff of a quiet topic waits",
            Self::Thrifty => "more is sent than a node lacks",
            Self::LiveFirst => "live messages are lost behind bulk ones",
            Self::FitsEngine => "a message is longer than its engine carries",
            Self::Quiet => "changes are asked for that nobody has",
            Self::Grace => "a grace is not kept",
            Self::Once => "a first join or last leave is not for one node",
            Self::Progress => "ticks go on for ever",
            Self::NoPanic => "a panic",
        })
    }
}

/// A broken promise: which, when, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after {at:?}: {rule}: {what}")]
pub struct Violation {
    /// When it was seen, in the simulated world's time.
    pub at: Duration,
    /// The promise that was broken.
    pub rule: Rule,
    /// The evidence, as text.
    pub what: String,
}
