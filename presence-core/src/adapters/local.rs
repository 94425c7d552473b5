//! The adapter of a single node without others.

use crate::pubsub::{Adapter, AdapterError, Broadcast, Inbox};

/// The adapter of one node, which sends no messages. [`PubSub::local`](crate::PubSub::local) uses
/// it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl Adapter for Local {
    fn node_name(&self) -> &str {
        "local"
    }

    fn is_clustered(&self) -> bool {
        false
    }

    fn start(&self, _inbox: Inbox) {}

    fn broadcast(&self, _message: &Broadcast) -> Result<(), AdapterError> {
        Ok(())
    }

    fn direct(&self, node: &str, _message: &Broadcast) -> Result<(), AdapterError> {
        Err(AdapterError::UnknownNode(node.to_owned()))
    }
}
