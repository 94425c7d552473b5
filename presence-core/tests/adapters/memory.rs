use presence_core::{PubSub, adapters::MemoryCluster};

use crate::suite::{Bed, Node, Stats, suite};

impl Bed for MemoryCluster {
    const KNOWS_NODES: bool = true;

    async fn node(&self, name: &str) -> Node {
        Node {
            pubsub: PubSub::with_adapter(self.join(name)),
            stats: Box::new(Stats::default),
        }
    }
}

suite!(MemoryCluster::default(), [hints_tell_who_comes_and_goes]);
