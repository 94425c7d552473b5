//! The entries of one topic, by key.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::iter;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::keys::{Keyed, Keys};
use crate::replication::set::visits::visit;
use crate::replication::set::{Clock, Entry, Origin, PhxRef, Tag};

/// The result of adding an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// An entry with its reference was here already.
    Nothing,
    /// It is new, and others of its key were here.
    OneOfMany,
    /// It is the first of its key.
    First,
}

/// The result of removing an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// It was not here.
    Nothing,
    /// It is gone, and others of its key are left.
    OneOfMany,
    /// It was the last of its key.
    Last,
}

/// The entries of a topic by key, and within a key by reference: the oldest of a source first.
///
/// By reference and not by tag, because that is what clients know an entry by: a node that goes on
/// under another incarnation gives its entries new tags, and they take the place of the old ones
/// unnoticed.
///
/// Nearly every key has one entry (a user with one tab), which costs one pointer. An enum of both
/// kinds of keys would cost two, so each kind has its own list.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// The entries that are alone under their keys.
    ones: Keys<Arc<Entry>>,
    /// The keys with several entries. `None`: there is no such key.
    several: Option<Box<Keys<Box<Many>>>>,
}

/// The entries under one key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holders<'a> {
    One(&'a Arc<Entry>),
    Many(&'a Many),
}

/// The entries of a key that has several.
///
/// A key that a whole room shares still finds and removes an entry without visiting the others, and
/// finds the oldest entry of an origin.
#[derive(Clone, Debug)]
pub(super) struct Many {
    key: Arc<str>,
    by_ref: BTreeMap<PhxRef, Arc<Entry>>,
    /// The same entries by origin, the oldest of an origin first.
    by_tag: BTreeMap<Place, Arc<Entry>>,
    /// Those of them whose owners' connections were lost.
    lost: BTreeMap<Place, Arc<Entry>>,
}

/// The place of an entry in the order of tags.
///
/// The reference tells entries of one tag apart, which a machine makes that was set back to a
/// snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    tag: Tag,
    phx_ref: PhxRef,
}

impl Many {
    fn of(entries: [&Arc<Entry>; 2]) -> Self {
        let mut many = Self {
            key: Arc::clone(&entries[0].key),
            by_ref: BTreeMap::new(),
            by_tag: BTreeMap::new(),
            lost: BTreeMap::new(),
        };
        for entry in entries {
            many.insert(entry);
        }
        many
    }

    /// Adds an entry whose reference is not here.
    fn insert(&mut self, entry: &Arc<Entry>) {
        self.insert_by_tag(entry);
        self.by_ref
            .insert(entry.meta.reference(), Arc::clone(entry));
    }

    fn insert_by_tag(&mut self, entry: &Arc<Entry>) {
        let place = Place::of(entry);
        if entry.owner.is_lost() {
            self.lost.insert(place.clone(), Arc::clone(entry));
        }
        self.by_tag.insert(place, Arc::clone(entry));
    }

    fn remove_by_tag(&mut self, entry: &Entry) {
        let place = Place::of(entry);
        self.by_tag.remove(&place);
        self.lost.remove(&place);
    }
}

impl Place {
    fn of(entry: &Entry) -> Self {
        Self {
            tag: entry.tag.clone(),
            phx_ref: entry.meta.reference(),
        }
    }
}

impl Keyed for Arc<Entry> {
    fn key(&self) -> &Arc<str> {
        &self.key
    }
}

impl Keyed for Box<Many> {
    fn key(&self) -> &Arc<str> {
        &self.key
    }
}

impl Held {
    /// Returns the number of keys.
    pub(super) fn len(&self) -> usize {
        self.ones.len() + self.several.as_ref().map_or(0, |several| several.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the entries under the key.
    pub(super) fn get(&self, key: &str) -> Option<Holders<'_>> {
        if let Some(one) = self.ones.get(key) {
            return Some(Holders::One(one));
        }
        let many = self.several.as_ref()?.get(key)?;
        Some(Holders::Many(many))
    }

    /// Returns the entries of each key from the key `first` on, in the order of the keys. Without
    /// `first`, of all keys.
    pub(super) fn from<'a>(&'a self, first: Option<&str>) -> impl Iterator<Item = Holders<'a>> {
        let mut ones = self.ones.from(first).peekable();
        let several = self.several.iter();
        let mut several = several.flat_map(move |several| several.from(first));
        let mut many = several.next();
        iter::from_fn(move || {
            // Most topics have no key with several entries.
            let Some(next) = many else {
                return ones.next().map(Holders::One);
            };
            let one = ones.next_if(|one| one.key < next.key);
            if one.is_none() {
                many = several.next();
            }
            Some(one.map_or(Holders::Many(next), Holders::One))
        })
    }

    /// Adds the entry, or replaces the one with its reference.
    ///
    /// An entry replaces only one of its own node. References differ between nodes, so another
    /// node's entry with the same reference is forged, and would take an entry away with it when it
    /// leaves.
    pub(super) fn add(&mut self, entry: &Arc<Entry>) -> Added {
        visit(1);
        let phx_ref = entry.meta.reference();
        if let Some(first) = self.ones.get_mut(&entry.key) {
            if first.meta.reference() == phx_ref {
                replace(first, entry);
                return Added::Nothing;
            }
            let many = Box::new(Many::of([first, entry]));
            self.ones.remove(&entry.key);
            self.several.get_or_insert_default().insert(many);
            return Added::OneOfMany;
        }
        let several = self.several.as_mut();
        let Some(many) = several.and_then(|several| several.get_mut(&entry.key)) else {
            self.ones.insert(Arc::clone(entry));
            return Added::First;
        };
        match many.by_ref.entry(phx_ref) {
            Vacant(place) => {
                place.insert(Arc::clone(entry));
                many.insert_by_tag(entry);
                Added::OneOfMany
            }
            Occupied(mut held) => {
                let old = Arc::clone(held.get());
                if replace(held.get_mut(), entry) {
                    many.remove_by_tag(&old);
                    many.insert_by_tag(entry);
                }
                Added::Nothing
            }
        }
    }

    /// Removes the entry, if it is here and not another in its place.
    pub(super) fn remove(&mut self, entry: &Entry) -> Removed {
        visit(1);
        if let Some(held) = self.ones.get(&entry.key) {
            // A machine that was set back to a snapshot makes two entries of one tag.
            let is_it = held.tag == entry.tag && held.meta.reference() == entry.meta.reference();
            if !is_it {
                return Removed::Nothing;
            }
            self.ones.remove(&entry.key);
            return Removed::Last;
        }
        let Some(several) = &mut self.several else {
            return Removed::Nothing;
        };
        let Some(many) = several.get_mut(&entry.key) else {
            return Removed::Nothing;
        };
        let Occupied(held) = many.by_ref.entry(entry.meta.reference()) else {
            return Removed::Nothing;
        };
        if held.get().tag != entry.tag {
            return Removed::Nothing;
        }
        held.remove();
        many.remove_by_tag(entry);
        if many.by_ref.len() == 1
            && let Some((_, last)) = many.by_ref.pop_first()
        {
            several.remove(&entry.key);
            if several.is_empty() {
                self.several = None;
            }
            self.ones.insert(last);
        }
        Removed::OneOfMany
    }
}

impl<'a> Holders<'a> {
    /// Returns the key.
    pub(super) fn key(self) -> &'a Arc<str> {
        match self {
            Self::One(entry) => &entry.key,
            Self::Many(many) => &many.key,
        }
    }

    /// Returns whether an entry has this reference.
    pub(super) fn holds(self, phx_ref: PhxRef) -> bool {
        visit(1);
        match self {
            Self::One(entry) => entry.meta.reference() == phx_ref,
            Self::Many(many) => many.by_ref.contains_key(&phx_ref),
        }
    }

    /// Returns the oldest entry of the origin.
    pub(super) fn oldest_of(self, origin: &Arc<Origin>) -> Option<&'a Arc<Entry>> {
        visit(1);
        let entry = match self {
            Self::One(entry) => entry,
            Self::Many(many) => {
                let first = Place {
                    tag: Tag {
                        origin: Arc::clone(origin),
                        clock: Clock::ZERO,
                    },
                    phx_ref: PhxRef::FIRST,
                };
                many.by_tag.range(first..).next()?.1
            }
        };
        (entry.tag.origin == *origin).then_some(entry)
    }

    /// Returns the entry whose owner's connection was lost first, of the first node by name.
    pub(super) fn oldest_lost(self) -> Option<&'a Arc<Entry>> {
        visit(1);
        match self {
            Self::One(entry) => Some(entry).filter(|entry| entry.owner.is_lost()),
            Self::Many(many) => many.lost.values().next(),
        }
    }

    /// Adds at most `most` entries after the reference. Returns the last reference if others
    /// follow.
    ///
    /// This node's entries are added in the order of their owners. So an update keeps its place, as
    /// in Phoenix, which orders the metas of a key by process.
    pub(super) fn collect_into(
        self,
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

#[cfg(test)]
mod tests;
