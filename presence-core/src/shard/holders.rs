//! The entries under one key of one topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::crdt::visits::visit;
use crate::crdt::{Entry, PhxRef};

/// The result of removing an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// It was not here.
    Nothing,
    /// It is gone, and others are left.
    OneOfMany,
    /// It was the last. The holders must go too.
    Last,
}

/// One entry or several, by reference: the oldest of a source first.
///
/// By reference and not by tag, because that is what clients know an entry by: a node that goes on
/// under another incarnation gives its entries new tags, and they take the place of the old ones
/// unnoticed.
///
/// Nearly every key has one (a user with one tab), which then costs no allocation. A key that a
/// whole room shares still finds and removes an entry without visiting the others.
#[derive(Clone, Debug)]
pub(super) enum Holders {
    One(Arc<Entry>),
    Many(BTreeMap<PhxRef, Arc<Entry>>),
}

impl Holders {
    /// Adds the entry, or replaces the one with its reference. Returns whether it is new.
    ///
    /// An entry replaces only one of its own node. References differ between nodes, so another
    /// node's entry with the same reference is forged, and would take an entry away with it when it
    /// leaves.
    pub(super) fn add(&mut self, entry: Arc<Entry>) -> bool {
        visit(1);
        let phx_ref = entry.meta.reference();
        match self {
            Self::Many(entries) => match entries.get_mut(&phx_ref) {
                Some(held) => {
                    replace(held, entry);
                    false
                }
                None => entries.insert(phx_ref, entry).is_none(),
            },
            Self::One(first) if first.meta.reference() == phx_ref => {
                replace(first, entry);
                false
            }
            Self::One(first) => {
                let first = Arc::clone(first);
                *self = Self::Many(BTreeMap::from([
                    (first.meta.reference(), first),
                    (phx_ref, entry),
                ]));
                true
            }
        }
    }

    /// Removes the entry, if it is here and not another in its place.
    pub(super) fn remove(&mut self, entry: &Entry) -> Removed {
        visit(1);
        match self {
            Self::One(held) if held.tag == entry.tag => Removed::Last,
            Self::One(_) => Removed::Nothing,
            Self::Many(entries) => {
                let phx_ref = entry.meta.reference();
                if entries
                    .get(&phx_ref)
                    .is_none_or(|held| held.tag != entry.tag)
                {
                    return Removed::Nothing;
                }
                entries.remove(&phx_ref);
                if entries.len() == 1
                    && let Some((_, last)) = entries.pop_first()
                {
                    *self = Self::One(last);
                }
                Removed::OneOfMany
            }
        }
    }

    pub(super) fn collect_into(&self, entries: &mut Vec<Arc<Entry>>) {
        match self {
            Self::One(entry) => {
                visit(1);
                entries.push(Arc::clone(entry));
            }
            Self::Many(many) => {
                visit(many.len());
                entries.extend(many.values().cloned());
            }
        }
    }
}

fn replace(held: &mut Arc<Entry>, entry: Arc<Entry>) {
    if held.tag.origin.name == entry.tag.origin.name {
        *held = entry;
    }
}
