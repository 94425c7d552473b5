//! A large diff in parts.

use std::cmp::Ordering;

use super::Diff;
use crate::presence::presences::Slot;
use crate::presence::{PresenceEntry, Presences};

/// The bytes of a diff without keys: `{"joins":{},"leaves":{}}`.
const EMPTY: usize = 24;

/// See [`Diff::parts`].
pub(super) fn of(diff: &Diff, limit: usize) -> Vec<Diff> {
    let mut parts = Parts {
        limit,
        done: Vec::new(),
        open: Diff::default(),
        bytes: EMPTY,
    };
    let (mut joins, mut leaves) = (diff.joins.slots(), diff.leaves.slots());
    loop {
        let order = match (joins.first(), leaves.first()) {
            (Some((joining, _)), Some((leaving, _))) => joining.cmp(leaving),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        let (mut joining, mut leaving) = (None, None);
        if order.is_le() {
            (joining, joins) = (joins.first(), &joins[1..]);
        }
        if order.is_ge() {
            (leaving, leaves) = (leaves.first(), &leaves[1..]);
        }
        parts.add(joining, leaving);
    }
    parts.close();
    parts.done
}

struct Parts {
    limit: usize,
    done: Vec<Diff>,
    open: Diff,
    /// The bytes of the open part.
    bytes: usize,
}

impl Parts {
    /// Adds all changes of one key.
    fn add(&mut self, joining: Option<&Slot>, leaving: Option<&Slot>) {
        let bytes_of = |slot: Option<&Slot>| {
            slot.map_or(0, |(key, entry)| {
                let metas = entry.metas().iter();
                slot_bytes(key, entry) + metas.map(|meta| meta.as_str().len() + 1).sum::<usize>()
            })
        };
        let bytes = bytes_of(joining) + bytes_of(leaving);
        if self.bytes + bytes > self.limit && EMPTY + bytes <= self.limit {
            self.close();
        }
        if self.bytes + bytes <= self.limit {
            self.bytes += bytes;
            for (slot, side) in [
                (joining, &mut self.open.joins),
                (leaving, &mut self.open.leaves),
            ] {
                if let Some((key, entry)) = slot {
                    side.push_slot(key, entry.clone());
                }
            }
            return;
        }
        if let Some(slot) = joining {
            self.add_by_meta(slot, |part| &mut part.joins);
        }
        if let Some(slot) = leaving {
            self.add_by_meta(slot, |part| &mut part.leaves);
        }
    }

    /// Adds one side of a key that is too large for a part.
    fn add_by_meta(&mut self, (key, entry): &Slot, side: fn(&mut Diff) -> &mut Presences) {
        let slot_bytes = slot_bytes(key, entry);
        for meta in entry.metas() {
            let meta_bytes = meta.as_str().len() + 1;
            let is_open = |part: &mut Diff| side(part).last_key() == Some(key);
            let mut bytes = meta_bytes;
            if !is_open(&mut self.open) {
                bytes += slot_bytes;
            }
            if self.bytes + bytes > self.limit && !self.open.is_empty() {
                self.close();
                bytes = slot_bytes + meta_bytes;
            }
            let presences = side(&mut self.open);
            if presences.last_key() != Some(key) {
                presences.push_slot(key, entry.without_metas());
            }
            presences.push_meta(meta.clone());
            self.bytes += bytes;
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.done.push(std::mem::take(&mut self.open));
            self.bytes = EMPTY;
        }
    }
}

/// Returns the bytes of a key and its entry without metas, with a comma.
fn slot_bytes(key: &str, entry: &PresenceEntry) -> usize {
    let mut text = Vec::new();
    super::json::string(&mut text, key);
    text.push(b':');
    entry.without_metas().write(&mut text);
    text.len() + 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::replication::set::{Meta, MetaBody, PhxRefs};

    /// A client's state: the `phx_ref`s of each key.
    type State = BTreeMap<String, Vec<String>>;

    fn refs(entry: &Value) -> Vec<String> {
        let metas = entry["metas"].as_array().unwrap().iter();
        metas
            .map(|meta| meta["phx_ref"].as_str().unwrap().to_owned())
            .collect()
    }

    /// `Presence.syncDiff` of phoenix.js.
    fn sync_diff(state: &mut State, diff: &Diff) {
        let diff: Value = serde_json::from_slice(&diff.to_json()).unwrap();
        for (key, joining) in diff["joins"].as_object().unwrap() {
            let joining = refs(joining);
            let metas = state.entry(key.clone()).or_default();
            metas.retain(|held| !joining.contains(held));
            metas.extend(joining);
        }
        for (key, leaving) in diff["leaves"].as_object().unwrap() {
            let leaving = refs(leaving);
            let Some(metas) = state.get_mut(key) else {
                continue;
            };
            metas.retain(|held| !leaving.contains(held));
            if metas.is_empty() {
                state.remove(key);
            }
        }
    }

    /// A meta of a key: its size, and whether it is in the state, joins and leaves.
    type Change = (u8, usize, bool, bool, bool);

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let change = (
            0..6u8,
            0..120usize,
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
        );
        prop::collection::vec(change, 0..40)
    }

    /// Returns a state and the diff to the next. `fields` gives each key a field of `fetch`.
    fn made(mut changes: Vec<Change>, fields: bool) -> (State, Diff) {
        changes.sort_by_key(|change| change.0);
        let (mut state, mut diff) = (State::new(), Diff::default());
        let mut refs = PhxRefs::new(0);
        for (key, size, held, joins, leaves) in changes {
            let key: Arc<str> = format!("key {key}\n").into();
            let body = MetaBody::encode(&json!({ "x": "y".repeat(size) }), 1000).unwrap();
            let meta = Meta::new(refs.make(), None, &body);
            if held {
                let metas = state.entry(key.to_string()).or_default();
                metas.push(meta.phx_ref().to_owned());
            }
            for (side, changes) in [(&mut diff.joins, joins), (&mut diff.leaves, leaves)] {
                if changes && side.last_key() != Some(&key) {
                    let mut entry = PresenceEntry::default();
                    if fields {
                        entry.insert("name", "x".repeat(50)).unwrap();
                    }
                    side.push_slot(&key, entry);
                }
                if changes {
                    side.push_meta(meta.clone());
                }
            }
        }
        (state, diff)
    }

    /// Returns the metas of a side, with their keys, in order.
    fn listed(side: &Presences) -> Vec<(String, String)> {
        let metas = side.iter().flat_map(|(key, entry)| {
            let metas = entry.metas().iter();
            metas.map(|meta| (key.to_owned(), meta.as_str().to_owned()))
        });
        metas.collect()
    }

    proptest! {
        #[test]
        fn parts_lead_to_the_state_of_the_whole(
            changes in changes(), fields in any::<bool>(), limit in 0..2000usize)
        {
            let (before, diff) = made(changes, fields);
            let parts = diff.parts(limit);

            for (side, of) in [(&diff.joins, (|part| &part.joins) as fn(&Diff) -> &Presences),
                (&diff.leaves, |part| &part.leaves)]
            {
                let of_parts: Vec<_> = parts.iter().flat_map(|part| listed(of(part))).collect();
                prop_assert_eq!(listed(side), of_parts, "nothing is lost, or in another order");
            }
            for part in &parts {
                let metas = listed(&part.joins).len() + listed(&part.leaves).len();
                prop_assert!(metas > 0);
                let bytes = part.to_json().len();
                prop_assert!(bytes <= limit || metas == 1, "{} bytes, {} metas", bytes, metas);
            }

            let mut whole = before.clone();
            sync_diff(&mut whole, &diff);
            let mut by_parts = before.clone();
            for part in &parts {
                sync_diff(&mut by_parts, part);
                for key in before.keys().filter(|key| whole.contains_key(*key)) {
                    prop_assert!(by_parts.contains_key(key), "{:?} seems to leave", key);
                }
            }
            prop_assert_eq!(by_parts, whole);
        }
    }

    #[test]
    fn an_update_that_fits_is_not_split() {
        let changes =
            (0..6).flat_map(|key| [(key, 50, true, false, true), (key, 50, false, true, false)]);
        let (_, diff) = made(changes.collect(), false);
        let parts = diff.parts(600);
        assert!(parts.len() > 1);
        for part in parts {
            assert!(part.joins.keys().eq(part.leaves.keys()));
        }
    }

    #[test]
    fn a_diff_within_the_limit_stays_whole() {
        let (_, diff) = made(
            vec![(1, 5, false, true, false), (2, 5, true, false, true)],
            true,
        );
        let bytes = diff.to_json().len();
        // A part is counted with a comma after each key and each list of metas.
        assert_eq!(diff.parts(bytes + 4).len(), 1);
        assert!(Diff::default().parts(0).is_empty());
    }
}
