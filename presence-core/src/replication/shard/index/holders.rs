//! The entries under one key of one topic.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::keys::Keyed;
use crate::replication::set::visits::visit;
use crate::replication::set::{Clock, Entry, Origin, PhxRef, Tag};

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
/// whole room shares still finds and removes an entry without visiting the others, and finds the
/// oldest entry of an origin.
#[derive(Clone, Debug)]
pub(super) enum Holders {
    One(Arc<Entry>),
    Many(Box<Many>),
}

/// The entries of a key that has several.
#[derive(Clone, Debug)]
pub(super) struct Many {
    key: Arc<str>,
    by_ref: BTreeMap<PhxRef, Arc<Entry>>,
    /// The same entries by origin, the oldest of an origin first.
    by_tag: BTreeSet<ByTag>,
    /// Those of them whose owners' connections were lost.
    lost: BTreeSet<ByTag>,
}

/// An entry, ordered by its tag.
#[derive(Clone, Debug)]
struct ByTag(Arc<Entry>);

impl Many {
    /// Adds an entry whose reference is not here.
    fn insert(&mut self, entry: Arc<Entry>) {
        self.insert_by_tag(&entry);
        self.by_ref.insert(entry.meta.reference(), entry);
    }

    fn insert_by_tag(&mut self, entry: &Arc<Entry>) {
        self.by_tag.insert(ByTag(Arc::clone(entry)));
        if entry.owner.is_lost() {
            self.lost.insert(ByTag(Arc::clone(entry)));
        }
    }

    fn remove_by_tag(&mut self, entry: &Entry) {
        self.by_tag.remove(&entry.tag);
        self.lost.remove(&entry.tag);
    }

    fn remove(&mut self, phx_ref: PhxRef) {
        if let Some(entry) = self.by_ref.remove(&phx_ref) {
            self.remove_by_tag(&entry);
        }
    }
}

impl Keyed for Holders {
    fn key(&self) -> &Arc<str> {
        match self {
            Self::One(entry) => &entry.key,
            Self::Many(many) => &many.key,
        }
    }
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
            Self::Many(many) => match many.by_ref.get_mut(&phx_ref) {
                Some(held) => {
                    let old = Arc::clone(held);
                    if replace(held, &entry) {
                        many.remove_by_tag(&old);
                        many.insert_by_tag(&entry);
                    }
                    false
                }
                None => {
                    many.insert(entry);
                    true
                }
            },
            Self::One(first) if first.meta.reference() == phx_ref => {
                replace(first, &entry);
                false
            }
            Self::One(first) => {
                let mut many = Box::new(Many {
                    key: Arc::clone(&entry.key),
                    by_ref: BTreeMap::new(),
                    by_tag: BTreeSet::new(),
                    lost: BTreeSet::new(),
                });
                many.insert(Arc::clone(first));
                many.insert(entry);
                *self = Self::Many(many);
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
            Self::Many(many) => {
                let phx_ref = entry.meta.reference();
                let held = many.by_ref.get(&phx_ref);
                if held.is_none_or(|held| held.tag != entry.tag) {
                    return Removed::Nothing;
                }
                many.remove(phx_ref);
                if many.by_ref.len() == 1
                    && let Some((_, last)) = many.by_ref.pop_first()
                {
                    *self = Self::One(last);
                }
                Removed::OneOfMany
            }
        }
    }

    /// Returns whether an entry has this reference.
    pub(super) fn holds(&self, phx_ref: PhxRef) -> bool {
        visit(1);
        match self {
            Self::One(entry) => entry.meta.reference() == phx_ref,
            Self::Many(many) => many.by_ref.contains_key(&phx_ref),
        }
    }

    /// Returns the oldest entry of the origin.
    pub(super) fn oldest_of(&self, origin: &Arc<Origin>) -> Option<&Arc<Entry>> {
        visit(1);
        let entry = match self {
            Self::One(entry) => entry,
            Self::Many(many) => {
                let first = Tag {
                    origin: Arc::clone(origin),
                    clock: Clock::ZERO,
                };
                &many.by_tag.range(first..).next()?.0
            }
        };
        (entry.tag.origin == *origin).then_some(entry)
    }

    /// Returns the entry whose owner's connection was lost first, of the first node by name.
    pub(super) fn oldest_lost(&self) -> Option<&Arc<Entry>> {
        visit(1);
        match self {
            Self::One(entry) => Some(entry).filter(|entry| entry.owner.is_lost()),
            Self::Many(many) => many.lost.first().map(|first| &first.0),
        }
    }

    /// Adds at most `most` entries after the reference. Returns the last reference if others
    /// follow.
    ///
    /// This node's entries are added in the order of their owners. So an update keeps its place, as
    /// in Phoenix, which orders the metas of a key by process.
    pub(super) fn collect_into(
        &self,
        entries: &mut Vec<Arc<Entry>>,
        after: Option<PhxRef>,
        most: usize,
    ) -> Option<PhxRef> {
        match self {
            Self::One(entry) => {
                visit(1);
                if after.is_none_or(|after| entry.meta.reference() > after) {
                    entries.push(Arc::clone(entry));
                }
                None
            }
            Self::Many(many) => {
                let start = after.map_or(Unbounded, Excluded);
                let mut rest = many.by_ref.range((start, Unbounded));
                let some = rest.by_ref().take(most).inspect(|_| visit(1));
                let first = entries.len();
                entries.extend(some.map(|(_, entry)| Arc::clone(entry)));
                let last = entries.last().map(|entry| entry.meta.reference());
                entries[first..]
                    .sort_by_key(|entry| (entry.meta.reference().source(), entry.owner));
                rest.next().and(last)
            }
        }
    }
}

/// Puts the entry in the place of one of its own node. Returns whether it did.
fn replace(held: &mut Arc<Entry>, entry: &Arc<Entry>) -> bool {
    let same_node = held.tag.origin.name == entry.tag.origin.name;
    if same_node {
        *held = Arc::clone(entry);
    }
    same_node
}

impl Borrow<Tag> for ByTag {
    fn borrow(&self) -> &Tag {
        &self.0.tag
    }
}

impl Ord for ByTag {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.tag.cmp(&other.0.tag)
    }
}

impl PartialOrd for ByTag {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByTag {
    fn eq(&self, other: &Self) -> bool {
        self.0.tag == other.0.tag
    }
}

impl Eq for ByTag {}
