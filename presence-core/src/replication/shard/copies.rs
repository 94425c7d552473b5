//! The replicas of other nodes: which are held, which are shown, and what is under way.

mod catch_up;
mod copy;
mod exchange;
pub(super) mod staging;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::effect::Effect;
use super::index::Index;
use crate::replication::set::{Clock, Entry, Origin, Replica, ReplicaName};
use copy::ReplicaCopy;
pub(super) use copy::row;
pub(super) use turn::Turn;

/// The replicas of other nodes, as far as this shard holds them.
#[derive(Clone, Debug)]
pub(super) struct Copies {
    known: BTreeMap<ReplicaName, Known>,
    /// Those that left in order, shown until their grace ends.
    in_grace: Vec<(Duration, ReplicaCopy)>,
    /// Those to be taken away.
    leaving: VecDeque<ReplicaCopy>,
    /// Hidden ones, the longest hidden first.
    hidden: VecDeque<ReplicaName>,
    /// The replicas with parts of an answer that wait to be put together, and whether the replica
    /// itself sent them.
    unfinished: VecDeque<(Arc<Origin>, bool)>,
    /// Set if marks have to move.
    busy: bool,
    /// The earliest moment at which a request may be due.
    next_ask: Option<Duration>,
    /// All rows of what is shown, together.
    rows: u64,
    limits: Limits,
    /// The news for answers that are under way.
    pub(super) news: News,
    /// Spreads requests. Its seed was handed in.
    random: fastrand::Rng,
}

/// The bounds of what a shard does and keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Entries shown or hidden a turn.
    pub(super) batch: usize,
    /// Entries kept of replicas that are down.
    pub(super) hidden: usize,
}

/// The changes of the copies that other nodes are served from.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    /// Set if answers from copies are under way.
    pub(super) are_wanted: bool,
    /// The entries that have gone.
    pub(super) gone: Vec<Arc<Entry>>,
    /// The copies that were replaced by others of the same replica.
    pub(super) replaced: Vec<Arc<Origin>>,
}

impl News {
    fn lost(&mut self, entries: &mut Vec<Arc<Entry>>) {
        if self.are_wanted {
            self.gone.append(entries);
        }
    }
}

/// The copies of one name.
#[derive(Clone, Debug)]
struct Known {
    /// The incarnation that is shown, or would be.
    current: ReplicaCopy,
    /// A later state that takes its place when it is complete.
    next: Option<ReplicaCopy>,
    /// Set if the node is up.
    up: bool,
    /// Set if the current copy is shown.
    visible: bool,
    /// The part that it adds to the rows.
    row: u64,
}

impl super::Shard {
    /// The nodes that are up and of which this one knows that it lacks changes.
    pub(crate) fn behind(&self) -> impl Iterator<Item = &ReplicaName> {
        let lacks = |copy: &ReplicaCopy| copy.catch_up.is_behind();
        let known = self.copies.known.iter().filter(move |(_, known)| {
            known.up && (lacks(&known.current) || known.next.as_ref().is_some_and(lacks))
        });
        known.map(|(name, _)| name)
    }
}

impl Copies {
    pub(super) fn new(limits: Limits, seed: u64) -> Self {
        Self {
            known: BTreeMap::new(),
            in_grace: Vec::new(),
            leaving: VecDeque::new(),
            hidden: VecDeque::new(),
            unfinished: VecDeque::new(),
            busy: false,
            next_ask: None,
            rows: 0,
            limits,
            news: News::default(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// A number for all that is shown of others. Nodes that show the same have the same.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns whether marks have to move, in a turn that should come at once.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Returns whether the replicas of all nodes that are up are complete and shown.
    pub(super) fn are_caught_up(&self) -> bool {
        let mut up = self.known.values().filter(|known| known.up);
        !self.busy
            && up.all(|known| {
                known.visible && known.next.is_none() && !known.current.catch_up.is_behind()
            })
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        if self.busy || !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let grace = self.in_grace.iter().map(|(until, _)| *until).min();
        grace.into_iter().chain(self.next_ask).min()
    }

    /// Returns the copy of a replica that is up, to serve other nodes from it. Only an answer that
    /// began before may be made of one that [owes](Self::owes).
    pub(super) fn served(&self, origin: &Origin) -> Option<&Replica> {
        let known = self.known.get(&origin.name).filter(|known| known.visible)?;
        Some(&known.current.replica).filter(|replica| **replica.origin() == *origin)
    }

    /// Returns the copy of a replica that is up, to compare it with what others hold.
    pub(super) fn compared(&self, origin: &Origin) -> Option<&Replica> {
        let served = self.served(origin);
        served.filter(|_| !self.owes(&origin.name))
    }

    /// Returns whether the copy of a name holds what is gone by its clock.
    pub(super) fn owes(&self, name: &ReplicaName) -> bool {
        let known = self.known.get(name);
        known.is_some_and(|known| known.current.owes())
    }

    /// All that is held as its replica was: the replica, and whether it is shown.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Replica, bool)> {
        let known = self.known.values().flat_map(|known| {
            let current = (&known.current, known.current.shown > Clock::ZERO);
            let next = known.next.iter().map(|next| (next, false));
            std::iter::once(current).chain(next)
        });
        let in_grace = self.in_grace.iter().map(|(_, copy)| (copy, true));
        let all = known.chain(in_grace).filter(|(copy, _)| !copy.owes());
        all.map(|(copy, shown)| (&copy.replica, shown))
    }

    /// The rows to compare with another node: those of replicas that are up and shown, as they
    /// were.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Replica> {
        let visible = self.known.values().filter(|known| known.visible);
        let settled = visible.filter(|known| !known.current.owes());
        settled.map(|known| &known.current.replica)
    }

    /// The replica spoke for itself: it is to be shown, once it is complete.
    pub(super) fn up(&mut self, origin: &Arc<Origin>) {
        let known = self.known.entry(origin.name.clone());
        let known = known.or_insert_with(|| Known {
            current: ReplicaCopy::new(Arc::clone(origin)),
            next: None,
            up: true,
            visible: false,
            row: 0,
        });
        known.up = true;
        // A replica that is about to be completed no longer counts as hidden.
        self.hidden.retain(|held| *held != origin.name);
        if known.current.is_of(origin) {
            if !known.visible {
                known.current.target = None;
            }
        } else if known.visible {
            if !known.next.as_ref().is_some_and(|next| next.is_of(origin)) {
                // Shown as it is until the later one is complete. Nobody has more of it.
                known.current.catch_up.complete();
                known.next = Some(ReplicaCopy::new(Arc::clone(origin)));
            }
        } else {
            let old = std::mem::replace(&mut known.current, ReplicaCopy::new(Arc::clone(origin)));
            self.dissolve(old);
        }
    }

    /// The replica is to be hidden, and kept.
    pub(super) fn down(&mut self, name: &ReplicaName) {
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        known.up = false;
        known.current.catch_up.complete();
        let newer = known.next.take();
        if known.visible {
            known.visible = false;
            self.busy = true;
        }
        // Complete or not: it is kept, so it counts.
        self.hidden.retain(|held| held != name);
        self.hidden.push_back(name.clone());
        if let Some(mut newer) = newer {
            newer.catch_up.complete();
            let old = std::mem::replace(&mut known.current, newer);
            self.dissolve(old);
        }
        self.refresh(name);
        self.bound_hidden();
    }

    /// The replica is to be forgotten.
    pub(super) fn forget(&mut self, name: &ReplicaName) {
        let Some(known) = self.known.remove(name) else {
            return;
        };
        self.rows ^= known.row;
        self.hidden.retain(|held| held != name);
        self.dissolve(known.current);
        if let Some(next) = known.next {
            self.dissolve(next);
        }
    }

    /// The replica left in order: what is shown of it stays until then, or until its keys are
    /// tracked anew.
    pub(super) fn leave(&mut self, origin: &Origin, until: Duration, turn: &mut Turn<'_>) {
        let Some(known) = self.known.remove(&origin.name) else {
            return;
        };
        self.rows ^= known.row;
        self.hidden.retain(|held| *held != origin.name);
        if let Some(next) = known.next {
            self.dissolve(next);
        }
        // An earlier incarnation that is still shown has no grace: the later one had its chance to
        // track anew.
        if !known.visible || until <= turn.now || !known.current.is_of(origin) {
            self.dissolve(known.current);
            return;
        }
        let mut current = known.current;
        current.catch_up.complete();
        turn.index.begin_grace(current.replica.origin());
        self.in_grace.push((until, current));
    }

    /// Moves marks by one bounded turn.
    pub(super) fn work(&mut self, index: &mut Index) {
        if self.busy {
            index.in_turns(|index| self.turn(index));
        }
    }

    fn turn(&mut self, index: &mut Index) {
        // First what comes, then what goes: whoever is in both is never missing in between.
        let mut budget = self.limits.batch;
        for known in self.known.values_mut().filter(|known| known.visible) {
            if budget > 0 && !known.current.is_shown() {
                budget = known.current.show_more(budget, index);
            }
        }
        let (mut lost, mut paid) = (Vec::new(), Vec::new());
        let known = self.known.values_mut();
        let known =
            known.flat_map(|known| std::iter::once(&mut known.current).chain(&mut known.next));
        let in_grace = self.in_grace.iter_mut().map(|(_, copy)| copy);
        for copy in known.chain(in_grace).filter(|copy| copy.owes()) {
            budget = copy.pay(budget, index, &mut lost);
            if !copy.owes() {
                paid.push(copy.replica.origin().name.clone());
            }
        }
        self.news.lost(&mut lost);
        while budget > 0
            && let Some(copy) = self.leaving.front_mut()
        {
            // All visible entries are shown by now. A copy that is not visible has nothing in the
            // index to take out.
            let origin = Arc::clone(copy.replica.origin());
            let known = self.known.get(&origin.name).map(|known| &known.current);
            let in_grace = self.in_grace.iter().map(|(_, copy)| copy);
            let others = known.into_iter().chain(in_grace);
            let others = others.filter(|other| other.is_of(&origin));
            budget = copy.dissolve(budget, others, index);
            if budget > 0 {
                self.leaving.pop_front();
            }
        }
        for known in self.known.values_mut().filter(|known| !known.visible) {
            if budget > 0 && known.current.shown > Clock::ZERO {
                budget = known.current.hide_more(budget, index);
            }
        }
        self.busy = budget == 0;
        for name in paid {
            self.advance(&name, index);
        }
    }

    /// Ends graces, and asks for what is missing.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>, effects: &mut Vec<Effect>) {
        let over = self
            .in_grace
            .extract_if(.., |(until, _)| *until <= turn.now);
        for (_, copy) in over.collect::<Vec<_>>() {
            turn.index.end_grace(copy.replica.origin());
            turn.counts.graces_expired += 1;
            self.dissolve(copy);
        }
        self.put_together(turn);
        self.ask(turn, effects);
    }

    /// Shows a replica, or a later state of it, that has become complete.
    fn advance(&mut self, name: &ReplicaName, index: &mut Index) {
        let Some(known) = self.known.get_mut(name).filter(|known| known.up) else {
            return;
        };
        let mut old = None;
        if let Some(next) = known.next.take_if(|next| next.is_caught_up()) {
            if self.news.are_wanted {
                let origin = known.current.replica.origin();
                self.news.replaced.push(Arc::clone(origin));
            }
            old = Some(std::mem::replace(&mut known.current, next));
            self.busy = true;
        } else if !known.visible && known.current.is_caught_up() {
            known.visible = true;
            self.busy = true;
            self.hidden.retain(|held| held != name);
            // A machine that left and was set back to before it did is no longer in its grace.
            let origin = Arc::clone(known.current.replica.origin());
            let back = self
                .in_grace
                .extract_if(.., |(_, copy)| copy.is_of(&origin));
            for (_, copy) in back.collect::<Vec<_>>() {
                index.end_grace(&origin);
                self.dissolve(copy);
            }
        }
        if let Some(old) = old {
            self.dissolve(old);
        }
        self.refresh(name);
    }

    fn dissolve(&mut self, mut copy: ReplicaCopy) {
        copy.catch_up.complete();
        self.leaving.push_back(copy);
        self.busy = true;
    }

    fn refresh(&mut self, name: &ReplicaName) {
        if let Some(known) = self.known.get_mut(name) {
            self.rows ^= known.row;
            known.row = if known.visible && !known.current.owes() {
                row(&known.current.replica)
            } else {
                0
            };
            self.rows ^= known.row;
        }
    }

    /// Bounds the entries of down replicas: drops those of the replicas that are down longest.
    fn bound_hidden(&mut self) {
        let held = |known: &Known| known.current.replica.len();
        let mut entries: usize = self
            .hidden
            .iter()
            .filter_map(|name| self.known.get(name))
            .map(held)
            .sum();
        while entries > self.limits.hidden
            && let Some(name) = self.hidden.pop_front()
        {
            let Some(known) = self.known.get_mut(&name) else {
                continue;
            };
            let empty = ReplicaCopy::new(Arc::clone(known.current.replica.origin()));
            let old = std::mem::replace(&mut known.current, empty);
            entries -= old.replica.len();
            self.dissolve(old);
        }
    }
}
