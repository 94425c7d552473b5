use presence_core::{PubSub, adapters::MemoryCluster};

use crate::suite::{Bed, Node, Stats, suite};

impl Bed for MemoryCluster {
    const ROUTES: bool = false;
    const KNOWS_NODES: bool = true;
    const LIMIT: Option<usize> = None;

    async fn node(&self, name: &str) -> Node {
        Node {
            pubsub: PubSub::with_adapter(self.join(name)),
            stats: Box::new(Stats::default),
        }
    }

    async fn inject(&self, _node: &str, _bucket: &str, _bytes: &[u8]) -> bool {
        false
    }
}

suite!(MemoryCluster::default());
