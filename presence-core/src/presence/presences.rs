//! Keys and their entries.

use std::iter::FusedIterator;
use std::slice;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::{PresenceEntry, json};
use crate::pubsub::Payload;
use crate::replication::set::{self, Meta};

pub(super) type Slot = (Arc<str>, PresenceEntry);

/// The keys in a topic, or those that join or leave it, in order, each with a [`PresenceEntry`].
///
/// As JSON: `{"alice": {"metas": [..]}, ..}`, the form of phoenix.js's `presence_state`. It can be
/// pushed or embedded like any value that serializes.
#[derive(Clone, Debug, Default)]
pub struct Presences {
    /// The slots, sorted by key: a `Vec` is smaller than a map, and a shard lists in this order.
    slots: Vec<Slot>,
}

impl Presences {
    /// Groups entries that are sorted by key.
    pub(crate) fn from_sorted<'a>(entries: impl IntoIterator<Item = &'a Arc<set::Entry>>) -> Self {
        let mut slots: Vec<Slot> = Vec::new();
        for entry in entries {
            match slots.last_mut() {
                Some((key, slot)) if *key == entry.key => slot.push(entry.meta.clone()),
                _ => {
                    let mut slot = PresenceEntry::default();
                    slot.push(entry.meta.clone());
                    slots.push((Arc::clone(&entry.key), slot));
                }
            }
        }
        Self { slots }
    }

    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns the entry under `key`.
    pub fn get(&self, key: &str) -> Option<&PresenceEntry> {
        let place = self.place(key)?;
        self.slots.get(place).map(|(_, entry)| entry)
    }

    /// Returns the entry under `key`, to add fields to it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut PresenceEntry> {
        let place = self.place(key)?;
        self.slots.get_mut(place).map(|(_, entry)| entry)
    }

    /// Returns the keys, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.slots.iter().map(|(key, _)| &**key)
    }

    /// Returns the keys and entries, in the order of the keys.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.slots.iter())
    }

    /// Returns the keys and entries, to add fields to the entries.
    pub fn iter_mut(&mut self) -> IterMut<'_> {
        IterMut(self.slots.iter_mut())
    }

    /// Removes all entries for which `keep` returns `false`.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &PresenceEntry) -> bool) {
        self.slots.retain(|(key, entry)| keep(key, entry));
    }

    /// Returns the presences as JSON text, made by joining the texts of the metas.
    pub fn to_json(&self) -> Bytes {
        let metas = self.slots.iter().flat_map(|(_, entry)| entry.metas());
        let mut out = Vec::with_capacity(metas.map(|meta| meta.as_str().len() + 32).sum());
        self.write(&mut out);
        out.into()
    }

    /// Returns all metas, each with its key, in the order of the keys.
    pub(crate) fn metas(&self) -> impl Iterator<Item = (&Arc<str>, &Meta)> {
        let slots = self.slots.iter();
        slots.flat_map(|(key, entry)| entry.metas().iter().map(move |meta| (key, meta)))
    }

    /// Removes all metas for which `keep` returns `false`, and the entries without metas.
    pub(crate) fn retain_metas(&mut self, mut keep: impl FnMut(&Arc<str>, &Meta) -> bool) {
        self.slots.retain_mut(|(key, entry)| {
            entry.retain(|meta| keep(key, meta));
            !entry.metas().is_empty()
        });
    }

    /// Takes the entry under `key` out of the list.
    pub(crate) fn take(mut self, key: &str) -> Option<PresenceEntry> {
        let place = self.place(key)?;
        Some(self.slots.swap_remove(place).1)
    }

    /// Keeps the keys that `shown` has, with the fields of `shown`, and removes the others.
    pub(super) fn dress_as(&mut self, shown: &Self) {
        self.slots.retain_mut(|(key, entry)| {
            let shown = shown.get(key);
            if let Some(shown) = shown {
                entry.dress_as(shown);
            }
            shown.is_some()
        });
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Adds a key after all others.
    pub(super) fn push_slot(&mut self, key: &Arc<str>, entry: PresenceEntry) {
        self.slots.push((Arc::clone(key), entry));
    }

    /// Adds a meta to the last key.
    pub(super) fn push_meta(&mut self, meta: Meta) {
        if let Some((_, entry)) = self.slots.last_mut() {
            entry.push(meta);
        }
    }

    pub(super) fn last_key(&self) -> Option<&Arc<str>> {
        self.slots.last().map(|(key, _)| key)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        json::object(out, self.iter(), |out, entry| entry.write(out));
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.slots
            .binary_search_by(|(held, _)| (**held).cmp(key))
            .ok()
    }
}

impl Serialize for Presences {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl From<&Presences> for Payload {
    fn from(presences: &Presences) -> Self {
        Self::Json(presences.to_json())
    }
}

impl From<Presences> for Payload {
    fn from(presences: Presences) -> Self {
        Self::from(&presences)
    }
}

/// The iterator of [`Presences::iter`], over keys and entries.
#[derive(Clone, Debug)]
pub struct Iter<'a>(slice::Iter<'a, Slot>);

/// The iterator of [`Presences::iter_mut`], over keys and mutable entries.
#[derive(Debug)]
pub struct IterMut<'a>(slice::IterMut<'a, Slot>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a PresenceEntry);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, entry)| (&**key, entry))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}

impl<'a> Iterator for IterMut<'a> {
    type Item = (&'a str, &'a mut PresenceEntry);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, entry)| (&**key, entry))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for IterMut<'_> {}
impl FusedIterator for IterMut<'_> {}

impl<'a> IntoIterator for &'a Presences {
    type Item = (&'a str, &'a PresenceEntry);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Presences {
    type Item = (&'a str, &'a mut PresenceEntry);
    type IntoIter = IterMut<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
