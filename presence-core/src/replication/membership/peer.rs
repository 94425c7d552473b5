//! The state of one other node.

use std::sync::Arc;
use std::time::Duration;

use crate::replication::node::NodeOptions;
use crate::replication::set::Origin;

/// The shortest time between two refusals to one node.
const REFUSE_AGAIN: Duration = Duration::from_millis(200);

/// One other node, as this one sees it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) origin: Arc<Origin>,
    /// The number of the last message received from it.
    pub(super) number: u64,
    /// The number of the last message from before it was last down: what came later tells of it as
    /// it is now.
    pub(super) back_since: u64,
    /// The time at which it was introduced, or came back.
    pub(super) up_since: Duration,
    /// When that was, or when another node vouched for it.
    pub(super) heard: Duration,
    pub(super) standing: Standing,
    /// When it was last asked for.
    pub(super) probed: Duration,
    /// Set if it has had more time as a suspect, because this process was stopped.
    pub(super) respited: bool,
    /// The highest number that others have vouched for.
    pub(super) vouched: u64,
    /// The time of the last refusal to it.
    refused: Option<Duration>,
    /// Set if its digest differed at its last heartbeat.
    pub(super) differs: bool,
    /// The version of the format that it last wrote.
    pub(super) version: u8,
}

/// The status of a peer, with its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Up,
    /// Down by then, unless it is heard.
    Suspect {
        until: Duration,
    },
    Down {
        since: Duration,
    },
}

impl Peer {
    pub(super) fn new(origin: Arc<Origin>, number: u64, now: Duration) -> Self {
        Self {
            origin,
            number,
            back_since: 0,
            up_since: now,
            heard: now,
            standing: Standing::Up,
            probed: now,
            respited: false,
            vouched: 0,
            refused: None,
            differs: false,
            version: 0,
        }
    }

    /// When it has to be judged anew, if it stays silent.
    pub(super) fn deadline(&self, options: &NodeOptions) -> Duration {
        match self.standing {
            Standing::Up => self.heard + options.broadcast_period * options.max_silent_periods,
            Standing::Suspect { until } => until.min(self.probed + options.broadcast_period),
            Standing::Down { since } => since + options.permdown_period,
        }
    }

    /// This node heard nothing for so long, and it was its own fault. A suspect has
    /// at least the `suspect_period` to answer: its answer may still wait to be taken.
    ///
    /// No deadline is later than if all had happened just now: a part of that time may have been
    /// before what the deadline counts from.
    pub(super) fn extend(&mut self, deaf: Duration, now: Duration, options: &NodeOptions) {
        let until_now = |at: &mut Duration| *at = (*at + deaf).min(now);
        until_now(&mut self.heard);
        match &mut self.standing {
            Standing::Up => {}
            Standing::Suspect { until } => {
                let longest = now + options.down_period;
                let at_least = now + options.suspect_period;
                *until = (*until + deaf).min(longest).max(at_least);
            }
            Standing::Down { since } => until_now(since),
        }
    }

    pub(super) fn may_refuse(&mut self, now: Duration) -> bool {
        again(&mut self.refused, now, REFUSE_AGAIN)
    }
}

/// Returns whether `pause` has passed since `last`, and sets `last` to now if so.
pub(super) fn again(last: &mut Option<Duration>, now: Duration, pause: Duration) -> bool {
    let may = last.is_none_or(|last| now >= last + pause);
    if may {
        *last = Some(now);
    }
    may
}

pub(super) const fn refuse_again() -> Duration {
    REFUSE_AGAIN
}
