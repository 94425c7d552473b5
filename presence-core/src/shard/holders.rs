//! The entries under one key of one topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::crdt::{Entry, Tag};

/// One entry or several, by tag: the oldest of an origin first.
///
/// Nearly every key has one (a user with one tab), which then costs no allocation. A key that a whole
/// room shares still finds and removes an entry without visiting the others.
#[derive(Debug)]
pub(super) enum Holders {
    One(Arc<Entry>),
    Many(BTreeMap<Tag, Arc<Entry>>),
}

impl Holders {
    pub(super) fn add(&mut self, entry: Arc<Entry>) {
        match self {
            Self::Many(entries) => {
                entries.insert(entry.tag.clone(), entry);
            }
            Self::One(first) => {
                let first = Arc::clone(first);
                *self = Self::Many(BTreeMap::from([
                    (first.tag.clone(), first),
                    (entry.tag.clone(), entry),
                ]));
            }
        }
    }

    /// Removes the entry; tells whether any is left. If none is, the holders must go too.
    pub(super) fn remove(&mut self, tag: &Tag) -> bool {
        match self {
            Self::One(entry) => entry.tag != *tag,
            Self::Many(entries) => {
                entries.remove(tag);
                if entries.len() == 1
                    && let Some((_, last)) = entries.pop_first()
                {
                    *self = Self::One(last);
                }
                true
            }
        }
    }

    pub(super) fn collect_into(&self, entries: &mut Vec<Arc<Entry>>) {
        match self {
            Self::One(entry) => entries.push(Arc::clone(entry)),
            Self::Many(many) => entries.extend(many.values().cloned()),
        }
    }
}
