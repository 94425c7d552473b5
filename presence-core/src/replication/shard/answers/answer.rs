//! One answer: what a node lacks of a replica at one clock, in parts that are made when they are
//! sent.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::PeerRequest;
use crate::replication::set::{Clock, Entry, Gone, Origin, Replica, ReplicaName, add_to_runs};
use crate::replication::shard::part::{Credit, Part, size};

/// The time after which an answer is given up that its asker has not mentioned.
const PATIENCE: Duration = Duration::from_secs(10);
/// The least size of a part that an asker is given, whatever it asks for.
const LEAST_PART_BYTES: usize = 1024;
/// The most bytes of an encoded tag or run.
const GONE_BYTES: usize = 20;

/// The changes of a replica from one clock to another, walked part by part: a turn visits what it
/// sends, however much there is.
///
/// The replica changes meanwhile. Entries that are added are above the answer's end. Entries that
/// are removed are kept here, so that each part is a part of the state at the answer's end.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) to: ReplicaName,
    pub(super) id: u64,
    origin: Arc<Origin>,
    from: Clock,
    end: Clock,
    part_bytes: usize,
    /// The removed tags, at the answer's end.
    gone: Gone,
    /// The tags that live are not known yet above this one: `gone` is made in turns.
    walked: Option<Clock>,
    /// The most entries that a turn walks.
    batch: usize,
    /// The entries that were removed since.
    gone_since: BTreeMap<Clock, Arc<Entry>>,
    /// The parts so far, as places in the replica.
    cuts: Vec<Cut>,
    /// Set if the last of them is the last part.
    is_whole: bool,
    /// The parts that are sent in order, so far.
    sent: u32,
    /// The parts that may be sent in order.
    credit: u32,
    /// Parts to be sent again.
    again: BTreeSet<u32>,
    /// The last time that the asker spoke of it. `None`: the asker takes no parts, only the whole.
    heard: Option<Duration>,
}

/// A part: some of what is gone, and the entries after a clock up to another.
#[derive(Clone, Debug)]
struct Cut {
    gone: Range<usize>,
    after: Clock,
    last: Clock,
}

impl Answer {
    /// Begins the answer to a request, with what the replica is now. `gone`: what is gone of the
    /// tags that the asker has, if it is known. If it is not, what lives of them is walked, at most
    /// `batch` entries in a turn.
    pub(super) fn new(
        request: &PeerRequest,
        replica: &Replica,
        gone: Option<Gone>,
        most_part_bytes: usize,
        batch: usize,
        now: Duration,
    ) -> Self {
        let PeerRequest { by, ask, credit } = request;
        let wanted = credit
            .as_ref()
            .map_or(usize::MAX, |credit| credit.part_bytes);
        let mut answer = Self {
            to: by.clone(),
            id: ask.id,
            origin: Arc::clone(replica.origin()),
            from: ask.from,
            // Not below: it says then that there is nothing more.
            end: replica.clock().max(ask.from),
            part_bytes: most_part_bytes.min(wanted.max(LEAST_PART_BYTES)),
            walked: gone.is_none().then_some(Clock::ZERO),
            gone: gone.unwrap_or(Gone::Except(Vec::new())),
            batch,
            gone_since: BTreeMap::new(),
            cuts: Vec::new(),
            is_whole: false,
            sent: 0,
            credit: 0,
            again: BTreeSet::new(),
            heard: None,
        };
        match credit {
            Some(credit) => {
                answer.cut(replica);
                answer.take(credit, now);
            }
            None => {
                // An asker of version 1 is told the number of parts with the first.
                answer.batch = usize::MAX;
                while !answer.is_whole {
                    answer.cut(replica);
                }
                answer.credit = u32::MAX;
            }
        }
        answer
    }

    pub(super) fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Returns whether the first part is all.
    pub(super) fn is_single(&self) -> bool {
        self.is_whole && self.cuts.len() == 1
    }

    /// Takes further credit.
    pub(super) fn take(&mut self, credit: &Credit, now: Duration) {
        self.heard = Some(now);
        self.credit = self.credit.max(credit.upto);
        let sent = self.sent;
        let again = credit.again.iter().copied().filter(|index| *index < sent);
        self.again.extend(again);
    }

    /// Returns whether its asker gives credit. An asker of version 1 takes all at once.
    pub(super) fn has_credit(&self) -> bool {
        self.heard.is_some()
    }

    pub(super) fn is_sendable(&self) -> bool {
        let has_more = !self.is_whole || (self.sent as usize) < self.cuts.len();
        !self.again.is_empty() || (has_more && self.sent < self.credit)
    }

    /// Returns whether nothing more can be wanted of it.
    pub(super) fn is_done(&self) -> bool {
        !self.has_credit() && !self.is_sendable()
    }

    pub(super) fn expires(&self) -> Option<Duration> {
        Some(self.heard? + PATIENCE)
    }

    /// An entry has gone from the replica.
    pub(super) fn gone(&mut self, entry: &Arc<Entry>) {
        let clock = entry.tag.clock;
        let done = self.walked.unwrap_or(self.from);
        if clock > done && clock <= self.end && entry.tag.origin == self.origin {
            self.gone_since.insert(clock, Arc::clone(entry));
        }
    }

    /// Makes the next part, of a replica that is the same as at the beginning, or has gone on.
    /// `None`: it is not made yet.
    pub(super) fn next(&mut self, replica: &Replica) -> Option<Part> {
        if let Some(index) = self.again.pop_first() {
            return self.part(index, replica);
        }
        if self.sent as usize == self.cuts.len() && !self.is_whole {
            self.cut(replica);
        }
        let part = self.part(self.sent, replica)?;
        self.sent += 1;
        Some(part)
    }

    /// Walks what lives of the tags that the asker has, for one turn. Returns whether all is known.
    fn walk(&mut self, replica: &Replica) -> bool {
        let Some(walked) = self.walked else {
            return true;
        };
        let Gone::Except(mut runs) = std::mem::replace(&mut self.gone, Gone::nothing()) else {
            return true;
        };
        let mut left = self.batch;
        let mut last = walked;
        for entry in self.entries(replica, walked, self.from).take(self.batch) {
            last = entry.tag.clock;
            add_to_runs(&mut runs, last);
            left -= 1;
        }
        self.gone = Gone::Except(runs);
        self.walked = (left == 0).then_some(last);
        left > 0
    }

    /// Finds out where the next part ends, unless that takes further turns.
    fn cut(&mut self, replica: &Replica) {
        if !self.walk(replica) {
            return;
        }
        let last = self.cuts.last();
        let (start, after) = last.map_or((0, self.from), |cut| (cut.gone.end, cut.last));
        let all = match &self.gone {
            Gone::Tags(tags) => tags.len(),
            Gone::Except(runs) => runs.len(),
        };
        let most = (self.part_bytes / GONE_BYTES).max(1);
        let mut cut = Cut {
            gone: start..all.min(start + most),
            after,
            last: after,
        };
        if cut.gone.end == all {
            let mut room = self.part_bytes.saturating_sub(cut.gone.len() * GONE_BYTES);
            let mut is_empty = cut.gone.is_empty();
            let mut is_whole = true;
            for entry in self.entries(replica, after, self.end) {
                let size = size(entry);
                if size > room && !is_empty {
                    is_whole = false;
                    break;
                }
                is_empty = false;
                cut.last = entry.tag.clock;
                room = room.saturating_sub(size);
            }
            self.is_whole = is_whole;
        }
        self.cuts.push(cut);
    }

    fn part(&self, index: u32, replica: &Replica) -> Option<Part> {
        let Cut { gone, after, last } = self.cuts.get(index as usize)?.clone();
        let gone = match &self.gone {
            Gone::Tags(tags) => Gone::Tags(tags[gone].to_vec()),
            Gone::Except(runs) => Gone::Except(runs[gone].to_vec()),
        };
        let count = self.cuts.len() as u32;
        let says_count = !self.has_credit() || (self.is_whole && index + 1 == count);
        Some(Part {
            origin: Arc::clone(&self.origin),
            from: self.from,
            to: self.end,
            id: self.id,
            index,
            of: if says_count { count } else { 0 },
            adds: self.entries(replica, after, last).cloned().collect(),
            gone,
        })
    }

    /// Returns the entries after a clock up to another, as of the answer's end. Visits only these.
    fn entries<'a>(
        &'a self,
        replica: &'a Replica,
        after: Clock,
        last: Clock,
    ) -> impl Iterator<Item = &'a Arc<Entry>> {
        let held = replica.since(after);
        let gone = self
            .gone_since
            .range(after.next()..)
            .map(|(_, entry)| entry);
        InOrder {
            one: held.peekable(),
            other: gone.peekable(),
        }
        .take_while(move |entry| entry.tag.clock <= last)
    }
}

/// The entries of two iterators, by clock.
struct InOrder<A: Iterator, B: Iterator> {
    one: Peekable<A>,
    other: Peekable<B>,
}

impl<'a, A, B> Iterator for InOrder<A, B>
where
    A: Iterator<Item = &'a Arc<Entry>>,
    B: Iterator<Item = &'a Arc<Entry>>,
{
    type Item = &'a Arc<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let clock = |entry: &&Arc<Entry>| entry.tag.clock;
        match (self.one.peek().map(clock), self.other.peek().map(clock)) {
            (Some(one), Some(other)) if other < one => self.other.next(),
            (None, _) => self.other.next(),
            _ => self.one.next(),
        }
    }
}

#[cfg(test)]
mod tests;
