//! One answer that this node waits for, and the parts of it that have come.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::{MAX_AGAIN, OVERTAKEN_BY, PartArrival, PullAction};
use crate::replication::set::{Origin, ReplicaName};
use crate::replication::shard::{Ask, Credit};

/// An answer that this node waits for.
#[derive(Clone, Debug)]
pub(super) struct Pull {
    /// Which shard.
    pub(super) place: usize,
    pub(super) ask: Ask,
    /// The node that answers.
    pub(super) whom: ReplicaName,
    /// `false`: the node is of a version that sends all at once.
    pub(super) takes_credit: bool,
    /// The bytes that each part counts in the window.
    pub(super) part_bytes: usize,
    /// The clock that the answer leads to, once a part has come.
    pub(super) end: Option<u64>,
    /// The number of parts, once one has told it.
    pub(super) of: Option<u32>,
    /// The number of parts to expect, while no part has told it.
    pub(super) about: Option<u32>,
    /// The parts with lower numbers have been granted.
    pub(super) granted: u32,
    /// When they were: the parts below the number, at the time.
    pub(super) grants: VecDeque<(u32, Duration)>,
    /// The granted parts that have not come.
    pub(super) missing: BTreeSet<u32>,
    /// The parts that were asked for again: their delays say nothing.
    pub(super) repeated: BTreeSet<u32>,
    /// When the silence becomes too long.
    pub(super) patience_ends: Duration,
    pub(super) silences: u32,
}

impl Pull {
    /// Returns whether it is the answer to this request. The number alone does not tell: a machine
    /// that was set back to a snapshot draws the same numbers again, for other requests.
    pub(super) fn is_about(&self, place: usize, origin: &Origin, id: u64) -> bool {
        self.ask.id == id && self.place == place && *self.ask.origin == *origin
    }

    pub(super) fn grant(&mut self, more: u32, now: Duration) {
        let upto = self.granted + more;
        self.missing.extend(self.granted..upto);
        self.granted = upto;
        self.grants.push_back((upto, now));
    }

    /// Returns the number of parts that the answer may have, by how far this one leads. The window
    /// would stand unused if more were granted than there are.
    pub(super) fn expects(&self, part: &PartArrival) -> Option<u32> {
        let from = self.ask.from.get();
        let reached = part.reached?.checked_sub(from).filter(|way| *way > 0)?;
        let way = part.to.saturating_sub(from);
        let parts = (u128::from(part.index) + 1) * u128::from(way);
        let parts = parts.div_ceil(u128::from(reached));
        Some(u32::try_from(parts).unwrap_or(u32::MAX))
    }

    /// Returns the number of parts that may still be granted.
    pub(super) fn left(&self) -> u32 {
        let of = match (self.of, self.about) {
            (Some(of), _) => of,
            // The last expected part may not be the last one.
            (None, Some(about)) => about.max(self.granted - self.missing.len() as u32 + 2),
            (None, None) => u32::MAX,
        };
        of.saturating_sub(self.granted)
    }

    pub(super) fn pull(&self, again: Vec<u32>) -> PullAction {
        PullAction::Pull {
            to: self.whom.clone(),
            place: self.place,
            ask: self.ask.clone(),
            credit: Credit {
                part_bytes: self.part_bytes,
                upto: self.granted,
                again,
            },
        }
    }

    /// Returns the time from a part's grant to its arrival. The first part waits for the answer to
    /// be made, which takes no time if it is the only one. A repeated part may be the first or the
    /// second that was sent.
    pub(super) fn delay_of(&mut self, part: &PartArrival, now: Duration) -> Option<Duration> {
        let index = part.index;
        let oldest = self.missing.first().copied().unwrap_or(self.granted);
        let grant = self.grants.iter().find(|(upto, _)| *upto > index);
        let delay = grant.map(|(_, at)| now.saturating_sub(*at));
        while self.grants.front().is_some_and(|(upto, _)| *upto <= oldest) {
            self.grants.pop_front();
        }
        let is_first = index == 0 && part.of != 1;
        let says_nothing = self.repeated.remove(&index) || is_first;
        delay.filter(|_| !says_nothing)
    }

    /// Returns the parts that are lost, if this one has come: they are to be asked for again.
    pub(super) fn overtaken_by(&mut self, index: u32) -> Vec<u32> {
        let missing = self.missing.range(..index.saturating_sub(OVERTAKEN_BY - 1));
        let lost = missing.filter(|missing| !self.repeated.contains(missing));
        let lost: Vec<_> = lost.copied().take(MAX_AGAIN).collect();
        self.repeated.extend(&lost);
        lost
    }

    /// Returns whether all that was granted has come, and more waits for room in the window.
    pub(super) fn waits_for_room(&self) -> bool {
        self.takes_credit && self.end.is_some() && self.missing.is_empty()
    }

    pub(super) fn is_whole(&self) -> bool {
        let is_granted = self.of.is_some_and(|of| self.granted >= of);
        self.takes_credit && is_granted && self.missing.is_empty()
    }
}
