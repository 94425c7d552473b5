//! The counts of events: a simulation in which an event never occurs says nothing about it.

mod node;

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts by name. Serializes as a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    /// Adds to a count.
    pub fn add(&mut self, name: &str, count: u64) {
        match self.0.get_mut(name) {
            Some(held) => *held += count,
            None => {
                self.0.insert(name.to_owned(), count);
            }
        }
    }

    /// Adds all counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            self.add(name, *count);
        }
    }

    /// A count; 0 for one that is not there.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// All counts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (&**name, *count))
    }
}
