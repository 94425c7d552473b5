//! The state of one replica, on its own node and on others, and the one way in which it changes.

pub(super) mod entries;

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use entries::Entries;

use super::delta::{Inside, runs};
use super::visits::visit;
use super::{Changes, Clock, Debt, Delta, Entry, Gone, Origin};

/// The entries of one replica in one incarnation, at a clock.
///
/// On its own node, a [`Writer`](super::Writer) changes the entries. On all other nodes, only
/// [`apply`](Self::apply) does, which moves entries and clock together.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    /// The replica's identity. Its entries' tags share it.
    origin: Arc<Origin>,
    /// The changes that are made or known.
    clock: Clock,
    /// The entries by clock, so that the adds since a clock are a range.
    entries: Entries,
    /// A hash of all entries. See [`Replica::check`].
    check: u64,
}

/// The result of applying a delta.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// The new entries, by clock.
    pub(crate) added: Vec<Arc<Entry>>,
    /// The removed entries.
    pub(crate) removed: Vec<Arc<Entry>>,
    /// The number of held entries that were visited: only those that the delta changes.
    pub(crate) visited: usize,
    /// Set if a part of the delta's range was known already.
    pub(crate) overlapped: bool,
}

/// A delta did not change a replica. The replica is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotApplied {
    /// All changes of the delta are known already.
    #[error("the delta ends at a clock that is known")]
    Known,
    /// Changes before the delta are missing.
    #[error("the delta begins after changes that are missing")]
    Gap,
    /// The delta is of another replica, or of another incarnation.
    #[error("the delta is of another origin")]
    OtherOrigin,
}

impl Replica {
    /// Creates a replica without known changes.
    pub(crate) fn new(origin: Arc<Origin>) -> Self {
        Self {
            origin,
            clock: Clock::ZERO,
            entries: Entries::default(),
            check: 0,
        }
    }

    /// Creates a replica of entries at a clock, with the hash of the entries.
    pub(super) fn of(origin: Arc<Origin>, clock: Clock, entries: Entries, check: u64) -> Self {
        Self {
            origin,
            clock,
            entries,
            check,
        }
    }

    /// Returns the identity of the replica.
    pub(crate) fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Returns the clock of the last change.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Returns a hash of all entries' tags and references. Two nodes that hold the same entries of
    /// a replica have the same hash, and other nodes almost certainly another.
    pub(crate) fn check(&self) -> u64 {
        self.check
    }

    /// Returns the number of live entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the entry that the change at `clock` added, if it still lives.
    pub(crate) fn get(&self, clock: Clock) -> Option<&Arc<Entry>> {
        visit(1);
        self.entries.get(clock)
    }

    /// Returns the live entries that were added after `clock`, oldest first. Visits only these.
    pub(crate) fn since(&self, clock: Clock) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        self.entries.after(clock).inspect(|_| visit(1))
    }

    /// Returns the live entries that were added up to `clock`, oldest first. Visits only these.
    pub(crate) fn up_to(&self, clock: Clock) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        self.entries.up_to(clock).inspect(|_| visit(1))
    }

    /// Returns the live entries that were added after a clock and up to another, oldest first.
    /// Visits only these.
    pub(crate) fn between(&self, after: Clock, upto: Clock) -> impl Iterator<Item = &Arc<Entry>> {
        let entries = self.entries.after(after).inspect(|_| visit(1));
        entries.take_while(move |entry| entry.tag.clock <= upto)
    }

    /// Returns the changes after `from`, for a node that holds this replica at `from`.
    ///
    /// There is no log of removals, so the delta names the live ones of the older tags, as runs.
    /// Its length grows with the gaps between them.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn delta(&self, from: Clock) -> Delta {
        self.delta_with(from, self.gone(from))
    }

    /// Returns what is gone of the tags up to `from`.
    pub(super) fn gone(&self, from: Clock) -> Gone {
        if from == Clock::ZERO {
            return Gone::nothing();
        }
        Gone::Except(runs(self.up_to(from).map(|entry| entry.tag.clock)))
    }

    pub(super) fn delta_with(&self, from: Clock, gone: Gone) -> Delta {
        Delta {
            origin: Arc::clone(&self.origin),
            from,
            to: self.clock,
            adds: self.since(from).cloned().collect(),
            gone,
        }
    }

    /// Applies a delta, in one step. The delta must have been [checked](Delta::check).
    ///
    /// # Errors
    ///
    /// See [`NotApplied`]. Nothing has changed then.
    pub(crate) fn apply(&mut self, delta: &Delta) -> Result<Applied, NotApplied> {
        self.takes(&delta.origin, delta.from, delta.to)?;
        let mut applied = Applied {
            overlapped: delta.from < self.clock,
            ..Applied::default()
        };
        let mut gone = self.gone_of(&delta.gone, delta.from, &mut applied.visited);
        // Of the held tags in (from, clock], the delta lists those that live at its end.
        let known = delta
            .adds
            .partition_point(|add| add.tag.clock <= self.clock);
        let (known, new) = delta.adds.split_at(known);
        let mut known = known.iter().map(|add| add.tag.clock).peekable();
        for tag in self.since(delta.from).map(|entry| entry.tag.clock) {
            applied.visited += 1;
            while known.next_if(|known| *known < tag).is_some() {}
            if known.next_if_eq(&tag).is_none() {
                gone.push(tag);
            }
        }
        for tag in gone {
            applied.removed.extend(self.take(tag));
        }
        for entry in new {
            self.put(Arc::clone(entry));
        }
        applied.visited += new.len();
        applied.added.extend(new.iter().cloned());
        self.clock = delta.to;
        Ok(applied)
    }

    /// Goes on to the end of changes that are too many for one step. It moves whole chunks of
    /// entries. All that is gone by then is still held, and is the [`Debt`].
    ///
    /// # Errors
    ///
    /// See [`NotApplied`]. Nothing has changed then.
    pub(crate) fn go_on(&mut self, changes: Changes) -> Result<Debt, NotApplied> {
        self.takes(changes.origin(), changes.from(), changes.to())?;
        let (from, before) = (changes.from(), self.clock);
        self.clock = changes.to();
        let mut new = changes.adds;
        // Of the known entries, those that are told again live, and no others.
        let known = new.split_off_up_to(before);
        let known_check = known.after(Clock::ZERO).inspect(|_| visit(1));
        let known_check = known_check.fold(0, |check, entry| check ^ check_of(entry));
        self.check ^= changes.check ^ known_check;
        visit(self.entries.append(new));
        let known = runs(known.after(Clock::ZERO).map(|entry| entry.tag.clock));
        Ok(match changes.gone {
            Gone::Tags(tags) => Debt::new(tags, from, before, known),
            Gone::Except(mut living) => {
                living.extend(known);
                Debt::new(Vec::new(), Clock::ZERO, before, living)
            }
        })
    }

    /// Returns whether changes are few enough for one step that visits about `most` entries.
    pub(crate) fn is_small(&self, changes: &Changes, most: usize) -> bool {
        let gone = match &changes.gone {
            Gone::Tags(tags) => tags.len(),
            Gone::Except(_) => self.entries.len(),
        };
        changes.adds.len() + gone <= most && self.since(changes.from()).take(most).count() < most
    }

    fn takes(&self, origin: &Arc<Origin>, from: Clock, to: Clock) -> Result<(), NotApplied> {
        if *origin != self.origin {
            return Err(NotApplied::OtherOrigin);
        }
        if to <= self.clock {
            return Err(NotApplied::Known);
        }
        if from > self.clock {
            return Err(NotApplied::Gap);
        }
        Ok(())
    }

    fn gone_of(&self, gone: &Gone, from: Clock, visited: &mut usize) -> Vec<Clock> {
        match gone {
            Gone::Tags(tags) => {
                *visited += tags.len();
                tags.clone()
            }
            Gone::Except(runs) => {
                let mut living = Inside::new(runs);
                let held = self.up_to(from).map(|entry| entry.tag.clock);
                held.inspect(|_| *visited += 1)
                    .filter(|tag| !living.has(*tag))
                    .collect()
            }
        }
    }

    pub(super) fn put(&mut self, entry: Arc<Entry>) {
        visit(1);
        self.check ^= check_of(&entry);
        self.entries.insert(entry);
    }

    pub(super) fn take(&mut self, clock: Clock) -> Option<Arc<Entry>> {
        visit(1);
        let entry = self.entries.remove(clock)?;
        self.check ^= check_of(&entry);
        Some(entry)
    }

    /// Removes and returns the youngest entry, of a replica that is given up.
    pub(crate) fn pop_last(&mut self) -> Option<Arc<Entry>> {
        let clock = self.entries.last()?.tag.clock;
        self.take(clock)
    }

    pub(super) fn step(&mut self) -> Clock {
        self.clock = self.clock.next();
        self.clock
    }
}

pub(super) fn check_of(entry: &Entry) -> u64 {
    xxh3_64_with_seed(entry.meta.phx_ref().as_bytes(), entry.tag.clock.get())
}
