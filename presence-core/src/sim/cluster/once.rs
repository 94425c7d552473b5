//! The events that run once per cluster: which keys came and went, and who handles that.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Cluster;
use crate::replication::shard::KeyChange;
use crate::sim::ledger::Finding;
use crate::sim::machine::Machine;
use crate::sim::violation::Rule;

/// Takes the changes of a diff into the keys that have come and not gone.
///
/// # Errors
///
/// If a key comes twice without going, or goes without having come.
pub(super) fn follow(keys: &mut BTreeSet<Arc<str>>, changes: &[KeyChange]) -> Result<(), String> {
    for change in changes {
        let key = &change.entry.key;
        match change.came {
            true if keys.insert(Arc::clone(key)) => {}
            true => return Err(format!("the key {key} comes twice")),
            false if keys.remove(key) => {}
            false => return Err(format!("the key {key} goes and never came")),
        }
    }
    Ok(())
}

impl Cluster {
    /// Checks, when all has settled, that the diffs have told of exactly the keys that are listed,
    /// and that one node handles a change of each topic.
    pub(super) fn once(&self) -> Result<(), Finding> {
        let up = || self.machines.iter().filter(|machine| machine.is_up());
        let nodes = || up().filter_map(|machine| Some((machine, machine.running()?)));
        for (machine, node) in nodes() {
            for (topic, listeners) in &machine.topics {
                let (told, listed) = (listeners.keys.len(), node.count(topic));
                if told != listed {
                    let name = &machine.name;
                    let what = format!("{name}, {topic}: {told} keys told, {listed} listed");
                    return Err((Rule::Once, what));
                }
            }
        }
        if self.has_quarrels() {
            return Ok(());
        }
        let topics: BTreeSet<_> = up().flat_map(|machine| machine.topics.keys()).collect();
        let names: BTreeSet<_> = up().map(|machine| &machine.name).collect();
        for topic in topics {
            for of in nodes().map(|(_, node)| node.roll().me) {
                let runners = nodes().map(|(machine, node)| {
                    let now = machine.clock.at(self.now);
                    node.roll().runner(topic, &of, now).name.clone()
                });
                let runners: BTreeSet<_> = runners.collect();
                if runners.len() != 1
                    || !runners.is_subset(&names.iter().copied().cloned().collect())
                {
                    return Err((Rule::Once, format!("{topic} is handled on {runners:?}")));
                }
            }
        }
        Ok(())
    }

    /// Returns whether nodes may be up under one name, or may have been set back.
    pub(super) fn has_quarrels(&self) -> bool {
        let mut nodes = self.machines.iter().filter_map(Machine::running);
        self.twins || self.has_lied || nodes.any(|node| node.counters().membership.conflicts > 0)
    }
}
