//! The handling of frames from other nodes, or from strangers.

use std::collections::HashSet;

use bytes::Bytes;
use parking_lot::Mutex;

use super::EngineStats;
use crate::adapters::delivery::Delivery;
use crate::log_limit::LogLimit;
use crate::pubsub::{
    Inbox,
    wire::{self, SendingNode, WireError},
};

/// The most nodes whose versions are logged. More log lines would help nobody.
const MAX_FOREIGN: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Incoming {
    garbage: LogLimit,
    clash: LogLimit,
    delivery: Delivery,
    /// The nodes that sent frames of an unknown version.
    foreign: Mutex<HashSet<String>>,
}

impl Incoming {
    pub(super) fn receive(
        &self,
        frame: &Bytes,
        own: &SendingNode<'_>,
        inbox: &Inbox,
        stats: &EngineStats,
    ) {
        let (sender, frame) = match wire::decode(frame) {
            Ok(decoded) => decoded,
            Err(error) => {
                stats.count_rejected();
                return self.complain(&error);
            }
        };
        if sender == *own {
            return;
        }
        if sender.node == own.node {
            self.name_clash(own.node);
        }
        stats.count_received();
        self.delivery.to(inbox, &frame.message);
    }

    fn complain(&self, error: &WireError) {
        // Logged separately from garbage, which could crowd out all other log lines.
        if let WireError::Version { node, .. } | WireError::Newer { node, .. } = error {
            let mut foreign = self.foreign.lock();
            if foreign.len() < MAX_FOREIGN && foreign.insert(node.clone()) {
                tracing::warn!(
                    "{error}; such messages are dropped until both nodes are of the same version"
                );
            }
            return;
        }
        if let Some(before) = self.garbage.pass() {
            tracing::warn!(
                more = before,
                "dropped what is not a message of a node: {error}"
            );
        }
    }

    /// Logs that another node may have this node's name. This is not certain: a message of an
    /// earlier start of this node may still be on its way.
    fn name_clash(&self, name: &str) {
        if let Some(before) = self.clash.pass() {
            tracing::error!(
                more = before,
                "another node of this cluster is named {name:?} too, or was until now; names must differ"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PubSub,
        adapters::MemoryCluster,
        pubsub::{Broadcast, Payload, wire::Kind},
    };

    /// Returns the inbox of an adapter that only keeps it.
    fn node() -> (PubSub, Inbox) {
        let cluster = MemoryCluster::default();
        let pubsub = PubSub::with_adapter(cluster.join("b"));
        let inbox = cluster.inbox("b").expect("b has joined");
        (pubsub, inbox)
    }

    #[test]
    fn own_frames_are_left_out_and_those_of_a_namesake_are_not() {
        let (pubsub, inbox) = node();
        let mut on_b = pubsub.receiver("t", 8);
        let (incoming, stats) = (Incoming::default(), EngineStats::default());
        let own = SendingNode {
            node: "b",
            start: 1,
        };
        let message = Broadcast::new("t", "e", Payload::empty());
        for (node, start) in [("b", 1), ("b", 2), ("a", 1)] {
            let sender = SendingNode { node, start };
            let frame = wire::encode(&sender, Kind::Broadcast, &message).unwrap();
            incoming.receive(&frame, &own, &inbox, &stats);
        }
        assert_eq!(stats.received(), 2);
        assert_eq!(stats.rejected(), 0);
        assert_eq!(on_b.try_recv(), Some(message.clone()));
        assert_eq!(on_b.try_recv(), Some(message));
        assert_eq!(on_b.try_recv(), None);
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_nodes_of_other_versions_are_named_once() {
        let (_pubsub, inbox) = node();
        let (incoming, stats) = (Incoming::default(), EngineStats::default());
        let own = SendingNode {
            node: "b",
            start: 1,
        };
        let sender = SendingNode {
            node: "a",
            start: 1,
        };
        let message = Broadcast::new("t", "e", Payload::empty());
        let mut newer = wire::encode(&sender, Kind::Direct, &message)
            .unwrap()
            .to_vec();
        newer[1] += 2;
        for frame in [newer.clone(), newer, b"garbage".to_vec(), Vec::new()] {
            incoming.receive(&frame.into(), &own, &inbox, &stats);
        }
        assert_eq!(stats.rejected(), 4);
        assert_eq!(stats.received(), 0);
        assert_eq!(incoming.foreign.lock().len(), 1);
    }
}
