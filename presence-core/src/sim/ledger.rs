//! The true contents of replicas, and the checks against them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::client::{sets, state};
use super::lost::own_listed;
use super::machine::Machine;
use super::violation::Rule;
use crate::replication::node::{Node, ReplicaView, Status};
use crate::replication::set::{Clock, Entry, Origin, PhxRef, ReplicaName};

/// Which rule is broken, and what was seen.
pub(super) type Finding = (Rule, String);

/// A topic and a key.
type TopicKey = (Arc<str>, Arc<str>);

#[derive(Default)]
pub(super) struct Ledger {
    /// The check of each shard of each incarnation, at each clock at which it was looked at.
    held: HashMap<(Origin, usize), BTreeMap<Clock, u64>>,
    /// Incarnations that a restored machine has lived twice: what they held at a clock is not one
    /// thing.
    lived_twice: HashSet<Origin>,
    /// Incarnations that have left in order: they may be shown beside the one after.
    left: HashSet<Origin>,
    /// Every meta that was ever tracked, and where.
    tracked: HashMap<PhxRef, Vec<TopicKey>>,
    /// Every topic, every key in it, and the number of metas that the key ever had there.
    keys: BTreeMap<Arc<str>, BTreeMap<Arc<str>, usize>>,
    /// The number of clocks that were compared, and the number that could not be.
    pub(super) compared: u64,
    pub(super) unknown: u64,
}

impl Ledger {
    /// Something is tracked. `twice`: on a machine that was restored, and may make references once
    /// more that it made in the life it has forgotten.
    pub(super) fn note_tracked(
        &mut self,
        topic: &Arc<str>,
        key: &Arc<str>,
        phx_ref: PhxRef,
        twice: bool,
    ) -> Result<(), Finding> {
        let keys = self.keys.entry(Arc::clone(topic)).or_default();
        *keys.entry(Arc::clone(key)).or_default() += 1;
        let topic_keys = self.tracked.entry(phx_ref).or_default();
        topic_keys.push((Arc::clone(topic), Arc::clone(key)));
        if topic_keys.len() > 1 && !twice {
            return Err((Rule::UniqueRefs, format!("{phx_ref} is {topic_keys:?}")));
        }
        Ok(())
    }

    /// Returns the number of metas that were ever tracked under the key.
    pub(super) fn tracks(&self, topic: &str, key: &str) -> usize {
        let keys = self.keys.get(topic);
        keys.and_then(|keys| keys.get(key)).copied().unwrap_or(0)
    }

    /// A machine goes on from a snapshot in which it saw this.
    pub(super) fn note_restored(&mut self, views: &[ReplicaView]) {
        for view in views.iter().filter(|view| is_me(view)) {
            self.held.retain(|(origin, _), _| *origin != view.origin);
            self.lived_twice.insert(view.origin.clone());
        }
    }

    /// A machine has left, and sees this.
    pub(super) fn note_left(&mut self, views: &[ReplicaView]) {
        let me = views.iter().filter(|view| is_me(view));
        self.left.extend(me.map(|view| view.origin.clone()));
    }

    /// Returns whether the incarnation has left in order.
    pub(super) fn has_left(&self, origin: &Origin) -> bool {
        self.left.contains(origin)
    }

    /// Compares what a machine's node holds with what its origins held, and keeps what it holds of
    /// itself.
    pub(super) fn compare(
        &mut self,
        views: &[ReplicaView],
        machine: &Machine,
    ) -> Result<(), Finding> {
        for view in views {
            if self.lived_twice.contains(&view.origin) {
                continue;
            }
            if let Err(finding) = self.compare_one(view) {
                // A restored machine goes on under another incarnation, and may have done just that
                // before.
                if !(machine.restored && is_me(view)) {
                    return Err(finding);
                }
                self.note_restored(std::slice::from_ref(view));
            }
        }
        Ok(())
    }

    fn compare_one(&mut self, view: &ReplicaView) -> Result<(), Finding> {
        for shard in &view.shards {
            let shard_held = (view.origin.clone(), shard.shard);
            // Before its first change a replica is empty.
            let held = self.held.entry(shard_held);
            let held = held.or_insert_with(|| BTreeMap::from([(Clock::ZERO, 0)]));
            match held.get(&shard.clock) {
                Some(check) if *check == shard.check => self.compared += 1,
                None if is_me(view) => {
                    held.insert(shard.clock, shard.check);
                }
                None => self.unknown += 1,
                Some(check) => {
                    let what = format!("{check:x} was held, {view:?} is seen");
                    return Err((Rule::ExactContents, what));
                }
            }
        }
        Ok(())
    }

    /// All that a node lists, without sealing anything, by topic.
    pub(super) fn listed(&self, node: &Node) -> BTreeMap<Arc<str>, Vec<Arc<Entry>>> {
        let topics = self.keys.iter().map(|(topic, keys)| {
            let entries = keys.keys().flat_map(|key| node.get_by_key(topic, key));
            (Arc::clone(topic), entries.collect())
        });
        topics.collect()
    }

    /// Checks all that a running machine shows. `now` is its own time.
    pub(super) fn look(
        &self,
        machine: &mut Machine,
        now: Duration,
        diff_interval: Duration,
    ) -> Result<(), Finding> {
        let Some(node) = &machine.node else {
            return Ok(());
        };
        let listed = self.listed(node);
        let lived_twice = |origin: &Origin| self.lived_twice.contains(origin);
        let entries = listed.values().flatten();
        machine.witness.look(&machine.seen, lived_twice, entries)?;
        // Work waits for the next tick, so what is seen may be half of a change.
        let busy = node.next_deadline().is_some_and(|due| due <= now);
        for (topic, entries) in &listed {
            self.look_at_topic(node, topic, entries)?;
            if !busy {
                self.one_incarnation(machine, topic, entries)?;
            }
            let Some(listeners) = machine.topics.get(topic) else {
                continue;
            };
            let cooled = listeners
                .last
                .is_none_or(|last| last + diff_interval <= now);
            if busy || !cooled || listeners.under_way.is_some() {
                continue;
            }
            let list = state(entries);
            if !listeners.alternation.agrees(&list) {
                let (name, diffs) = (&machine.name, &listeners.alternation);
                let what = format!("{name}, {topic}: all diffs make {diffs:?}, a list {list:?}");
                return Err((Rule::ClientsFollow, what));
            }
            let present = sets(&list);
            for client in &listeners.clients {
                if sets(client) != present {
                    let name = &machine.name;
                    let what = format!("{name}, {topic}: {client:?} and not {present:?}");
                    return Err((Rule::ClientsFollow, what));
                }
            }
        }
        own_listed(machine, self, &listed, now, busy)
    }

    /// A replica is replaced shard by shard, so what is promised is promised of a topic.
    fn one_incarnation(
        &self,
        machine: &Machine,
        topic: &str,
        entries: &[Arc<Entry>],
    ) -> Result<(), Finding> {
        let mut shown: BTreeMap<&ReplicaName, BTreeSet<&Arc<Origin>>> = BTreeMap::new();
        for entry in entries {
            let origin = &entry.tag.origin;
            if !self.has_left(origin) {
                shown.entry(&origin.name).or_default().insert(origin);
            }
        }
        match shown.values().find(|origins| origins.len() > 1) {
            Some(origins) => {
                let what = format!("{}, {topic}: {origins:?}", machine.name);
                Err((Rule::OneIncarnation, what))
            }
            None => Ok(()),
        }
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
            let topic_key = (Arc::clone(&entry.topic), Arc::clone(&entry.key));
            if !known.is_some_and(|known| known.contains(&topic_key)) {
                return Err((Rule::NothingInvented, format!("{entry:?}")));
            }
        }
        Ok(())
    }
}

/// Returns whether it is a node's view of itself.
pub(super) fn is_me(view: &ReplicaView) -> bool {
    view.status == Some(Status::Me)
}
