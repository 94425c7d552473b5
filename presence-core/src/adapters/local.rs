//! The engine of a single node: there is nobody else.

use crate::pubsub::{Adapter, AdapterError, Broadcast, Inbox};

/// One node, nothing to carry. What [`PubSub::local`](crate::PubSub::local) uses.
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
