mod links;
mod tls;

use std::sync::Mutex;

use presence_core::adapters::{Peers, Zenoh, ZenohOptions, zenoh_client};

use support::ports::free_port;

use crate::suite::{Bed, Node, Wired, suite};

const MAX_MESSAGE: usize = 300_000;

/// Up to four nodes on loopback, each with the list of all.
struct ZenohBed {
    addresses: Vec<String>,
    /// The number of addresses that are taken.
    taken: Mutex<usize>,
}

/// A node with these options.
async fn node(options: ZenohOptions) -> Node {
    let zenoh = Zenoh::connect(options).await.unwrap();
    let stats = zenoh.stats();
    Node::counting(zenoh, stats)
}

fn free_addresses(count: usize) -> Vec<String> {
    let address = |_| format!("127.0.0.1:{}", free_port().unwrap());
    (0..count).map(address).collect()
}

fn bed() -> ZenohBed {
    ZenohBed {
        addresses: free_addresses(4),
        taken: Mutex::new(0),
    }
}

impl Bed for ZenohBed {
    const KNOWS_NODES: bool = true;
    async fn node(&self, name: &str) -> Node {
        let address = {
            let mut taken = self.taken.lock().unwrap();
            *taken += 1;
            self.addresses[*taken - 1].clone()
        };
        let peers = Peers::List(self.addresses.clone());
        node(ZenohOptions::new(name, address, peers).max_message_bytes(MAX_MESSAGE)).await
    }
}

impl Wired for ZenohBed {
    const LIMIT: usize = MAX_MESSAGE;

    async fn inject(&self, node: &str, bucket: &str, bytes: &[u8]) {
        let node: String = node.bytes().map(|byte| format!("{byte:02x}")).collect();
        let endpoints: Vec<String> = self
            .addresses
            .iter()
            .map(|address| format!("tcp/{address}"))
            .collect();
        let config = serde_json::json!({
            "mode": "client",
            "connect": { "endpoints": endpoints },
            "scouting": { "multicast": { "enabled": false } },
        });
        let config = zenoh_client::Config::from_json5(&config.to_string()).unwrap();
        let session = zenoh_client::open(config).await.unwrap();
        for key in [format!("presence/n/{node}"), format!("presence/b/{bucket}")] {
            session.put(key, bytes).await.unwrap();
        }
        session.close().await.unwrap();
    }
}

suite!(bed(), [
    only_nodes_with_subscribers_pay
    what_is_too_large_is_an_error
    garbage_is_dropped_and_counted
    two_nodes_of_one_name_hear_each_other
    hints_tell_who_comes_and_goes
]);
