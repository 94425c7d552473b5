//! The state that a phoenix.js client makes of lists and diffs: the rules of its `Presence`, on
//! references alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::replication::set::{Entry, PhxRef};

/// Key to the references of its metas, in phoenix.js's order.
pub(crate) type ClientState = BTreeMap<Arc<str>, Vec<PhxRef>>;

/// The state that a list gives a client that had none.
pub(crate) fn state(entries: &[Arc<Entry>]) -> ClientState {
    let mut state = ClientState::new();
    for entry in entries {
        let refs = state.entry(Arc::clone(&entry.key)).or_default();
        refs.push(entry.meta.reference());
    }
    state
}

/// A state without its order: a diff may bring metas in another order than a list.
pub(crate) fn sets(state: &ClientState) -> BTreeMap<Arc<str>, BTreeSet<PhxRef>> {
    let sets = state.iter();
    sets.map(|(key, refs)| (Arc::clone(key), refs.iter().copied().collect()))
        .collect()
}

/// One `presence_diff` message.
#[derive(Clone, Debug)]
pub(crate) struct PresenceDiff {
    /// The metas that join.
    pub(crate) joins: ClientState,
    /// The metas that leave.
    pub(crate) leaves: ClientState,
}

impl PresenceDiff {
    /// The message that tells of these entries.
    pub(crate) fn new(joins: &[Arc<Entry>], leaves: &[Arc<Entry>]) -> Self {
        Self {
            joins: state(joins),
            leaves: state(leaves),
        }
    }
}

/// `Presence.syncDiff`: joins first, by reference, then leaves.
pub(crate) fn sync_diff(state: &mut ClientState, frame: &PresenceDiff) {
    for (key, joined) in &frame.joins {
        let refs = state.entry(Arc::clone(key)).or_default();
        refs.retain(|held| !joined.contains(held));
        refs.extend(joined.iter().copied());
    }
    for (key, left) in &frame.leaves {
        let Some(refs) = state.get_mut(key) else {
            continue;
        };
        refs.retain(|held| !left.contains(held));
        if refs.is_empty() {
            state.remove(key);
        }
    }
}

/// `Presence.syncState`: the difference to a new state, applied as a diff.
pub(crate) fn sync_state(state: &mut ClientState, new: &ClientState) {
    let missing = |from: &ClientState, of: &ClientState| -> ClientState {
        let keys = of.iter().map(|(key, refs)| {
            let known = from.get(key);
            let refs = refs.iter().copied();
            let refs = refs.filter(|held| !known.is_some_and(|known| known.contains(held)));
            (Arc::clone(key), refs.collect::<Vec<_>>())
        });
        keys.filter(|(_, refs)| !refs.is_empty()).collect()
    };
    let frame = PresenceDiff {
        joins: missing(state, new),
        leaves: missing(new, state),
    };
    sync_diff(state, &frame);
}

/// An error in the order of a topic's diffs, which every subscriber sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unordered {
    /// A meta joins that has joined and not left.
    #[error("{0} joins twice")]
    JoinsTwice(PhxRef),
    /// A meta leaves that has not joined.
    #[error("{0} leaves without a join")]
    LeavesUnjoined(PhxRef),
}

/// The metas that have joined and not left, by the diffs of one topic.
///
/// By key, as phoenix.js has them: a reference says something under its key only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alternation(BTreeSet<(Arc<str>, PhxRef)>);

impl Alternation {
    /// Takes the topic's next diff.
    ///
    /// # Errors
    ///
    /// If a meta joins twice without a leave between, or leaves unjoined. Of the frame, all before
    /// that meta is taken.
    pub(crate) fn check(&mut self, frame: &PresenceDiff) -> Result<(), Unordered> {
        for (key, phx_ref) in metas(&frame.joins) {
            if !self.0.insert((Arc::clone(key), phx_ref)) {
                return Err(Unordered::JoinsTwice(phx_ref));
            }
        }
        for (key, phx_ref) in metas(&frame.leaves) {
            if !self.0.remove(&(Arc::clone(key), phx_ref)) {
                return Err(Unordered::LeavesUnjoined(phx_ref));
            }
        }
        Ok(())
    }

    /// Returns whether exactly the metas of `state` have joined and not left.
    pub(crate) fn agrees(&self, state: &ClientState) -> bool {
        let count: usize = state.values().map(Vec::len).sum();
        let mut all = metas(state);
        count == self.0.len()
            && all.all(|(key, phx_ref)| self.0.contains(&(Arc::clone(key), phx_ref)))
    }
}

fn metas(state: &ClientState) -> impl Iterator<Item = (&Arc<str>, PhxRef)> {
    let metas = state.iter();
    metas.flat_map(|(key, refs)| refs.iter().map(move |phx_ref| (key, *phx_ref)))
}
