//! What a client of phoenix.js makes of lists and diffs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::crdt::Entry;

/// Key to `phx_ref`s, in phoenix.js's order.
pub(super) type State = BTreeMap<String, Vec<String>>;

pub(super) fn state(entries: &[Arc<Entry>]) -> State {
    let mut state = State::new();
    for entry in entries {
        let refs = state.entry(entry.key.to_string()).or_default();
        refs.push(entry.meta.phx_ref().to_owned());
    }
    state
}

/// As sets: a diff may bring metas in another order than a list.
pub(super) fn sets(state: &State) -> BTreeMap<String, BTreeSet<String>> {
    let sets = state.iter();
    sets.map(|(key, refs)| (key.clone(), refs.iter().cloned().collect()))
        .collect()
}

/// One `presence_diff` message.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) joins: State,
    pub(super) leaves: State,
}

impl Frame {
    pub(super) fn new(joins: &[Arc<Entry>], leaves: &[Arc<Entry>]) -> Self {
        Self {
            joins: state(joins),
            leaves: state(leaves),
        }
    }
}

/// `Presence.syncDiff`: joins first, by reference, then leaves.
pub(super) fn sync_diff(state: &mut State, frame: &Frame) {
    for (key, joined) in &frame.joins {
        let mut refs = state.remove(key).unwrap_or_default();
        refs.retain(|held| !joined.contains(held));
        refs.extend(joined.iter().cloned());
        state.insert(key.clone(), refs);
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
pub(super) fn sync_state(state: &mut State, new: &State) {
    let missing = |from: &State, of: &State| -> State {
        let keys = of.iter().map(|(key, refs)| {
            let known = from.get(key);
            let refs = refs.iter();
            let refs = refs.filter(|held| !known.is_some_and(|known| known.contains(held)));
            (key.clone(), refs.cloned().collect::<Vec<_>>())
        });
        keys.filter(|(_, refs)| !refs.is_empty()).collect()
    };
    let frame = Frame {
        joins: missing(state, new),
        leaves: missing(new, state),
    };
    sync_diff(state, &frame);
}

/// Checks a topic's frames: a meta never joins twice without a leave between, and never leaves unjoined.
#[derive(Debug, Default)]
pub(super) struct Alternation(BTreeSet<String>);

impl Alternation {
    pub(super) fn check(&mut self, frame: &Frame) {
        for phx_ref in frame.joins.values().flatten() {
            assert!(self.0.insert(phx_ref.clone()), "{phx_ref} joined twice");
        }
        for phx_ref in frame.leaves.values().flatten() {
            assert!(self.0.remove(phx_ref), "{phx_ref} left without a join");
        }
    }
}
