//! The nodes that zenoh sees alive.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;

/// The most starts of nodes that are kept, more than a cluster can have. A peer may show any number
/// of starts, and they must not fill the memory.
const MAX_STARTS: usize = 16_384;

/// The present starts of each node. A node that was restarted may have two starts for a while.
#[derive(Debug, Default)]
pub(super) struct Living {
    nodes: Mutex<LiveNodes>,
}

#[derive(Debug, Default)]
struct LiveNodes {
    starts: HashMap<String, HashSet<u64>>,
    count: usize,
}

impl Living {
    /// Adds a start of `node`. Returns whether the node was not there before.
    pub(super) fn came(&self, node: &str, start: u64) -> bool {
        let mut nodes = self.nodes.lock();
        if nodes.count >= MAX_STARTS {
            return false;
        }
        let starts = nodes.starts.entry(node.to_owned()).or_default();
        let first = starts.is_empty();
        let new = starts.insert(start);
        nodes.count += usize::from(new);
        first
    }

    /// Removes a start of `node`. Returns whether it was the last one of the node.
    pub(super) fn went(&self, node: &str, start: u64) -> bool {
        let mut nodes = self.nodes.lock();
        let Some(starts) = nodes.starts.get_mut(node) else {
            return false;
        };
        let gone = starts.remove(&start);
        let last = starts.is_empty();
        if last {
            nodes.starts.remove(node);
        }
        nodes.count -= usize::from(gone);
        last
    }

    pub(super) fn contains(&self, node: &str) -> bool {
        self.nodes.lock().starts.contains_key(node)
    }

    /// Forgets all nodes, before zenoh shows them again.
    pub(super) fn clear(&self) {
        *self.nodes.lock() = LiveNodes::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restarted_node_has_not_gone_when_its_former_start_does() {
        let living = Living::default();
        assert!(living.came("a", 1));
        assert!(!living.came("a", 1));
        assert!(!living.came("a", 2));
        assert!(!living.went("a", 1));
        assert!(!living.went("a", 1));
        assert!(living.contains("a"));
        assert!(living.went("a", 2));
        assert!(!living.went("a", 2));
        assert!(!living.contains("a"));
        assert_eq!(living.nodes.lock().count, 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let living = Living::default();
        for start in 0..2 * MAX_STARTS as u64 {
            living.came("a", start);
        }
        assert_eq!(living.nodes.lock().count, MAX_STARTS);
    }
}
