//! The recent changes of keys: which node runs the callback of each, and which calls are repeated
//! when that node goes.
//!
//! Every node sees every change, and keeps it for a while with the node that runs its callback.
//! When that node goes, the node that is responsible in its place runs the callback again: for all
//! changes that are kept if the node is down, and for the last few if it left in order or is still
//! up. For such a moment, two nodes may have different views.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::replication::membership::Roll;
use crate::replication::set::Origin;
use crate::replication::shard::KeyChange;

/// The most changes that are kept, and the most bytes of their texts. The same bytes bound the
/// events that are held back, and those that wait for callbacks.
const MAX_CHANGES: usize = 100_000;
pub(super) const MAX_BYTES: usize = 32 * 1024 * 1024;

/// A change of a key whose callback is to run.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) topic: Arc<str>,
    pub(super) change: KeyChange,
    /// The time at which this node saw the change.
    pub(super) at: SystemTime,
    /// Set if another node may have run the callback.
    pub(super) is_repeated: bool,
}

/// A change that is kept.
#[derive(Debug)]
struct Kept {
    event: Event,
    at: Duration,
    /// The node that runs the callback.
    runner: Arc<Origin>,
}

/// The recent changes.
#[derive(Debug)]
pub(super) struct Window {
    kept: VecDeque<Kept>,
    bytes: usize,
    /// The time for which changes are kept.
    keep: Duration,
    /// The time by which the views of two nodes may differ.
    overlap: Duration,
    /// The time for which last leaves are held back.
    delay: Duration,
    /// The last roll, and the time up to which it was applied.
    last: Option<(Roll, Duration)>,
    /// The number of changes that were forgotten too early.
    dropped: u64,
}

impl Window {
    pub(super) fn new(keep: Duration, overlap: Duration, delay: Duration) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            keep: keep + delay,
            overlap,
            delay,
            last: None,
            dropped: 0,
        }
    }

    /// Keeps the changes of a topic's keys. Returns the changes whose callbacks run here, with
    /// those that this node takes over.
    pub(super) fn note(
        &mut self,
        topic: &Arc<str>,
        changes: Vec<KeyChange>,
        (now, at): (Duration, SystemTime),
        roll: &Roll,
    ) -> Vec<Event> {
        let mut run = self.look(now, roll);
        let is_new = roll.is_new(now);
        for change in changes {
            let origin = &change.entry.tag.origin;
            let was_there = |roll: &Roll| {
                let seat = roll.seat(origin);
                seat.is_some_and(|seat| now < seat.returns_until)
            };
            if is_new && change.came && was_there(roll) {
                continue;
            }
            let runner = Arc::clone(roll.runner(topic, origin, now));
            let event = Event {
                topic: Arc::clone(topic),
                change,
                at,
                is_repeated: false,
            };
            if runner.name == roll.me.name {
                run.push(event.clone());
            }
            self.bytes += bytes(&event);
            let at = now;
            self.kept.push_back(Kept { event, at, runner });
        }
        while self.kept.len() > MAX_CHANGES || self.bytes > MAX_BYTES {
            self.forget_oldest();
            self.dropped += 1;
        }
        run
    }

    /// Returns the changes whose callbacks this node takes over by now.
    pub(super) fn look(&mut self, now: Duration, roll: &Roll) -> Vec<Event> {
        while self
            .kept
            .front()
            .is_some_and(|kept| kept.at + self.keep < now)
        {
            self.forget_oldest();
        }
        let mut run = Vec::new();
        if !self.is_news(now, roll) {
            return run;
        }
        self.last = Some((roll.clone(), now));
        for kept in &mut self.kept {
            let (event, at) = (&kept.event, kept.at + self.overlap);
            let runner = roll.runner(&event.topic, &event.change.entry.tag.origin, at);
            if runner.name == kept.runner.name {
                continue;
            }
            let before = std::mem::replace(&mut kept.runner, Arc::clone(runner));
            let is_up = roll.seat(&before).is_some();
            let is_down = !is_up && !roll.left.contains(&before);
            let held = if event.change.came {
                Duration::ZERO
            } else {
                self.delay
            };
            if runner.name == roll.me.name && (is_down || now <= at + held) {
                run.push(Event {
                    is_repeated: true,
                    ..event.clone()
                });
            }
        }
        run
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Returns the number of changes that were forgotten too early since the last call.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Returns whether a change may have another runner than when this was last asked.
    fn is_news(&self, now: Duration, roll: &Roll) -> bool {
        let Some((last, then)) = &self.last else {
            return true;
        };
        let begins = |from: Duration| *then < from && from <= now;
        last != roll || roll.up.iter().any(|seat| begins(seat.counts_from))
    }

    fn forget_oldest(&mut self) {
        if let Some(kept) = self.kept.pop_front() {
            self.bytes -= bytes(&kept.event);
        }
    }
}

/// Returns about the bytes that are kept for an event.
pub(super) fn bytes(event: &Event) -> usize {
    let entry = &event.change.entry;
    size_of::<Kept>() + entry.key.len() + entry.meta.as_str().len()
}

#[cfg(test)]
mod tests;
