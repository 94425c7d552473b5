//! A load balancer before the nodes. It sends each connection to a node that reports to be ready.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::http;

/// The time between two requests to each node.
const PERIOD: Duration = Duration::from_millis(200);

pub(crate) struct Balancer {
    nodes: Vec<Backend>,
    task: std::sync::OnceLock<JoinHandle<()>>,
}

struct Backend {
    address: SocketAddr,
    ready: AtomicBool,
}

impl Balancer {
    pub(crate) fn start(addresses: &[SocketAddr]) -> Arc<Self> {
        let backend = |address: &SocketAddr| Backend {
            address: *address,
            ready: AtomicBool::new(false),
        };
        let balancer = Arc::new(Self {
            nodes: addresses.iter().map(backend).collect(),
            task: std::sync::OnceLock::new(),
        });
        let watching = tokio::spawn(watch(Arc::downgrade(&balancer)));
        // The lock is set here only.
        let _ = balancer.task.set(watching);
        balancer
    }

    /// Returns a random node of those that are ready, or `None` if no node is ready.
    pub(crate) fn pick(&self) -> Option<SocketAddr> {
        let ready = self
            .nodes
            .iter()
            .filter(|node| node.ready.load(Ordering::Relaxed));
        fastrand::choice(ready.collect::<Vec<_>>()).map(|node| node.address)
    }

    pub(crate) fn is_ready(&self, address: SocketAddr) -> bool {
        let node = self.nodes.iter().find(|node| node.address == address);
        node.is_some_and(|node| node.ready.load(Ordering::Relaxed))
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

async fn watch(balancer: std::sync::Weak<Balancer>) {
    while let Some(balancer) = balancer.upgrade() {
        for node in &balancer.nodes {
            let answer = http::get(node.address, "/ready").await;
            node.ready.store(answer.is_ok(), Ordering::Relaxed);
        }
        drop(balancer);
        sleep(PERIOD).await;
    }
}
