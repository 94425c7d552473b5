//! What replicas really held, and the checks that need to know it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::client::{sets, state};
use super::machine::Machine;
use super::violation::Rule;
use crate::crdt::{Clock, Entry, Incarnation, PhxRef, ReplicaName};
use crate::node::{Node, ReplicaStatus, ReplicaView};

/// Which rule is broken, and what was seen.
pub(super) type Finding = (Rule, String);

type Shard = (ReplicaName, Incarnation, usize);

#[derive(Default)]
pub(super) struct Ledger {
    /// The check of each shard of each incarnation, at each clock at which it was looked at.
    held: HashMap<Shard, BTreeMap<Clock, u64>>,
    /// Incarnations that a restored machine has lived twice: what they held at a clock is not one thing.
    lived_twice: HashSet<(ReplicaName, Incarnation)>,
    /// Every meta that was ever tracked, and where.
    tracked: HashMap<PhxRef, (Arc<str>, Arc<str>)>,
    /// Every topic, and every key in it.
    places: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// How often a clock was compared, and how often it could not be.
    pub(super) compared: u64,
    pub(super) unknown: u64,
}

impl Ledger {
    pub(super) fn note_tracked(&mut self, topic: &Arc<str>, key: &Arc<str>, phx_ref: PhxRef) {
        self.tracked
            .insert(phx_ref, (Arc::clone(topic), Arc::clone(key)));
        let keys = self.places.entry(Arc::clone(topic)).or_default();
        keys.insert(Arc::clone(key));
    }

    /// A machine is about to go on from a snapshot of this.
    pub(super) fn note_restored(&mut self, views: &[ReplicaView]) {
        for view in views.iter().filter(|view| is_me(view)) {
            let incarnation = (view.name.clone(), view.incarnation);
            self.held
                .retain(|(name, other, _), _| (name, other) != (&incarnation.0, &incarnation.1));
            self.lived_twice.insert(incarnation);
        }
    }

    /// Compares what a node holds with what its origins held, and keeps what it holds of itself.
    pub(super) fn compare(&mut self, views: &[ReplicaView]) -> Result<(), Finding> {
        for view in views {
            let incarnation = (view.name.clone(), view.incarnation);
            if self.lived_twice.contains(&incarnation) {
                continue;
            }
            for (number, shard) in view.shards.iter().enumerate() {
                let place = (view.name.clone(), view.incarnation, number);
                let held = self.held.entry(place).or_default();
                match held.get(&shard.clock) {
                    Some(check) if *check == shard.check => self.compared += 1,
                    Some(check) => {
                        let what = format!(
                            "{} of {:?}, shard {number}, at clock {}: held {check:x}, seen {:x} as {:?}",
                            view.name,
                            view.incarnation,
                            shard.clock.get(),
                            shard.check,
                            view.status,
                        );
                        return Err((Rule::ExactContents, what));
                    }
                    None if is_me(view) => {
                        held.insert(shard.clock, shard.check);
                    }
                    None => self.unknown += 1,
                }
            }
        }
        Ok(())
    }

    /// All that a node lists, without sealing anything, by topic.
    pub(super) fn listed(&self, node: &Node) -> BTreeMap<Arc<str>, Vec<Arc<Entry>>> {
        let topics = self.places.iter().map(|(topic, keys)| {
            let entries = keys.iter().flat_map(|key| node.get_by_key(topic, key));
            (Arc::clone(topic), entries.collect())
        });
        topics.collect()
    }

    /// Checks all that a running machine shows. `now` is its own time.
    pub(super) fn look(
        &self,
        machine: &Machine,
        node: &Node,
        now: Duration,
        diff_interval: Duration,
    ) -> Result<(), Finding> {
        let listed = self.listed(node);
        // Work waits for the next tick, so what is seen may be half of a change.
        let busy = node.next_deadline().is_some_and(|due| due <= now);
        for (topic, entries) in &listed {
            self.look_at_topic(node, topic, entries)?;
            let Some(listeners) = machine.topics.get(topic) else {
                continue;
            };
            let cooled = listeners
                .last
                .is_none_or(|last| last + diff_interval <= now);
            if busy || !cooled || listeners.under_way.is_some() {
                continue;
            }
            let present = sets(&state(entries));
            let refs: BTreeSet<_> = present.values().flatten().copied().collect();
            if listeners.alternation.joined() != &refs {
                let what = format!(
                    "{}, {topic}: all diffs make {:?}, a list {refs:?}",
                    machine.name,
                    listeners.alternation.joined()
                );
                return Err((Rule::ClientsFollow, what));
            }
            for client in &listeners.clients {
                if sets(client) != present {
                    let name = &machine.name;
                    let what = format!("{name}, {topic}: {client:?} and not {present:?}");
                    return Err((Rule::ClientsFollow, what));
                }
            }
        }
        local_listed(machine, &listed)?;
        if !busy {
            one_incarnation(machine, &listed)?;
        }
        Ok(())
    }

    fn look_at_topic(
        &self,
        node: &Node,
        topic: &str,
        entries: &[Arc<Entry>],
    ) -> Result<(), Finding> {
        let keys: BTreeSet<_> = entries.iter().map(|entry| &entry.key).collect();
        let count = node.count(topic);
        if count != keys.len() {
            let what = format!("{topic}: counts {count}, lists {}", keys.len());
            return Err((Rule::CountsKeys, what));
        }
        for entry in entries {
            let known = self.tracked.get(&entry.meta.reference());
            let same = known.is_some_and(|(topic, key)| *topic == entry.topic && *key == entry.key);
            if !same {
                return Err((Rule::NothingInvented, format!("{entry:?}")));
            }
        }
        Ok(())
    }
}

/// Whether it is what a node says of itself.
pub(super) fn is_me(view: &ReplicaView) -> bool {
    view.status == ReplicaStatus::Me
}

fn local_listed(
    machine: &Machine,
    listed: &BTreeMap<Arc<str>, Vec<Arc<Entry>>>,
) -> Result<(), Finding> {
    let tracked: BTreeSet<_> = machine.tracked.values().copied().collect();
    let own = listed
        .values()
        .flatten()
        .filter(|entry| is_local(entry))
        .map(|entry| entry.meta.reference());
    let own: BTreeSet<_> = own.collect();
    if own != tracked {
        let what = format!("{} tracks {tracked:?}, lists {own:?}", machine.name);
        return Err((Rule::LocalListed, what));
    }
    Ok(())
}

fn is_local(entry: &Entry) -> bool {
    {
        let _ = entry;
        true
    }
}

fn one_incarnation(
    machine: &Machine,
    listed: &BTreeMap<Arc<str>, Vec<Arc<Entry>>>,
) -> Result<(), Finding> {
    let mut shown: BTreeMap<&ReplicaName, BTreeSet<Incarnation>> = BTreeMap::new();
    for entry in listed.values().flatten() {
        let origin = &entry.tag.origin;
        shown
            .entry(&origin.name)
            .or_default()
            .insert(origin.incarnation);
    }
    for (name, mut incarnations) in shown {
        incarnations.retain(|incarnation| {
            !machine.seen.iter().any(|view| {
                view.name == *name
                    && view.incarnation == *incarnation
                    && view.status == ReplicaStatus::Leaving
            })
        });
        if incarnations.len() > 1 {
            let what = format!("{} shows {name} as {incarnations:?}", machine.name);
            return Err((Rule::OneIncarnation, what));
        }
    }
    Ok(())
}
