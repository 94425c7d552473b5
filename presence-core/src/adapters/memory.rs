//! Several nodes in one process, for tests of what crosses nodes.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use parking_lot::Mutex;

use crate::pubsub::{Adapter, AdapterError, Inbox, Message};

/// A cluster within one process. Messages arrive at once and in order, on the sender's thread.
///
/// ```
/// use presence_core::{adapters::MemoryCluster, PubSub};
///
/// let cluster = MemoryCluster::default();
/// let a = PubSub::with_adapter(cluster.join("a"));
/// let b = PubSub::with_adapter(cluster.join("b"));
/// # let _ = (a, b);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryCluster {
    nodes: Arc<Mutex<HashMap<String, Inbox>>>,
}

impl MemoryCluster {
    /// The adapter of a further node. A node of the same name that is there already is replaced, as
    /// a restarted one would.
    #[must_use]
    pub fn join(&self, node_name: impl Into<String>) -> Memory {
        Memory {
            cluster: self.clone(),
            node_name: node_name.into(),
        }
    }
}

/// One node of a [`MemoryCluster`].
#[derive(Debug)]
pub struct Memory {
    cluster: MemoryCluster,
    node_name: String,
}

impl Adapter for Memory {
    fn node_name(&self) -> &str {
        &self.node_name
    }

    fn start(&self, inbox: Inbox) {
        self.cluster
            .nodes
            .lock()
            .insert(self.node_name.clone(), inbox);
    }

    fn broadcast(&self, message: &Message) -> Result<(), AdapterError> {
        let others: Vec<Inbox> = {
            let nodes = self.cluster.nodes.lock();
            let others = nodes.iter().filter(|(name, _)| **name != self.node_name);
            others.map(|(_, inbox)| inbox.clone()).collect()
        };
        for inbox in others {
            inbox.deliver(message);
        }
        Ok(())
    }

    fn direct(&self, node: &str, message: &Message) -> Result<(), AdapterError> {
        let inbox = self.cluster.nodes.lock().get(node).cloned();
        match inbox {
            Some(inbox) if inbox.deliver(message) => Ok(()),
            _ => Err(AdapterError::UnknownNode(node.to_owned())),
        }
    }

    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.cluster.nodes.lock().remove(&self.node_name);
        Box::pin(async {})
    }
}
