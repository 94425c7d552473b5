//! A client's presences, by the rules of `Presence` in phoenix.js.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Keys with the references of their metas. Nothing else of a meta matters here.
pub(crate) type Keys = BTreeMap<String, Vec<String>>;

/// The presences that a client shows.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    shown: Keys,
    /// The diffs that came before the first state of the present join.
    pending: Vec<Diff>,
    /// Set once that state has come.
    synced: bool,
}

/// A `presence_diff`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Diff {
    #[serde(deserialize_with = "keys")]
    pub(crate) joins: Keys,
    #[serde(deserialize_with = "keys")]
    pub(crate) leaves: Keys,
}

/// A `presence_state`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct State(#[serde(deserialize_with = "keys")] pub(crate) Keys);

/// The keys that a message has added, and those that it has removed, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) came: Vec<String>,
    pub(crate) went: Vec<String>,
}

impl Presence {
    pub(crate) fn shown(&self) -> &Keys {
        &self.shown
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.synced
    }

    /// Notes that the channel was joined again. Diffs wait for its state. The keys that are shown
    /// stay.
    pub(crate) fn rejoined(&mut self) {
        self.synced = false;
        self.pending.clear();
    }

    pub(crate) fn state(&mut self, state: &State) -> Shift {
        let mut shift = Shift::default();
        let diff = self.difference(&state.0);
        self.apply(diff, &mut shift);
        for diff in std::mem::take(&mut self.pending) {
            self.apply(diff, &mut shift);
        }
        self.synced = true;
        shift
    }

    pub(crate) fn diff(&mut self, diff: Diff) -> Shift {
        let mut shift = Shift::default();
        match self.synced {
            true => self.apply(diff, &mut shift),
            false => self.pending.push(diff),
        }
        shift
    }

    fn difference(&self, state: &Keys) -> Diff {
        let mut diff = Diff::default();
        for (key, refs) in &self.shown {
            let left = without(refs, state.get(key));
            if !left.is_empty() {
                diff.leaves.insert(key.clone(), left);
            }
        }
        for (key, refs) in state {
            let joined = without(refs, self.shown.get(key));
            if !joined.is_empty() {
                diff.joins.insert(key.clone(), joined);
            }
        }
        diff
    }

    /// Applies joins before leaves.
    fn apply(&mut self, diff: Diff, shift: &mut Shift) {
        for (key, joined) in diff.joins {
            if let Some(shown) = self.shown.get_mut(&key) {
                shown.retain(|held| !joined.contains(held));
                shown.extend(joined);
            } else {
                shift.came.push(key.clone());
                self.shown.insert(key, joined);
            }
        }
        for (key, left) in diff.leaves {
            if let Some(shown) = self.shown.get_mut(&key) {
                shown.retain(|held| !left.contains(held));
                if shown.is_empty() {
                    self.shown.remove(&key);
                    shift.went.push(key);
                }
            }
        }
    }
}

fn without(refs: &[String], others: Option<&Vec<String>>) -> Vec<String> {
    let is_other = |held: &&String| others.is_some_and(|others| others.contains(held));
    let rest = refs.iter().filter(|held| !is_other(held));
    rest.cloned().collect()
}

fn keys<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Keys, D::Error> {
    #[derive(Deserialize)]
    struct PresenceEntry {
        metas: Vec<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        phx_ref: String,
    }
    let entries = BTreeMap::<String, PresenceEntry>::deserialize(source)?;
    let refs = |entry: PresenceEntry| entry.metas.into_iter().map(|meta| meta.phx_ref).collect();
    Ok(entries
        .into_iter()
        .map(|(key, entry)| (key, refs(entry)))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn metas(pairs: &[(&str, &[&str])]) -> Value {
        let entry = |refs: &[&str]| {
            let metas: Vec<_> = refs.iter().map(|held| json!({"phx_ref": held})).collect();
            json!({ "metas": metas })
        };
        pairs
            .iter()
            .map(|(key, refs)| ((*key).to_owned(), entry(refs)))
            .collect()
    }

    fn state(pairs: &[(&str, &[&str])]) -> State {
        serde_json::from_value(metas(pairs)).unwrap()
    }

    fn diff(joins: &[(&str, &[&str])], leaves: &[(&str, &[&str])]) -> Diff {
        serde_json::from_value(json!({ "joins": metas(joins), "leaves": metas(leaves) })).unwrap()
    }

    fn shown(presence: &Presence) -> Vec<(&str, usize)> {
        let counts = presence.shown().iter();
        counts
            .map(|(key, refs)| (key.as_str(), refs.len()))
            .collect()
    }

    #[test]
    fn diffs_wait_for_the_state() {
        let mut presence = Presence::default();
        presence.diff(diff(&[("b", &["2"])], &[("a", &["1"])]));
        assert_eq!(shown(&presence), []);
        presence.state(&state(&[("a", &["1"])]));
        assert_eq!(shown(&presence), [("b", 1)]);
    }

    #[test]
    fn a_key_that_moves_in_one_diff_is_never_gone() {
        let mut presence = Presence::default();
        presence.state(&state(&[("a", &["1"])]));
        let shift = presence.diff(diff(&[("a", &["2"])], &[("a", &["1"])]));
        assert_eq!(presence.shown()["a"], ["2"]);
        assert_eq!(shift, Shift::default());
    }

    #[test]
    fn a_later_state_takes_away_what_it_does_not_hold() {
        let mut presence = Presence::default();
        presence.state(&state(&[("a", &["1", "2"]), ("b", &["3"])]));
        presence.rejoined();
        assert_eq!(shown(&presence), [("a", 2), ("b", 1)]);
        let shift = presence.state(&state(&[("a", &["2"]), ("c", &["4"])]));
        assert_eq!(
            (shift.came, shift.went),
            (vec!["c".to_owned()], vec!["b".to_owned()])
        );
        assert_eq!(shown(&presence), [("a", 1), ("c", 1)]);
    }
}
